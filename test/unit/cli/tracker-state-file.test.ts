import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { readTrackerState, TrackerStateFile } from '../../../src/cli/commands/tracker-state-file.js';

function folder(t: TestContext): string {
  const dir = mkdtempSync(join(tmpdir(), 'btget-tracker-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

const noWarning = (line: string): void => assert.fail(line);

/** Saves `text` as two parts; resolves to the warnings. */
async function save(path: string, text: string): Promise<string[]> {
  const warnings: string[] = [];
  const file = new TrackerStateFile(path, (line) => warnings.push(line));
  file.save([Buffer.from(text.slice(0, 2)), Buffer.from(text.slice(2))]);
  await file.settled();
  return warnings;
}

test('a state is read as it was written, and is its owner’s alone', async (t) => {
  const path = join(folder(t), 'state');
  assert.equal(readTrackerState(path, noWarning), null);
  assert.deepEqual(await save(path, 'the first'), []);
  assert.deepEqual(await save(path, 'the second'), []);
  assert.equal(String(readTrackerState(path, noWarning)), 'the second');
  assert.equal(statSync(path).mode & 0o777, 0o600);
  assert.deepEqual(readdirSync(join(path, '..')), ['state']);
});

test('what stands beside the state is not followed, and no other file is written', async (t) => {
  const dir = folder(t);
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

test('a pipe, a link, a folder and a file that is too long are refused at once, each in a sentence', async (t) => {
  const dir = folder(t);
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

/** Saves two parts, between which `meanwhile` happens. */
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
  const path = join(folder(t), 'state');
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
  const path = join(folder(t), 'state');
  assert.deepEqual(await save(path, 'the first'), []);
  const isFull = (): void => {
    throw new Error('no space left');
  };
  assert.match(String(await saveWhile(path, isFull)), /no space left/);
  assert.deepEqual(readdirSync(join(path, '..')), ['state']);
  assert.equal(String(readTrackerState(path, noWarning)), 'the first');
});
