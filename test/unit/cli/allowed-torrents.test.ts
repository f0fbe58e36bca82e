import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Timers } from '../../../src/base/clock.js';
import { AllowedTorrents } from '../../../src/cli/content/allowed-torrents.js';
import { Timeline } from '../../support/simulation/timeline.js';
import { v2Torrent } from '../../support/v2-torrent.js';

const info = (name: string) => `d6:lengthi1e4:name1:${name}12:piece lengthi16384e6:pieces20:${'h'.repeat(20)}e`;
const hashOf = (name: string) => createHash('sha1').update(info(name)).digest();

test('a new .torrent is served, a broken one is served as before, and a removed one is not', async (t) => {
  const dir = await mkdtemp(join(tmpdir(), 'allowed-'));
  t.after(() => rm(dir, { recursive: true }));
  const path = join(dir, 'x.torrent');
  const said: string[] = [];
  const allowed = new AllowedTorrents(dir);
  const read = async (content: string | null, time: number): Promise<boolean[]> => {
    if (content === null) await rm(path);
    else {
      await writeFile(path, content);
      await utimes(path, time, time);
    }
    await allowed.readAgain((line) => said.push(line));
    return ['a', 'b'].map((name) => allowed.has(hashOf(name)));
  };
  assert.deepEqual(await read('broken', 1), [false, false]);
  assert.deepEqual(await read(`d4:info${info('a')}e`, 2), [true, false]);
  assert.deepEqual(await read('broken', 3), [true, false]);
  assert.deepEqual(await read(`d4:info${info('b')}e`, 4), [false, true]);
  assert.deepEqual(await read(null, 5), [false, false]);
  assert.deepEqual(
    said.map((line) => line.replace(path, 'x').split(': ').slice(0, 2).join(': ')),
    ['warning: x is not served', 'warning: x is served as it was before'],
  );
});

test('a pipe in the folder is not waited for', { skip: process.platform === 'win32' }, async (t) => {
  const dir = await mkdtemp(join(tmpdir(), 'btget-allowed-'));
  t.after(() => rm(dir, { recursive: true }));
  const path = join(dir, 'pipe.torrent');
  assert.equal(spawnSync('mkfifo', [path]).status, 0);
  const said: string[] = [];
  await new AllowedTorrents(dir).read((line) => said.push(line));
  assert.deepEqual(said, [`warning: ${path} is not served: it is no file`]);
});

test('a hybrid is served under both of its hashes, and a torrent of version 2 under the first 20 bytes of its own', async (t) => {
  const dir = await mkdtemp(join(tmpdir(), 'allowed-'));
  t.after(() => rm(dir, { recursive: true }));
  const files = [{ path: 'a', length: 5 }];
  const hybrid = v2Torrent(files, 16_384, 'hybrid');
  const v2 = v2Torrent(files, 16_384, '2');
  await writeFile(join(dir, 'h.torrent'), hybrid.torrent);
  await writeFile(join(dir, 'v2.torrent'), v2.torrent);
  const allowed = new AllowedTorrents(dir);
  await allowed.read((line) => assert.fail(line));
  for (const hash of [hybrid.metainfo.infoHashV1, hybrid.metainfo.infoHashV2, v2.metainfo.infoHashV2])
    assert.equal(allowed.has(hash?.subarray(0, 20) ?? Buffer.alloc(0)), true);
});

test('the folder is read again each minute until that is cancelled, even after failures', async (t) => {
  const dir = await mkdtemp(join(tmpdir(), 'allowed-'));
  t.after(() => rm(dir, { recursive: true, force: true }));
  const timeline = new Timeline();
  const allowed = new AllowedTorrents(dir);
  let waits = 0;
  let waitsAgain: () => void = () => undefined;
  const timers: Timers = {
    now: () => timeline.now(),
    addTask: (task, delay) => {
      waits += 1;
      waitsAgain();
      return timeline.addTask(task, delay);
    },
  };
  /** Lets `span` pass. Resolves when the folder has been read and the next wait has begun. */
  const pass = async (span: number): Promise<void> => {
    const done = new Promise<void>((resolve) => {
      waitsAgain = resolve;
    });
    timeline.run(span);
    await done;
  };
  const said: string[] = [];
  const rereading = allowed.readAgainAndAgain(timers, (line) => said.push(line));
  await writeFile(join(dir, 'a.torrent'), `d4:info${info('a')}e`);
  timeline.run(59_999);
  await pass(1);
  assert.equal(allowed.has(hashOf('a')), true);
  await rm(dir, { recursive: true });
  await pass(60_000);
  assert.deepEqual([said.length, allowed.has(hashOf('a'))], [1, true]);
  await mkdir(dir);
  await pass(60_000);
  assert.equal(allowed.has(hashOf('a')), false);
  rereading.cancel();
  timeline.run(600_000);
  assert.equal(waits, 4);
});
