/**
 * Keeps what V8 compiled of the program, so that the next start begins with it. Node can keep such things by itself from
 * 22.1 on, but what it keeps lacks all functions that run later than the load.
 */
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, isAbsolute, join } from 'node:path';
import { getHeapCodeStatistics } from 'node:v8';

/** A start adds what it compiled when the code in memory is this much larger than what was kept. */
const RICHER = 1.2;
/** Each version of btget has a file for each version of Node, and for other options of it. The newest ones stay. */
const MAX_FILES = 4;
const DIGEST_LENGTH = 32;
/** A file holds the digest of the rest, the size of the code in memory (8 bytes), and what V8 made. */
const HEAD_LENGTH = DIGEST_LENGTH + 8;

/**
 * What is kept of a program with this text; null where nothing may be kept. `code` is undefined when nothing is kept
 * yet. `keepAtExit` gets the script that was made with `code`.
 */
export function findKeptCode(text) {
  const folder = ownFolder();
  if (folder === null) return null;
  const path = join(folder, digestOf(text, compiler()).toString('hex', 0, 16));
  const { size, code } = read(path);
  return { code, keepAtExit: (script) => keepAtExit(path, size, script) };
}

/** `keptSize`: the size of the code that the script was made with. */
function keepAtExit(path, keptSize, script) {
  const usedSize = script.cachedDataRejected ? 0 : keptSize;
  process.on('exit', () => {
    const size = getHeapCodeStatistics().bytecode_and_metadata_size;
    if (size > usedSize * RICHER) write(path, size, script.createCachedData());
  });
}

/** What the code depends on, besides the text, of which V8 itself looks at the length only. Some options change it. */
function compiler() {
  const { version, arch, execArgv, env } = process;
  return JSON.stringify([version, arch, execArgv, env.NODE_OPTIONS]);
}

/**
 * The folder for what was compiled, in the cache of the user; null when there is none. The code in it is run, so nobody
 * else may write to it. Not in the system's folder for temporary files: all users share that.
 */
function ownFolder() {
  const { XDG_CACHE_HOME: cache, HOME: home = process.env.USERPROFILE, NODE_DISABLE_COMPILE_CACHE: off } = process.env;
  if (off) return null;
  const base =
    cache !== undefined && isAbsolute(cache) ? cache : home && isAbsolute(home) ? join(home, '.cache') : null;
  if (base === null) return null;
  const folder = join(base, 'btget', 'compiled');
  try {
    // Root with the home of another user makes nothing there: that user could not write to it.
    if (!isOwn(nearest(folder))) return null;
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const about = statSync(folder);
    return isOwn(about) && !mayOthersWrite(about) ? folder : null;
  } catch {
    // Without it a start only takes longer.
    return null;
  }
}

function isOwn({ uid }) {
  return process.getuid === undefined || uid === process.getuid();
}

function mayOthersWrite({ mode }) {
  return process.getuid !== undefined && (mode & 0o022) !== 0;
}

/** What the nearest folder is like that is there: this one, or one above it. */
function nearest(folder) {
  return statSync(folder, { throwIfNoEntry: false }) ?? nearest(dirname(folder));
}

/** No code when nothing is kept, or when it is damaged: V8 would run that. */
function read(path) {
  const nothing = { size: 0, code: undefined };
  try {
    const file = readFileSync(path);
    const rest = file.subarray(DIGEST_LENGTH);
    if (file.length <= HEAD_LENGTH || !digestOf(rest).equals(file.subarray(0, DIGEST_LENGTH))) return nothing;
    return { size: file.readDoubleBE(DIGEST_LENGTH), code: file.subarray(HEAD_LENGTH) };
  } catch {
    return nothing;
  }
}

/** Writes under another name first: whoever reads meanwhile finds a whole file. */
function write(path, size, code) {
  const sized = Buffer.alloc(HEAD_LENGTH - DIGEST_LENGTH);
  sized.writeDoubleBE(size);
  const part = `${path}.${process.pid}`;
  const isWritten = succeeds(() => {
    writeFileSync(part, Buffer.concat([digestOf(sized, code), sized, code]), { mode: 0o600 });
    renameSync(part, path);
    removeOld(dirname(path));
  });
  if (!isWritten) succeeds(() => rmSync(part, { force: true }));
}

/** The disk may be full or read-only. Then the next start takes longer, and this one ends as it would have. */
function succeeds(action) {
  try {
    action();
    return true;
  } catch {
    return false;
  }
}

function removeOld(folder) {
  const files = readdirSync(folder).map((name) => join(folder, name));
  const ages = new Map(files.map((file) => [file, statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0]));
  const old = files.sort((one, other) => ages.get(other) - ages.get(one)).slice(MAX_FILES);
  for (const file of old) rmSync(file, { recursive: true, force: true });
}

function digestOf(...parts) {
  return parts.reduce((hash, part) => hash.update(part), createHash('sha256')).digest();
}
