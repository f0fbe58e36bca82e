import assert from 'node:assert/strict';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { it } from 'node:test';
import { LOOPBACK, runBtget } from '../support/btget-process.js';
import { scratch } from '../support/disk/scratch.js';
import { HANGS_AFTER } from '../support/hang.js';

it('names a file that a seed lacks though its only piece is shared, and ends with PART and 0', {
  timeout: HANGS_AFTER,
}, async (t) => {
  const cwd = scratch(t);
  mkdirSync(join(cwd, 'box'));
  for (const name of ['a', 'b', 'c']) writeFileSync(join(cwd, 'box', name), Buffer.alloc(40_000, name));
  writeFileSync(join(cwd, 'box', 'd'), 'd');
  assert.equal((await runBtget(t, cwd, ['create', 'box', '--piece-length', '16384'])).code, 0);
  for (const name of ['b', 'd']) rmSync(join(cwd, 'box', name));
  const { code, err } = await runBtget(t, cwd, ['seed', 'box.torrent', ...LOOPBACK, '--no-dht', '--seed-time', '0.1']);
  assert.match(err, /^box: seeding \d+% of 117 KiB; missing: b, d$/m);
  assert.match(err, /^PART \d+% of 117 KiB {2}box$/m);
  assert.equal(code, 0);
});
