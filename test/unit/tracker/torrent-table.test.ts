import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TorrentTable } from '../../../src/tracker/torrent-table.js';
import { DEFAULT_TRACKER_OPTIONS } from '../../../src/tracker/tracker-options.js';

test('no more silent peers are forgotten at once than are asked for, and it says whether others are left', () => {
  const table = new TorrentTable(DEFAULT_TRACKER_OPTIONS);
  const fields = { family: 4, port: 5, compact: Buffer.alloc(6), key: '', complete: false } as const;
  const check = { reachable: 'yes', failedChecks: 0, failedAt: 0 } as const;
  for (let number = 0; number < 250; number += 1) {
    const host = `8.0.0.${number}`;
    const peerId = Buffer.alloc(20, number);
    table.add(Buffer.alloc(20, 1), { ...fields, ...check, peerId, host, source: host, lastHit: number < 240 ? 1 : 2 });
  }
  const log = [1, 2, 3].map(() => [table.expire(2, 100), table.peerCount]);
  assert.deepEqual(log, [
    [true, 150],
    [true, 50],
    [false, 10],
  ]);
});
