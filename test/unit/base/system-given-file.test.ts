import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  closeSync,
  constants,
  existsSync,
  mkdtempSync,
  openSync,
  readSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { readGivenFile, writeGivenFile } from '../../../src/base/system-given-file.js';

const dir = mkdtempSync(join(tmpdir(), 'btget-given-file-'));
after(() => rmSync(dir, { recursive: true }));
const POSIX = { skip: process.platform === 'win32' };

function makeFifo(name: string): string {
  const path = join(dir, name);
  assert.equal(spawnSync('mkfifo', [path]).status, 0);
  return path;
}

/** Reads all of `path`. At each pause the next of `steps` is done. */
async function play(path: string, steps: readonly (() => void)[]): Promise<string> {
  let done = 0;
  let text = '';
  const pause = async (): Promise<void> => {
    const step = steps[done];
    if (step === undefined) throw new Error(`pause ${done + 1}`);
    done += 1;
    step();
  };
  for await (const part of readGivenFile(path, null, pause)) text += part.toString('latin1');
  assert.equal(done, steps.length);
  return text;
}

test('a file is read to its end without a pause', async () => {
  const path = join(dir, 'file');
  const text = 'x'.repeat(150_000);
  writeFileSync(path, text);
  assert.equal(await play(path, []), text);
  writeFileSync(path, '');
  assert.equal(await play(path, []), '');
  await assert.rejects(play(join(dir, 'none'), []), { code: 'ENOENT' });
  await assert.rejects(play(dir, []), { code: 'EISDIR' });
});

test('a pipe is waited for, by pauses, until a program writes into it and is done', POSIX, async () => {
  const path = makeFifo('pipe');
  let writer = 0;
  const idle = (): void => undefined;
  const text = await play(path, [
    idle,
    idle,
    () => {
      writer = openSync(path, constants.O_WRONLY | constants.O_NONBLOCK);
    },
    idle,
    () => void writeSync(writer, 'one'),
    idle,
    () => {
      writeSync(writer, ' two');
      closeSync(writer);
    },
  ]);
  assert.equal(text, 'one two');
});

test('a program that opens a pipe and writes nothing ends it', POSIX, async () => {
  const path = makeFifo('silent');
  let writer = 0;
  const open = (): void => {
    writer = openSync(path, constants.O_WRONLY | constants.O_NONBLOCK);
  };
  assert.equal(await play(path, [open, () => undefined, () => closeSync(writer)]), '');
});

test('an abort ends what waits for a pipe', POSIX, async () => {
  const path = makeFifo('aborted');
  const ending = new AbortController();
  const reading = readGivenFile(path, ending.signal, async () => ending.abort()).next();
  await assert.rejects(reading, { name: 'AbortError' });
  const waiting = readGivenFile(path, AbortSignal.timeout(1)).next();
  await assert.rejects(waiting, { name: /^(Abort|Timeout)Error$/ });
});

test(
  'a pipe is written, by pauses, as fast as a program reads from it, and before that one has opened it',
  POSIX,
  async () => {
    const path = makeFifo('written');
    const bytes = Buffer.alloc(300_000, 'a pipe takes some of it at a time;');
    const room = Buffer.alloc(bytes.length);
    let [pauses, reader, length] = [0, -1, 0];
    const read = (): void => {
      for (let some = 1; some > 0; length += some) some = readSync(reader, room, length, room.length - length, null);
    };
    await writeGivenFile(path, bytes, async () => {
      pauses += 1;
      if (pauses === 3) reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
      // A pipe that is empty says EAGAIN.
      if (pauses > 3) assert.throws(read, { code: 'EAGAIN' });
    });
    read();
    closeSync(reader);
    assert.ok(room.equals(bytes));
    assert.ok(pauses > 3);
  },
);

test(
  'what writes into a pipe hears that its reader has gone, makes no file, and waits for no socket',
  POSIX,
  async () => {
    const path = makeFifo('left');
    const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    await assert.rejects(
      writeGivenFile(path, Buffer.alloc(300_000), async () => closeSync(reader)),
      { code: 'EPIPE' },
    );
    await assert.rejects(writeGivenFile(join(dir, 'none'), Buffer.alloc(1), assert.fail), { code: 'ENOENT' });
    assert.equal(existsSync(join(dir, 'none')), false);
    const end = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const own = openSync(path, constants.O_WRONLY | constants.O_NONBLOCK);
    closeSync(end);
    if (existsSync('/proc/self/fd'))
      await assert.rejects(writeGivenFile(`/proc/self/fd/${own}`, Buffer.alloc(1), assert.fail), { code: 'ENXIO' });
    closeSync(own);
    const server = createServer().listen(join(dir, 'socket'));
    await once(server, 'listening');
    await assert.rejects(writeGivenFile(join(dir, 'socket'), Buffer.alloc(1), assert.fail), { code: 'ENXIO' });
    server.close();
  },
);
