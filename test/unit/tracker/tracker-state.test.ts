import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { TrackedPeer } from '../../../src/tracker/torrent-peers.js';
import { TorrentTable } from '../../../src/tracker/torrent-table.js';
import { beginsAsState, encodeInSlices, encodeState, restoreState } from '../../../src/tracker/tracker-state.js';

const LIMITS = { maxTorrents: 5, maxPeersPerTorrent: 5, maxPeersOfHost: 5, maxPeers: 20 };

function peer(fields: Partial<TrackedPeer>): TrackedPeer {
  return {
    peerId: Buffer.alloc(20, 1),
    family: 4,
    source: '8.0.0.1',
    host: '8.0.0.1',
    port: 5,
    compact: Buffer.from('080000010005', 'hex'),
    key: 'key',
    complete: false,
    lastHit: 70,
    reachable: 'yes',
    failedChecks: 0,
    failedAt: 70,
    ...fields,
  };
}

function table(): TorrentTable {
  const made = new TorrentTable(LIMITS);
  const torrent = made.add(Buffer.alloc(20, 0xff), peer({}));
  torrent.downloaded = 3;
  made.add(torrent.infoHash, peer({ peerId: Buffer.alloc(20, 2), complete: true, reachable: 'unchecked', key: 'ÿ' }));
  made.create(Buffer.alloc(20, 1), '').downloaded = 9;
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

test('a saved state is restored as if every peer had just announced', () => {
  const restored = new TorrentTable(LIMITS);
  assert.ok(restoreState(restored, encodeState(table()), 70));
  assert.deepEqual(listing(restored), listing(table()));
});

test('bytes that are no saved state are refused', () => {
  for (const text of ['', 'd', 'le', 'de', 'd7:versioni1ee', 'd8:torrentsde7:versioni2ee', '{"json":true}']) {
    assert.equal(restoreState(new TorrentTable(LIMITS), Buffer.from(text), 0), false, text);
  }
});

test('a state that was cut short anywhere is told from files of other kinds', () => {
  const whole = encodeState(table());
  for (let length = 1; length <= whole.length; length += 1) assert.ok(beginsAsState(whole.subarray(0, length)));
  assert.ok(beginsAsState(encodeState(new TorrentTable(LIMITS))));
  for (const text of ['', 'text\n', 'd\n', 'd8:announce3:abce', 'd8:torrentsle', 'd7:versioni1ee', '\0\0\0'])
    assert.ok(!beginsAsState(Buffer.from(text)), text);
});

test('a damaged state never makes the tracker throw, nor exceed its limits', () => {
  const valid = encodeState(table());
  const changes = fc.array(fc.tuple(fc.nat(valid.length - 1), fc.nat(255)), { maxLength: 6 });
  fc.assert(
    fc.property(changes, fc.nat(valid.length), (mutations, length) => {
      const state = Buffer.from(valid.subarray(0, length > valid.length / 2 ? valid.length : length));
      for (const [at, byte] of mutations) if (at < state.length) state[at] = byte;
      const restored = new TorrentTable({ maxTorrents: 1, maxPeersPerTorrent: 1, maxPeersOfHost: 1, maxPeers: 1 });
      restoreState(restored, state, 0);
      assert.ok(restored.size <= 1);
      for (const [, torrent] of restored.all()) assert.ok(torrent.size <= 1);
    }),
  );
});

/** A table of `count` peers, each at a host of its own: one torrent of a twentieth of them, and 150 of the others. */
function crowded(count: number): TorrentTable {
  const limits = { maxTorrents: 300, maxPeersPerTorrent: count, maxPeersOfHost: 1, maxPeers: count };
  const crowd = new TorrentTable(limits);
  for (let number = 0; number < count; number += 1) {
    const host = `${20 + (number >> 16)}.${(number >> 8) & 255}.${number & 255}.1`;
    const peerId = Buffer.alloc(20, number & 255);
    peerId.writeUInt32BE(number);
    const infoHash = Buffer.alloc(20, number < count / 20 ? 7 : 100 + (number % 150));
    crowd.add(infoHash, peer({ peerId, host, source: host }));
  }
  return crowd;
}

/** The state of `of`, encoded in slices of `peersInTurn` peers. */
function slicesOf(of: TorrentTable, peersInTurn: number): { turns: number; parts: readonly Buffer[] } {
  const slices = encodeInSlices(of, peersInTurn);
  for (let turns = 1; ; turns += 1) {
    const slice = slices.next();
    if (slice.done) return { turns, parts: slice.value };
  }
}

test('200,000 peers are encoded in slices of a thousand at the most', () => {
  const { turns, parts } = slicesOf(crowded(200_000), 1_000);
  assert.ok(turns > 200 && turns <= 210, `${turns} turns`);
  assert.equal(parts.length, turns);
  // A peer takes about 80 bytes.
  for (const part of parts) assert.ok(part.length <= 100_000, `${part.length} bytes in one turn`);
});

test('torrents without a peer are cut into slices too', () => {
  const idle = new TorrentTable({ ...LIMITS, maxTorrents: 3_000 });
  for (let number = 0; number < 3_000; number += 1) {
    const infoHash = Buffer.alloc(20);
    infoHash.writeUInt32BE(number);
    idle.create(infoHash, '').downloaded = 1;
  }
  assert.equal(slicesOf(idle, 1_000).turns, 4);
});

test('slices of any length make the same state', () => {
  const crowd = crowded(600);
  for (const peersInTurn of [1, 7, 100, 10_000]) {
    const state = Buffer.concat(slicesOf(crowd, peersInTurn).parts);
    assert.ok(state.equals(encodeState(crowd)));
    const restored = new TorrentTable({ ...LIMITS, maxTorrents: 300, maxPeersPerTorrent: 600, maxPeers: 600 });
    assert.ok(restoreState(restored, state, 70));
    assert.deepEqual([restored.size, restored.peerCount], [crowd.size, 600]);
  }
});

test('peers that come and go between two slices harm nothing', () => {
  const crowd = crowded(600);
  const slices = encodeInSlices(crowd, 50);
  for (let turn = 0; ; turn += 1) {
    const slice = slices.next();
    if (slice.done) {
      assert.ok(restoreState(new TorrentTable(LIMITS), Buffer.concat(slice.value), 70));
      break;
    }
    const [[, torrent] = []] = [...crowd.all()].slice(turn % 3);
    for (const gone of [...(torrent?.all() ?? [])].slice(0, 20)) crowd.remove(gone);
    crowd.add(Buffer.alloc(20, turn), peer({ peerId: Buffer.alloc(20, turn), host: '9.0.0.1', source: '9.0.0.1' }));
  }
});
