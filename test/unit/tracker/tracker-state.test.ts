import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { TrackedPeer } from '../../../src/tracker/torrent-peers.js';
import { TorrentTable } from '../../../src/tracker/torrent-table.js';
import { encodeState, restoreState } from '../../../src/tracker/tracker-state.js';

const LIMITS = { maxTorrents: 5, maxPeersPerTorrent: 5, maxPeers: 20 };

function peer(fields: Partial<TrackedPeer>): TrackedPeer {
  return {
    peerId: Buffer.alloc(20, 1),
    family: 4,
    host: '8.0.0.1',
    port: 5,
    compact: Buffer.from('080000010005', 'hex'),
    key: 'key',
    complete: false,
    lastHit: 70,
    reachable: 'yes',
    failedChecks: 0,
    ...fields,
  };
}

function table(): TorrentTable {
  const made = new TorrentTable(LIMITS);
  const torrent = made.placeFor(Buffer.alloc(20, 0xff));
  assert.ok(torrent !== undefined);
  torrent.downloaded = 3;
  torrent.add(peer({}));
  torrent.add(peer({ peerId: Buffer.alloc(20, 2), complete: true, reachable: 'unchecked', key: 'ÿ' }));
  made.placeFor(Buffer.alloc(20, 0));
  return made;
}

function listing(of: TorrentTable) {
  const list = [...of.all()].map(([infoHash, torrent]) => ({
    infoHash: infoHash.toString('hex'),
    downloaded: torrent.downloaded,
    counts: [torrent.seedCount, torrent.leechCount],
    peers: [...torrent.all()],
  }));
  return list.sort((a, b) => (a.infoHash < b.infoHash ? -1 : 1));
}

test('what was saved is restored, as if everybody had just announced', () => {
  const restored = new TorrentTable(LIMITS);
  assert.ok(restoreState(restored, encodeState(table()), 70));
  assert.deepEqual(listing(restored), listing(table()));
});

test('a state that nobody saved is refused', () => {
  for (const text of ['', 'd', 'le', 'de', 'd7:versioni1ee', 'd8:torrentsde7:versioni2ee', '{"json":true}']) {
    assert.equal(restoreState(new TorrentTable(LIMITS), Buffer.from(text), 0), false, text);
  }
});

test('a damaged state never makes the tracker throw, nor takes it over its limits', () => {
  const valid = encodeState(table());
  const changes = fc.array(fc.tuple(fc.nat(valid.length - 1), fc.nat(255)), { maxLength: 6 });
  fc.assert(
    fc.property(changes, fc.nat(valid.length), (mutations, length) => {
      const state = Buffer.from(valid.subarray(0, length > valid.length / 2 ? valid.length : length));
      for (const [at, byte] of mutations) if (at < state.length) state[at] = byte;
      const restored = new TorrentTable({ maxTorrents: 1, maxPeersPerTorrent: 1, maxPeers: 1 });
      restoreState(restored, state, 0);
      assert.ok(restored.size <= 1);
      for (const [, torrent] of restored.all()) assert.ok(torrent.size <= 1);
    }),
  );
});
