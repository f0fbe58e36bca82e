/** What the real program says of super seeding: once to people, and in each progress event to programs. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { createTorrent } from '../../src/session/create-torrent.js';
import { BtgetProcess, LOOPBACK } from '../support/btget-process.js';

const dir = mkdtempSync(join(tmpdir(), 'btget-super-'));
after(() => rmSync(dir, { recursive: true }));
const content = Buffer.alloc(100_000, 'content');
writeFileSync(join(dir, 'one'), content);
writeFileSync(join(dir, 'one.torrent'), await createTorrent(join(dir, 'one'), { pieceLength: 16_384 }));
const seed = ['seed', 'one.torrent', '-d', dir, ...LOOPBACK, '--no-dht', '--no-lsd'];

test('seed says once whether it super-seeds', async (t) => {
  for (const [options, line] of [
    [['--super-seed'], 'one: super-seeding 97.7 KiB, each piece to one peer first'],
    [[], 'one: seeding 97.7 KiB'],
  ] as const) {
    const seeding = new BtgetProcess(t, dir, [...seed, ...options]);
    await seeding.says(/seeding \d/);
    seeding.process.kill('SIGTERM');
    const { code, err } = await seeding.ended;
    assert.equal(code, 0, err);
    assert.deepEqual(
      err.split('\n').filter((text) => /seeding \d/.test(text)),
      [line],
    );
  }
});

test('progress in JSON says whether the torrent super-seeds', async (t) => {
  const seeding = new BtgetProcess(t, dir, [...seed, '--super-seed', '--json']);
  await seeding.says(/"state":"seeding","superSeeding":true/);
  seeding.process.kill('SIGTERM');
  await seeding.ended;
  const plain = new BtgetProcess(t, dir, [...seed, '--json']);
  await plain.says(/"state":"seeding","superSeeding":false/);
});
