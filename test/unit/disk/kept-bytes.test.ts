import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { FileKeptBytes } from '../../../src/disk/kept-bytes.js';
import { systemProcesses } from '../../../src/disk/system/processes.js';
import { NodeTimers } from '../../../src/net/node-timers.js';
import { scratch } from '../../support/disk/scratch.js';

function setUp(t: TestContext, name = 'cache/btget/dht.state') {
  const dir = scratch(t);
  const path = join(dir, name);
  const notes: string[] = [];
  const { user } = systemProcesses;
  const noted = (message: string): unknown => notes.push(message);
  const kept = () => new FileKeptBytes(new NodeTimers(), { path, user, maxLength: 100, noted });
  const read = (): Promise<Buffer | null> => new Promise((resolve) => kept().read(resolve));
  const write = (bytes: Buffer): Promise<void> => new Promise((resolve) => kept().write(bytes, resolve));
  return { dir, path, notes, read, write };
}

test('bytes that were written are read again, and no other user may read them', async (t) => {
  const { path, notes, read, write } = setUp(t);
  assert.equal(await read(), null);
  await write(Buffer.from('one'));
  await write(Buffer.from('two'));
  assert.equal((await read())?.toString(), 'two');
  assert.deepEqual(readdirSync(dirname(path)), ['dht.state']);
  assert.deepEqual([statSync(path).mode & 0o777, statSync(dirname(path)).mode & 0o777], [0o600, 0o700]);
  assert.deepEqual(notes, []);
});

test('of many writes at the same time one stays, whole', async (t) => {
  const { path, notes, read, write } = setUp(t);
  const texts = Array.from({ length: 20 }, (_, index) => String(index).padEnd(100, '.'));
  await Promise.all(texts.map((text) => write(Buffer.from(text))));
  assert.ok(texts.includes((await read())?.toString() ?? ''));
  assert.deepEqual(readdirSync(dirname(path)), ['dht.state']);
  assert.deepEqual(notes, []);
});

test('a file that is too long, a folder, a pipe and a link are not taken for ours', async (t) => {
  const { dir, path, notes, read } = setUp(t, 'state');
  writeFileSync(path, Buffer.alloc(101));
  assert.equal(await read(), null);
  rmSync(path);
  assert.equal(spawnSync('mkfifo', [path]).status, 0);
  assert.equal(await read(), null);
  rmSync(path);
  mkdirSync(path);
  assert.equal(await read(), null);
  rmSync(path, { recursive: true });
  writeFileSync(join(dir, 'other'), 'x');
  symlinkSync('other', path);
  assert.equal(await read(), null);
  assert.deepEqual(
    notes.map((note) => note.replace(path, 'state')),
    [
      'cannot open state: it is a device, pipe or socket, not a regular file',
      'cannot open state: it is a folder, not a regular file',
      'cannot open state: it is a symbolic link, not a regular file',
    ],
  );
});

test('a file that another user may have written is not believed, and a note says why', async (t) => {
  const { dir, path, notes, read } = setUp(t, 'state');
  writeFileSync(path, 'forged');
  chmodSync(path, 0o666);
  assert.equal(await read(), null);
  chmodSync(path, 0o600);
  chmodSync(dir, 0o777);
  assert.equal(await read(), null);
  chmodSync(dir, 0o1777);
  assert.equal((await read())?.toString(), 'forged');
  assert.deepEqual(notes, [
    `${path} is not believed: it may be written by others (mode 0666)`,
    `${path} is not believed: it lies in a folder that others may write to (mode 0777)`,
  ]);
});

test('a write that fails gives a note and no failure, and leaves nothing beside the file', async (t) => {
  const { dir, path, notes, write } = setUp(t, 'state');
  mkdirSync(join(path, 'taken'), { recursive: true });
  await write(Buffer.from('x'));
  assert.equal(notes.length, 1);
  assert.ok(notes[0]?.includes(path), notes[0]);
  assert.deepEqual(readdirSync(dir), ['state']);
  const below = setUp(t, 'file/btget/state');
  writeFileSync(join(below.dir, 'file'), 'in the way');
  await below.write(Buffer.from('x'));
  assert.equal(below.notes.length, 1);
  assert.equal(readFileSync(join(below.dir, 'file'), 'utf8'), 'in the way');
});
