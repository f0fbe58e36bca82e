/**
 * Loads the command line of the published package, from one file. What V8 compiled of it is kept, and the next start
 * begins with that. Node can keep such things by itself from 22.1 on, but what it keeps lacks all functions that run
 * later than the load.
 */
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, isAbsolute, join } from 'node:path';

/** A start adds what it compiled when the code in memory is this much larger than what was kept. */
const RICHER = 1.2;
/** Each version of btget has a file for each version of Node, and for other options of it. The newest ones stay. */
const MAX_FILES = 4;
const DIGEST_LENGTH = 32;
/** A file holds the digest of the rest, the size of the code in memory (8 bytes), and what V8 made. */
const HEAD_LENGTH = DIGEST_LENGTH + 8;

export function load() {
  const [word, ...more] = process.argv.slice(2);
  if (more.length === 0 && (word === '--version' || word === '-V')) return import('./version.js');
  return loadMain(new URL('./main.cjs', import.meta.url));
}

function loadMain(place) {
  // `--version` has no use for these.
  const { createHash } = process.getBuiltinModule('node:crypto');
  const { Script } = process.getBuiltinModule('node:vm');
  const digestOf = (...parts) => parts.reduce((hash, part) => hash.update(part), createHash('sha256')).digest();

  const text = readFileSync(place);
  const folder = ownFolder();
  const path = folder === null ? null : join(folder, digestOf(text, compiler()).toString('hex', 0, 16));
  const kept = path === null ? null : readKept(path, digestOf);
  const head = '(function (exports, module, __filename) {';
  // The text is ASCII, of which Node then keeps one byte for each character.
  const script = new Script(`${head}${text.latin1Slice()}\n})`, {
    filename: place.href,
    columnOffset: -head.length,
    cachedData: kept?.code,
  });
  const keptSize = kept === null || script.cachedDataRejected ? 0 : kept.size;
  if (path !== null)
    process.on('exit', () => {
      const size = codeSize();
      if (size > keptSize * RICHER) keep(path, size, script.createCachedData(), digestOf);
    });
  const module = { exports: {} };
  script.runInThisContext()(module.exports, module, process.getBuiltinModule('node:url').fileURLToPath(place));
  return module.exports;
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

/** Null when nothing was kept, or when it is damaged: V8 would run that. */
function readKept(path, digestOf) {
  try {
    const file = readFileSync(path);
    const rest = file.subarray(DIGEST_LENGTH);
    if (file.length <= HEAD_LENGTH || !digestOf(rest).equals(file.subarray(0, DIGEST_LENGTH))) return null;
    return { size: file.readDoubleBE(DIGEST_LENGTH), code: file.subarray(HEAD_LENGTH) };
  } catch {
    return null;
  }
}

/** Keeps what V8 compiled, under a name that no other process writes to before it is whole. */
function keep(path, size, code, digestOf) {
  const sized = Buffer.alloc(HEAD_LENGTH - DIGEST_LENGTH);
  sized.writeDoubleBE(size);
  const part = `${path}.${process.pid}`;
  try {
    writeFileSync(part, Buffer.concat([digestOf(sized, code), sized, code]), { mode: 0o600 });
    renameSync(part, path);
    removeOld(dirname(path));
  } catch {
    // The disk may be full or read-only. Then the next start takes longer.
    rmSync(part, { force: true });
  }
}

function removeOld(folder) {
  const files = readdirSync(folder).map((name) => join(folder, name));
  const ages = new Map(files.map((file) => [file, statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0]));
  const old = files.sort((one, other) => ages.get(other) - ages.get(one)).slice(MAX_FILES);
  for (const file of old) rmSync(file, { recursive: true, force: true });
}

/** Bytes that the compiled code takes in memory. */
function codeSize() {
  return process.getBuiltinModule('node:v8').getHeapCodeStatistics().bytecode_and_metadata_size;
}
