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
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { readTrackerState, TrackerStateFile } from '../../../src/cli/commands/tracker-state-file.js';
import { scratch } from '../../support/disk/scratch.js';

const noWarning = (line: string): void => assert.fail(line);

/** Saves `text` in two parts. Resolves to the warnings. */
async function save(path: string, text: string): Promise<string[]> {
  const warnings: string[] = [];
  const file = new TrackerStateFile(path, (line) => warnings.push(line));
  file.save([Buffer.from(text.slice(0, 2)), Buffer.from(text.slice(2))]);
  await file.settled();
  return warnings;
}

test('a state is read as it was written, and only its owner may read the file', async (t) => {
  const path = join(scratch(t), 'state');
  assert.equal(readTrackerState(path, noWarning), null);
  assert.deepEqual(await save(path, 'the first'), []);
  assert.deepEqual(await save(path, 'the second'), []);
  assert.equal(String(readTrackerState(path, noWarning)), 'the second');
  assert.equal(statSync(path).mode & 0o777, 0o600);
  assert.deepEqual(readdirSync(join(path, '..')), ['state']);
});

test('a link beside the state is not followed, and no other file is written', async (t) => {
  const dir = scratch(t);
  const [path, victim] = [join(dir, 'state'), join(dir, 'victim')];
  writeFileSync(victim, 'precious');
  symlinkSync(victim, `${path}.new`);
  assert.deepEqual(await save(path, 'a state'), []);
  assert.equal(readFileSync(victim, 'utf8'), 'precious');
  assert.ok(lstatSync(path).isFile());
  assert.equal(String(readTrackerState(path, noWarning)), 'a state');
  mkdirSync(`${path}.new`);
  assert.match(String(await save(path, 'another')), /^warning: cannot write .*state: /);
  assert.equal(String(readTrackerState(path, noWarning)), 'a state');
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
    assert.throws(() => readTrackerState(path(name), noWarning), { code: 'cannot-open', message });
  }
});

test('a state that another user may have written is not believed, and a warning says why', async (t) => {
  const dir = scratch(t);
  const path = join(dir, 'state');
  assert.deepEqual(await save(path, 'a state'), []);
  const isDoubted = (why: string): void => {
    const warnings: string[] = [];
    assert.equal(
      readTrackerState(path, (line) => warnings.push(line)),
      null,
    );
    assert.deepEqual(warnings, [`warning: ${path} is not believed, beginning anew: it ${why}`]);
  };
  chmodSync(path, 0o666);
  isDoubted('may be written by others (mode 0666)');
  chmodSync(path, 0o600);
  linkSync(path, join(dir, 'other'));
  isDoubted('has another name as well');
  rmSync(join(dir, 'other'));
  chmodSync(dir, 0o777);
  assert.equal(String(readTrackerState(path, noWarning)), 'a state', 'our own in a folder that others may write to');
});

/** Calls `act` after each call of the function `name` of node:fs/promises, until the test ends. */
function actAfter(t: TestContext, name: 'rm' | 'rename', act: () => void): void {
  const real = fs[name] as (...args: unknown[]) => Promise<void>;
  const { mock } = t.mock.method(fs, name, async (...args: unknown[]) => {
    await real(...args);
    act();
  });
  syncBuiltinESMExports();
  t.after(() => {
    mock.restore();
    syncBuiltinESMExports();
  });
}

for (const [kind, put] of [
  ['symbolic link', symlinkSync],
  ['hard link', linkSync],
] as const) {
  test(`a ${kind} that another user puts in the way at the last moment is not written through`, async (t) => {
    const dir = scratch(t);
    const [path, victim] = [join(dir, 'state'), join(dir, 'victim')];
    writeFileSync(victim, 'precious');
    actAfter(t, 'rm', () => put(victim, `${path}.new`));
    assert.match(String(await save(path, 'a state')), /^warning: cannot write \S+state: EEXIST/);
    assert.equal(readFileSync(victim, 'utf8'), 'precious');
  });
}

test('a state is flushed before it takes the place of the old one', async (t) => {
  const path = join(scratch(t), 'state');
  const log: string[] = [];
  const handle = await fs.open(path, 'w');
  await handle.close();
  t.mock.method(Object.getPrototypeOf(handle) as typeof handle, 'sync', async () => void log.push('flushed'));
  actAfter(t, 'rename', () => log.push('renamed'));
  assert.deepEqual(await save(path, 'a state'), []);
  assert.deepEqual(log, ['flushed', 'renamed']);
});

/** Saves a state of two parts and calls `meanwhile` between them. */
async function saveWhile(path: string, meanwhile: () => void): Promise<string[]> {
  const warnings: string[] = [];
  const file = new TrackerStateFile(path, (line) => warnings.push(line));
  const parts = {
    *[Symbol.iterator]() {
      yield Buffer.from('one ');
      meanwhile();
      yield Buffer.from('whole');
    },
  };
  file.save(parts as unknown as readonly Buffer[]);
  await file.settled();
  return warnings;
}

test('a state that another tracker is writing to the same file is not put in place half written', async (t) => {
  const path = join(scratch(t), 'state');
  assert.deepEqual(await save(path, 'the first'), []);
  const other = (): void => {
    rmSync(`${path}.new`);
    writeFileSync(`${path}.new`, 'half of');
  };
  assert.match(String(await saveWhile(path, other)), /another tracker keeps its state there/);
  assert.equal(String(readTrackerState(path, noWarning)), 'the first');
  assert.equal(readFileSync(`${path}.new`, 'utf8'), 'half of');
});

test('a state that cannot be written whole takes no room, and the old one stays', async (t) => {
  const path = join(scratch(t), 'state');
  assert.deepEqual(await save(path, 'the first'), []);
  const isFull = (): void => {
    throw new Error('no space left');
  };
  assert.match(String(await saveWhile(path, isFull)), /no space left/);
  assert.deepEqual(readdirSync(join(path, '..')), ['state']);
  assert.equal(String(readTrackerState(path, noWarning)), 'the first');
});
