import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { TorrentPeers, TrackedPeer } from '../../../src/tracker/torrent-peers.js';
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

test('the count of all seeds is their sum, whatever comes, changes, goes and gives way', () => {
  const limits = { ...DEFAULT_TRACKER_OPTIONS, maxTorrents: 3, maxPeersPerTorrent: 3, maxPeersOfHost: 2, maxPeers: 6 };
  const act = fc.record({
    what: fc.constantFrom('come', 'change', 'go', 'expire'),
    torrent: fc.nat(4),
    host: fc.nat(3),
    number: fc.nat(9),
    complete: fc.boolean(),
    downloaded: fc.nat(1),
  });
  fc.assert(
    fc.property(fc.array(act, { maxLength: 60, size: 'max' }), (acts) => {
      const table = new TorrentTable(limits);
      const known = new Map<number, { torrent: TorrentPeers; peer: TrackedPeer }>();
      for (const [time, { what, torrent, host, number, complete, downloaded }] of acts.entries()) {
        const seen = known.get(number);
        if (what === 'come') {
          if (seen !== undefined) table.remove(seen.peer);
          const peer = { ...peerAt(`8.0.0.${host}`, number, time), complete };
          const joined = table.add(infoHash(torrent), peer);
          joined.downloaded += downloaded;
          known.set(number, { torrent: joined, peer });
        } else if (what === 'change') seen?.torrent.update(seen.peer, { complete });
        else if (what === 'go' && seen !== undefined) table.remove(seen.peer);
        else if (what === 'expire') table.expire(time - 10, 3);
        const sum = [...table.all()].reduce((seeds, [, { seedCount }]) => seeds + seedCount, 0);
        assert.equal(table.seedCount, sum);
        assert.ok(table.peerCount >= sum);
      }
    }),
    { numRuns: 300 },
  );
});
