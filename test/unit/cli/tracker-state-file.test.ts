import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import fs from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { Random } from '../../../src/base/random.js';
import { TrackerStateFile } from '../../../src/cli/commands/tracker-state-file.js';
import { scratch } from '../../support/disk/scratch.js';
import { seededRandom } from '../../support/simulation/seeded-random.js';

const noWarning = (line: string): void => assert.fail(line);
const neverAsked = (): boolean => assert.fail('not to be taken over');

/** The random part of every name is the same, so that a test can be there first. */
const CHANCE: Random = { below: () => 0, bytes: (length) => Buffer.alloc(length, 0xab) };
const SUFFIX = 'ab'.repeat(8);
const freshName = (path: string): string => join(dirname(path), `.${basename(path)}.${SUFFIX}.new`);
const keptName = (path: string): string => `${path}.kept-${SUFFIX}`;

/** A state, as far as anybody but `restore` can tell. */
const state = (text: string): string => `d8:torrentsd${text}`;

function stateFile(path: string, say: (line: string) => void = noWarning): TrackerStateFile {
  return new TrackerStateFile(path, say, CHANCE);
}

/** What a tracker takes over from `path`; null for nothing. */
function takenOver(path: string, say: (line: string) => void = noWarning): string | null {
  let taken: string | null = null;
  stateFile(path, say).takeOver((bytes) => {
    taken = String(bytes);
    return true;
  });
  return taken;
}

/** Begins with what is there and saves `text` in two parts. Resolves to the warnings. */
async function save(path: string, text: string): Promise<string[]> {
  const warnings: string[] = [];
  const file = stateFile(path, (line) => warnings.push(line));
  file.takeOver(() => true);
  file.save([Buffer.from(text.slice(0, 2)), Buffer.from(text.slice(2))]);
  await file.settled();
  return warnings;
}

/** The names in the folder of `path`. */
const beside = (path: string): string[] => readdirSync(dirname(path)).sort();

test('a state is read as it was written, and only its owner may read the file', async (t) => {
  const path = join(scratch(t), 'state');
  assert.equal(takenOver(path), null);
  assert.deepEqual(await save(path, state('the first')), []);
  assert.deepEqual(await save(path, state('the second')), []);
  assert.equal(takenOver(path), state('the second'));
  assert.equal(statSync(path).mode & 0o777, 0o600);
  assert.deepEqual(beside(path), ['state']);
});

test('a file that is no state is refused before anything is touched', (t) => {
  const path = join(scratch(t), 'file');
  for (const text of ['text\n', 'd8:announce9:udp://x:1e', 'd', 'd8:torrents', '\0'.repeat(99)]) {
    writeFileSync(path, text);
    const isState = text.startsWith('d8:t') || text === 'd';
    const warnings: string[] = [];
    const take = (): void => stateFile(path, (line) => warnings.push(line)).takeOver(() => false);
    const message = /file is already there and is no state of a tracker; --state FILE names another file$/;
    if (isState) take();
    else assert.throws(take, { code: 'foreign-file', message });
    assert.equal(warnings.length, isState ? 1 : 0);
    assert.equal(readFileSync(path, 'utf8'), text);
    assert.deepEqual(beside(path), ['file']);
  }
});

test('a file that is no state is refused too when other users may write to it', (t) => {
  const path = join(scratch(t), 'file');
  writeFileSync(path, 'text\n');
  chmodSync(path, 0o666);
  assert.throws(() => stateFile(path).takeOver(neverAsked), { code: 'foreign-file' });
});

test('an empty file is replaced, with a warning', async (t) => {
  const path = join(scratch(t), 'state');
  writeFileSync(path, '');
  assert.deepEqual(await save(path, state('the first')), [`warning: ${path} is empty, beginning anew`]);
  assert.equal(takenOver(path), state('the first'));
});

test('a state that cannot be read whole is kept under another name, and the next run begins without a warning', async (t) => {
  const path = join(scratch(t), 'state');
  writeFileSync(path, state('cut sho'));
  const warnings: string[] = [];
  const file = stateFile(path, (line) => warnings.push(line));
  file.takeOver(() => false);
  assert.deepEqual(warnings, [`warning: ${path} is no whole state of a tracker, beginning anew`]);
  assert.equal(readFileSync(path, 'utf8'), state('cut sho'), 'untouched until the new state is there');
  await file.begin(Buffer.from(state('new')));
  assert.deepEqual(warnings.slice(1), [`warning: what was in ${path} is kept as ${keptName(path)}`]);
  assert.equal(readFileSync(keptName(path), 'utf8'), state('cut sho'));
  file.save([Buffer.from(state('newer'))]);
  await file.settled();
  assert.equal(warnings.length, 2);
  assert.equal(takenOver(path), state('newer'));
  assert.deepEqual(beside(path), ['state', basename(keptName(path))]);
});

test('a state that is not taken over stays in its place when no new one can be written', async (t) => {
  const path = join(scratch(t), 'state');
  writeFileSync(path, state('cut sho'));
  const warnings: string[] = [];
  const file = stateFile(path, (line) => warnings.push(line));
  file.takeOver(() => false);
  await failing(t, path, 'sync', 'ENOSPC');
  await assert.rejects(file.begin(Buffer.from(state('new'))), { code: 'disk-full' });
  assert.equal(readFileSync(path, 'utf8'), state('cut sho'));
  assert.deepEqual(beside(path), ['state']);
});

test('what a stranger has beside the state stays, whatever its name is', async (t) => {
  const path = join(scratch(t), 'state');
  const strangers = ['state.new', '.state.new', '.state.0123456789abcdef.new', '.state.0123456789abcdef'];
  for (const name of strangers) writeFileSync(join(dirname(path), name), 'precious');
  const file = stateFile(path);
  await file.begin(Buffer.from(state('new')));
  assert.equal(await file.end(Buffer.from(state('newer'))), null);
  for (const name of strangers) assert.equal(readFileSync(join(dirname(path), name), 'utf8'), 'precious', name);
});

test('what a killed run had not written whole is removed at the next start, and nothing else', async (t) => {
  const path = join(scratch(t), 'state');
  const at = (name: string): string => join(dirname(path), name);
  const [half, empty, other] = ['.state.0123456789abcdef.new', '.state.1123456789abcdef.new', '.statement.new'];
  writeFileSync(at(half), state('ha'));
  writeFileSync(at(empty), '');
  writeFileSync(at(other), state(''));
  const [forged, link, folder] = [
    '.state.2123456789abcdef.new',
    '.state.3123456789abcdef.new',
    '.state.4123456789abcdef.new',
  ];
  writeFileSync(at(forged), state(''));
  chmodSync(at(forged), 0o666);
  symlinkSync(at(other), at(link));
  mkdirSync(at(folder));
  await stateFile(path).begin(Buffer.from(state('new')));
  assert.deepEqual(beside(path), [forged, link, folder, other, 'state']);
});

for (const [kind, put] of [
  ['symbolic link', symlinkSync],
  ['hard link', linkSync],
] as const) {
  test(`a ${kind} that has the name of the new state is not written through`, async (t) => {
    const dir = scratch(t);
    const [path, victim] = [join(dir, 'state'), join(dir, 'victim')];
    writeFileSync(victim, 'precious');
    put(victim, freshName(path));
    assert.match(String(await save(path, state('new'))), /^warning: cannot write \S+state: EEXIST/);
    assert.equal(readFileSync(victim, 'utf8'), 'precious');
    assert.equal(readFileSync(freshName(path), 'utf8'), 'precious');
  });
}

test('a link, a pipe and a folder that come to the place of the state while the tracker runs stay there', async (t) => {
  const dir = scratch(t);
  const put: Record<string, (path: string) => void> = {
    link: (path) => symlinkSync(join(dir, 'nowhere'), path),
    pipe: (path) => assert.equal(spawnSync('mkfifo', [path]).status, 0),
    folder: (path) => mkdirSync(path),
  };
  for (const [name, make] of Object.entries(put)) {
    const path = join(dir, name);
    const warnings: string[] = [];
    const file = stateFile(path, (line) => warnings.push(line));
    await file.begin(Buffer.from(state('')));
    rmSync(path);
    make(path);
    const { ino } = lstatSync(path);
    file.save([Buffer.from(state(''))]);
    await file.settled();
    assert.match(String(warnings), /^warning: cannot open \S+: it is a .*, not a regular file$/);
    assert.equal((await file.end(Buffer.from(state(''))))?.code, 'io');
    assert.equal(lstatSync(path).ino, ino);
  }
});

test('a pipe, a link, a folder and a too long file are refused at once, each with a sentence', async (t) => {
  const dir = scratch(t);
  const path = (name: string) => join(dir, name);
  assert.equal(spawnSync('mkfifo', [path('pipe')]).status, 0);
  writeFileSync(path('file'), '');
  symlinkSync(path('file'), path('link'));
  mkdirSync(path('folder'));
  writeFileSync(path('long'), '');
  truncateSync(path('long'), 65 * 1024 * 1024);
  const reasons: Record<string, RegExp> = {
    pipe: /pipe: it is a device, pipe or socket, not a regular file$/,
    link: /link: it is a symbolic link, not a regular file$/,
    folder: /folder: it is a folder, not a regular file$/,
    long: /long: it has 68157440 bytes, more than any state of a tracker$/,
  };
  for (const [name, message] of Object.entries(reasons)) {
    assert.throws(() => stateFile(path(name)).takeOver(neverAsked), { code: 'cannot-open', message });
  }
});

test('a state in a folder that does not exist, or that is none, is refused at once', (t) => {
  const dir = scratch(t);
  writeFileSync(join(dir, 'file'), '');
  symlinkSync('file', join(dir, 'link'));
  for (const folder of ['nowhere', 'file', 'link', 'file/below']) {
    const take = (): void => stateFile(join(dir, folder, 'state')).takeOver(neverAsked);
    const message = `cannot write ${join(dir, folder, 'state')}: there is no folder ${join(dir, folder)}`;
    assert.throws(take, { code: 'cannot-open', message });
  }
});

test('a state that another user may have written is not believed, and a warning says why', async (t) => {
  const dir = scratch(t);
  const path = join(dir, 'state');
  assert.deepEqual(await save(path, state('ours')), []);
  const isDoubted = (why: string): void => {
    const warnings: string[] = [];
    stateFile(path, (line) => warnings.push(line)).takeOver(neverAsked);
    assert.deepEqual(warnings, [`warning: ${path} is not believed, beginning anew: it ${why}`]);
  };
  chmodSync(path, 0o666);
  isDoubted('may be written by others (mode 0666)');
  chmodSync(path, 0o600);
  linkSync(path, join(dir, 'other'));
  isDoubted('has another name as well');
  rmSync(join(dir, 'other'));
  chmodSync(dir, 0o777);
  assert.equal(takenOver(path), state('ours'), 'our own in a folder that others may write to');
});

test('a state that is not believed is kept under another name', async (t) => {
  const path = join(scratch(t), 'state');
  writeFileSync(path, state('theirs'));
  chmodSync(path, 0o666);
  const [doubt, kept, ...more] = await save(path, state('ours'));
  assert.match(String(doubt), /is not believed, beginning anew: it may be written by others/);
  assert.equal(kept, `warning: what was in ${path} is kept as ${keptName(path)}`);
  assert.deepEqual(more, []);
  assert.equal(readFileSync(keptName(path), 'utf8'), state('theirs'));
  assert.equal(takenOver(path), state('ours'));
});

/** Makes the method `name` of open files fail with `code` until the test ends. */
async function failing(t: TestContext, path: string, name: 'sync' | 'appendFile', code: string): Promise<void> {
  const handle = await fs.open(dirname(path));
  await handle.close();
  t.mock.method(Object.getPrototypeOf(handle) as typeof handle, name, async () => {
    throw Object.assign(new Error(`${code}: it fails`), { code, syscall: name === 'sync' ? 'fsync' : 'write' });
  });
}

for (const [method, code, failure] of [
  ['appendFile', 'ENOSPC', 'disk-full'],
  ['appendFile', 'EDQUOT', 'disk-full'],
  ['sync', 'EIO', 'io'],
] as const)
  test(`the first and the last state fail with ${failure} when the system says ${code}`, async (t) => {
    const path = join(scratch(t), 'state');
    await stateFile(path).begin(Buffer.from(state('old')));
    const file = stateFile(path);
    file.takeOver(() => true);
    await failing(t, path, method, code);
    await assert.rejects(file.begin(Buffer.from(state('new'))), {
      code: failure,
      message: /^cannot write \S+state: E/,
    });
    const lost = await file.end(Buffer.from(state('new')));
    assert.equal(lost?.code, failure);
    assert.match(lost.message, /^the last state is lost: cannot write \S+state: E/);
    assert.equal(readFileSync(path, 'utf8'), state('old'));
    assert.deepEqual(beside(path), ['state']);
  });

test('a folder that goes away while the tracker runs is a warning, and at the end a failure of writing', async (t) => {
  const path = join(scratch(t), 'folder', 'state');
  mkdirSync(dirname(path));
  const warnings: string[] = [];
  const file = stateFile(path, (line) => warnings.push(line));
  file.takeOver(neverAsked);
  await file.begin(Buffer.from(state('new')));
  rmSync(dirname(path), { recursive: true });
  file.save([Buffer.from(state('new'))]);
  const lost = await file.end(Buffer.from(state('new')));
  assert.match(String(warnings), /^warning: cannot write \S+state: ENOENT[^\n]*$/);
  assert.equal(lost?.code, 'io');
});

test('a state is flushed before it takes the place of the old one, and its name is flushed after that', async (t) => {
  const path = join(scratch(t), 'state');
  const log: string[] = [];
  const handle = await fs.open(dirname(path));
  await handle.close();
  t.mock.method(Object.getPrototypeOf(handle) as typeof handle, 'sync', async () => void log.push('flushed'));
  const rename = fs.rename;
  const { mock } = t.mock.method(fs, 'rename', async (from: string, to: string) => {
    await rename(from, to);
    log.push('renamed');
  });
  syncBuiltinESMExports();
  t.after(() => {
    mock.restore();
    syncBuiltinESMExports();
  });
  assert.deepEqual(await save(path, state('new')), []);
  assert.deepEqual(log, ['flushed', 'renamed', 'flushed']);
});

/** Saves a state of two parts and calls `meanwhile` between them. */
async function saveWhile(path: string, meanwhile: () => void): Promise<string[]> {
  const warnings: string[] = [];
  const file = stateFile(path, (line) => warnings.push(line));
  file.takeOver(() => true);
  const parts = {
    *[Symbol.iterator]() {
      yield Buffer.from(state('one '));
      meanwhile();
      yield Buffer.from('whole');
    },
  };
  file.save(parts as unknown as readonly Buffer[]);
  await file.settled();
  return warnings;
}

test('a file that another program puts in the place of the new state is not put in the place of the old', async (t) => {
  const path = join(scratch(t), 'state');
  assert.deepEqual(await save(path, state('the first')), []);
  const other = (): void => {
    rmSync(freshName(path));
    writeFileSync(freshName(path), 'half of');
  };
  assert.match(String(await saveWhile(path, other)), /another program has put its own file at/);
  assert.equal(takenOver(path), state('the first'));
  assert.equal(readFileSync(freshName(path), 'utf8'), 'half of');
});

test('a file that is put in the place of the state while the tracker runs stays, and so does that of another tracker', async (t) => {
  for (const text of ['text', 'as long as it'.padEnd(state('the first').length), state('of another tracker')]) {
    const path = join(scratch(t), 'state');
    assert.deepEqual(await save(path, state('the first')), []);
    const put = (): void => writeFileSync(path, text);
    assert.match(
      String(await saveWhile(path, put)),
      /state is not what this tracker left there, perhaps another tracker/,
    );
    assert.equal(readFileSync(path, 'utf8'), text);
    assert.deepEqual(beside(path), ['state']);
  }
});

test('two trackers that share a file: the one that finds the state of the other leaves it and says so at its end', async (t) => {
  const path = join(scratch(t), 'state');
  const warnings: string[] = [];
  const first = stateFile(path, (line) => warnings.push(line));
  const second = new TrackerStateFile(path, noWarning, seededRandom(1));
  first.takeOver(neverAsked);
  await first.begin(Buffer.from(state('')));
  second.takeOver(() => true);
  await second.begin(Buffer.from(state('of the second')));
  first.save([Buffer.from(state('of the first'))]);
  assert.equal((await first.end(Buffer.from(state('of the first'))))?.code, 'foreign-file');
  assert.equal(warnings.length, 1);
  assert.equal(await second.end(Buffer.from(state('the last of the second'))), null);
  assert.equal(takenOver(path), state('the last of the second'));
});

test('a state that cannot be written whole takes no room, and the old one stays', async (t) => {
  const path = join(scratch(t), 'state');
  assert.deepEqual(await save(path, state('the first')), []);
  const isFull = (): void => {
    throw new Error('no space left');
  };
  assert.match(String(await saveWhile(path, isFull)), /no space left/);
  assert.deepEqual(beside(path), ['state']);
  assert.equal(takenOver(path), state('the first'));
});
