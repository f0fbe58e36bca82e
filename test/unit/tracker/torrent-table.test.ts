import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TrackedPeer } from '../../../src/tracker/torrent-peers.js';
import { TorrentTable } from '../../../src/tracker/torrent-table.js';
import { DEFAULT_TRACKER_OPTIONS } from '../../../src/tracker/tracker-options.js';

function peerAt(host: string, number: number, lastHit: number): TrackedPeer {
  const address = { family: 4, source: host, host, port: 5, compact: Buffer.alloc(6) } as const;
  const check = { reachable: 'yes', failedChecks: 0, failedAt: 0 } as const;
  return { peerId: Buffer.alloc(20, number), ...address, key: '', complete: false, lastHit, ...check };
}

const infoHash = (number: number): Buffer => Buffer.alloc(20, number);

test('expire forgets no more silent peers than the caller asks for, and says whether others are left', () => {
  const table = new TorrentTable(DEFAULT_TRACKER_OPTIONS);
  for (let number = 0; number < 250; number += 1)
    table.add(infoHash(1), peerAt(`8.0.0.${number}`, number, number < 240 ? 1 : 2));
  const log = [1, 2, 3].map(() => [table.expire(2, 100), table.peerCount]);
  assert.deepEqual(log, [
    [true, 150],
    [true, 50],
    [false, 10],
  ]);
});

test('the peer that has been silent longest, of the host with the most peers, gives way', () => {
  const table = new TorrentTable({ ...DEFAULT_TRACKER_OPTIONS, maxPeers: 3 });
  const first = peerAt('8.0.0.1', 1, 0);
  table.add(infoHash(1), first);
  table.add(infoHash(2), peerAt('8.0.0.1', 2, 0));
  table.touch(first);
  for (const number of [3, 4]) table.add(infoHash(number), peerAt(`8.0.0.${number}`, number, 0));
  assert.deepEqual(
    [1, 2, 3, 4].map((number) => table.get(infoHash(number))?.size ?? 0),
    [1, 0, 1, 1],
  );
});
