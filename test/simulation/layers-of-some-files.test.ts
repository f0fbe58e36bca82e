import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { sha1 } from '../../src/base/digest.js';
import type { SeekingTorrent } from '../../src/discovery/peer-source.js';
import { linkOf } from '../../src/metainfo/magnet.js';
import type { Metainfo } from '../../src/metainfo/metainfo.js';
import { parseMetainfo } from '../../src/metainfo/parse-metainfo.js';
import type { TorrentOptions } from '../../src/torrent/torrent-options.js';
import { FakePeer } from '../support/fakes/fake-peer.js';
import { withHashes } from '../support/fakes/hash-liars.js';
import { HashTrees } from '../support/fakes/hash-trees.js';
import type { DiskImage } from '../support/fakes/memory-storage.js';
import { metadataScript } from '../support/fakes/metadata-liars.js';
import { type ClientOptions, type MagnetClient, SimulatedSwarm } from '../support/simulation/simulated-swarm.js';
import { type V2SampleTorrent, v2Torrent } from '../support/v2-torrent.js';
import { addressOf } from '../support/worlds/magnet-world.js';

const PIECE = 32 * 1024;
const FILES = [
  { path: 'top/a', length: 5 * PIECE - 7 },
  { path: 'top/b', length: PIECE - 5 },
  { path: 'top/c', length: 12 * PIECE },
];
const V2 = v2Torrent(FILES, PIECE, '2');
const HYBRID = v2Torrent(FILES, PIECE, 'hybrid');
const BOTH = [V2, HYBRID];

/** As a .torrent tells it that has no piece layer. */
function bareOf(sample: V2SampleTorrent): Metainfo {
  return v2Torrent(FILES, PIECE, sample === V2 ? '2' : 'hybrid', { layers: false }).metainfo;
}

/** The index of the file whose path ends with `name`. */
function indexOf({ metainfo }: V2SampleTorrent, name: string): number {
  return metainfo.files.findIndex(({ path, padding }) => !padding && path.at(-1) === name);
}

function namesOf({ files }: Metainfo, indices: Iterable<number>): (string | undefined)[] {
  return [...indices].map((index) => files[index]?.path.at(-1));
}

/** A peer that has the metadata and, unless it is mute, the hashes; and no content. */
function peerAt(swarm: SimulatedSwarm, sample: V2SampleTorrent, isMute = false): FakePeer {
  const { info, infoHash, infoHashV2, version } = sample.metainfo;
  const short = infoHashV2?.subarray(0, 20) ?? Buffer.alloc(20);
  const script = metadataScript(null, { timers: swarm.timeline, info, number: 0 });
  const trees = HashTrees.ofSample(sample);
  const fake = new FakePeer(
    swarm.network.host('10.2.0.1', { timeout: 1e12 }),
    { infoHash: version === 'hybrid' ? infoHash : short, infoHashV2: short, peerId: sha1(Buffer.from('peer')) },
    isMute ? script : withHashes(script, null, { timers: swarm.timeline, trees }),
  );
  fake.listen(6881);
  return fake;
}

const FROM_PEER = { trackers: [], peers: [addressOf('10.2.0.1')] };
const ALONE: Pick<TorrentOptions, 'trackers'> = { trackers: [] };
const select = (...names: readonly string[]) => ({ selection: { select: names, exclude: [], ranges: null } });

/** A disk with these files of the torrent under their own names. `change` may change their bytes. */
function diskWith(
  sample: V2SampleTorrent,
  names: readonly string[],
  change: (bytes: Buffer) => void = () => undefined,
): DiskImage {
  const files = sample.metainfo.files.map(({ path, padding }, index) => {
    if (padding || !names.includes(path.at(-1) ?? '')) return { part: null, final: null };
    const bytes = Buffer.from(sample.fileBytes(index));
    change(bytes);
    const final = { bytes, length: bytes.length, changedAt: 1n, bornAt: 1n, inode: BigInt(index + 1) };
    return { part: null, final };
  });
  return { files, border: null };
}

/** Seeds what is on the disk, by a .torrent without layers. */
function startSeed(
  swarm: SimulatedSwarm,
  sample: V2SampleTorrent,
  image: DiskImage,
  more: Partial<TorrentOptions> = ALONE,
): MagnetClient {
  return swarm.startWithout(bareOf(sample), { image, torrent: { mode: 'seed', ...more } });
}

/** The metainfo with which the content of the client has begun. */
function begunWith({ torrent: { current } }: MagnetClient): Metainfo {
  assert.ok(current.life === 'content');
  return current.torrent.metainfo;
}

/** The torrent whose content has begun of a client that is full. */
function untilBegun(swarm: SimulatedSwarm, client: MagnetClient, limit = 20_000): void {
  const { torrent } = client;
  swarm.timeline.runUntil(() => !['metadata', 'checking'].includes(torrent.status().state), limit);
}

describe('a download of some files whose layers the .torrent does not tell', () => {
  for (const sample of BOTH) {
    const { version } = sample.metainfo;

    test(`asks for the layers of these files alone, version ${version}`, () => {
      const swarm = new SimulatedSwarm(sample, 1);
      swarm.start({ seed: true });
      const leech = swarm.startWithout(bareOf(sample), { torrent: select('a') });
      swarm.timeline.runUntil(() => leech.done, 20_000);
      const metainfo = begunWith(leech);
      assert.deepEqual(namesOf(metainfo, metainfo.missingLayers), ['c']);
      assert.notEqual(metainfo.pieceRoots, null);
      assert.deepEqual(leech.storage()?.finalBytes(indexOf(sample, 'a')), sample.fileBytes(indexOf(sample, 'a')));
      assert.deepEqual([leech.failure, swarm.log.filter((line) => line.includes('warning'))], [null, []]);
      swarm.stop();
    });

    test(`waits for no layer when each of them is of one piece, version ${version}`, () => {
      const swarm = new SimulatedSwarm(sample, 1);
      const seed = startSeed(swarm, sample, diskWith(sample, ['b']), { trackers: [swarm.tracker.url] });
      untilBegun(swarm, seed);
      const leech = swarm.startWithout(bareOf(sample), { torrent: select('b') });
      swarm.timeline.runUntil(() => leech.done, 20_000);
      assert.deepEqual(leech.storage()?.finalBytes(indexOf(sample, 'b')), sample.fileBytes(indexOf(sample, 'b')));
      swarm.stop();
    });

    test(`ends at once when they are whole on the disk, whatever else is missing, version ${version}`, () => {
      const swarm = new SimulatedSwarm(sample, 1);
      const image = diskWith(sample, ['a', 'c'], (bytes) => bytes.length > 8 * PIECE && bytes.fill(9, 100, 200));
      const leech = swarm.startWithout(bareOf(sample), { image, torrent: { ...ALONE, ...select('a') } });
      swarm.timeline.runUntil(() => leech.done, 5_000);
      assert.equal(leech.failure, null);
      swarm.stop();
    });

    test(`takes the layers of other files later, when these are selected, version ${version}`, () => {
      let metadata: ClientOptions['metadata'] = null;
      for (const [names, missing] of [
        [['a'], ['c']],
        [['c'], []],
      ] as const) {
        const swarm = new SimulatedSwarm(sample, 1);
        peerAt(swarm, sample);
        const torrent = { ...FROM_PEER, ...select(...names) };
        const link = { ...linkOf(sample.metainfo), trackers: [] };
        const client = swarm.startMagnet(link, { metadata, torrent });
        untilBegun(swarm, client);
        swarm.timeline.run(1_000);
        const bytes = client.metadata.image(null)?.bytes ?? assert.fail();
        const kept = parseMetainfo(bytes);
        assert.deepEqual(namesOf(kept, kept.missingLayers), missing);
        metadata = { bytes, changedAt: 0n, doubt: null };
        swarm.stop();
      }
    });

    test(`neither tells nor forgets the pieces of other files that the journal has, version ${version}`, () => {
      const slow = { session: { maxDownload: 100 * 1024 }, torrent: { seedGoal: null, ...select('c') } };
      const first = new SimulatedSwarm(sample, 1);
      first.start({ seed: true });
      const begun = first.start(slow);
      first.timeline.run(3_000);
      first.stop();
      const { have } = begun.torrent.status();
      assert.ok(have > 2 * PIECE && have < 10 * PIECE, `${have} bytes of the file are here`);

      const second = new SimulatedSwarm(sample, 2);
      const left = { image: begun.storage.image(null), journal: begun.journal.image(null) };
      const other = second.startWithout(bareOf(sample), { ...left, torrent: { ...ALONE, ...select('b') } });
      untilBegun(second, other);
      second.timeline.run(2_000);
      assert.ok(other.torrent.current.life === 'content');
      const { left: missing } = other.torrent.current.torrent.totals();
      assert.equal(missing, 18 * PIECE - 12, 'nothing counts that nothing proves');
      second.stop();

      const third = new SimulatedSwarm(sample, 3);
      const image = other.storage()?.image(null) ?? null;
      const again = third.start({ image, journal: other.journal.image(null), torrent: { ...ALONE, ...select('c') } });
      third.timeline.run(5_000);
      assert.equal(again.torrent.status().have, have);
      third.stop();
    });
  }
});

describe('a private torrent of which a link tells the metadata', () => {
  const sample = v2Torrent(FILES, PIECE, '2', { info: { private: 1 } });
  const link = { ...linkOf(sample.metainfo), trackers: [] };

  /** Announces nothing, and counts what may still find peers elsewhere. */
  class Elsewhere {
    open = 0;
    readonly create = ({ timers }: SeekingTorrent) => ({
      begin: () => {
        this.open += 1;
      },
      completed: () => undefined,
      networkChanged: () => undefined,
      stop: (answered: () => void) => {
        this.open -= 1;
        timers.addTask(answered, 0);
      },
    });
  }

  test('begins with files that need no layer, and has left all public sources of peers', () => {
    const swarm = new SimulatedSwarm(sample, 1);
    peerAt(swarm, sample, true);
    const elsewhere = new Elsewhere();
    const options = { peerSources: [elsewhere.create], torrent: { ...FROM_PEER, ...select('b') } };
    const leech = swarm.startMagnet(link, options);
    untilBegun(swarm, leech);
    swarm.timeline.run(5_000);
    assert.deepEqual([leech.failure, elsewhere.open, leech.torrent.status().peers], [null, 0, 1]);
    swarm.stop();
  });

  test('is seeded by the layers that are made of its files, and has left all public sources of peers', () => {
    const swarm = new SimulatedSwarm(sample, 1);
    peerAt(swarm, sample, true);
    const elsewhere = new Elsewhere();
    const torrent = { ...FROM_PEER, mode: 'seed' } as const;
    const seed = swarm.startMagnet(link, { image: diskWith(sample, ['a']), peerSources: [elsewhere.create], torrent });
    untilBegun(swarm, seed);
    swarm.timeline.run(5_000);
    assert.deepEqual([seed.failure, elsewhere.open, seed.torrent.status().have], [null, 0, 5 * PIECE - 7]);
    swarm.stop();
  });
});

describe('a seed with a part of a torrent whose layers the .torrent does not tell', () => {
  for (const sample of BOTH) {
    const { version } = sample.metainfo;

    test(`begins with the files that are there and names the others, without any peer, version ${version}`, () => {
      const swarm = new SimulatedSwarm(sample, 1);
      const seed = startSeed(swarm, sample, diskWith(sample, ['a']));
      untilBegun(swarm, seed, 5_000);
      const { state, have, wanted } = seed.torrent.status();
      assert.deepEqual([state, have, wanted], ['seeding', 5 * PIECE - 7, 18 * PIECE - 12]);
      const missing = seed.torrent.missingFiles().map(({ path }) => path.at(-1));
      assert.deepEqual(missing, ['b', 'c']);
      assert.notEqual(begunWith(seed).pieceRoots, null, 'it is in the swarm of version 2');
      swarm.stop();
    });

    test(`gives content and hashes of these files, and none of the others, version ${version}`, () => {
      const swarm = new SimulatedSwarm(sample, 1);
      const trackers = [swarm.tracker.url];
      const seed = startSeed(swarm, sample, diskWith(sample, ['a']), { trackers });
      untilBegun(swarm, seed);
      const [one, other] = ['a', 'c'].map((name) => swarm.startWithout(bareOf(sample), { torrent: select(name) }));
      swarm.timeline.runUntil(() => one?.done === true, 20_000);
      swarm.timeline.run(5_000);
      assert.deepEqual([seed.failure, other?.metadataAt, other?.failure], [null, null, null]);
      swarm.stop();
    });

    test(`makes them of its files before it asks a peer, when a link tells the metadata, version ${version}`, () => {
      const swarm = new SimulatedSwarm(sample, 1);
      const peer = peerAt(swarm, sample, true);
      const options = { image: diskWith(sample, ['a']), torrent: { ...FROM_PEER, mode: 'seed' } } as const;
      const seed = swarm.startMagnet({ ...linkOf(sample.metainfo), trackers: [] }, options);
      untilBegun(swarm, seed, 5_000);
      const { state, have } = seed.torrent.status();
      assert.deepEqual([state, have], ['seeding', 5 * PIECE - 7]);
      assert.ok(!peer.talks.flatMap(({ log }) => log).some((what) => what.startsWith('hashRequest')));
      swarm.stop();
    });

    test(`asks the peers of its link when it can prove nothing of what is there, version ${version}`, () => {
      const swarm = new SimulatedSwarm(sample, 1);
      peerAt(swarm, sample);
      const image = diskWith(sample, ['a'], (bytes) => bytes.fill(9, 100, 200));
      const options = { image, torrent: { ...FROM_PEER, mode: 'seed' } } as const;
      const seed = swarm.startMagnet({ ...linkOf(sample.metainfo), trackers: [] }, options);
      untilBegun(swarm, seed);
      assert.deepEqual([seed.torrent.status().have, seed.failure], [4 * PIECE - 7, null]);
      swarm.stop();
    });

    test(`asks peers when it can prove nothing of what is there, version ${version}`, () => {
      const swarm = new SimulatedSwarm(sample, 1);
      peerAt(swarm, sample);
      const damaged = diskWith(sample, ['a'], (bytes) => bytes.fill(9, 100, 200));
      const seed = startSeed(swarm, sample, damaged, FROM_PEER);
      untilBegun(swarm, seed);
      assert.deepEqual([seed.torrent.status().have, seed.failure], [4 * PIECE - 7, null]);
      assert.notEqual(begunWith(seed).pieceRoots, null);
      swarm.stop();
    });
  }

  test('goes on as version 1 when a file of a hybrid is damaged and nobody gives its layer', () => {
    const swarm = new SimulatedSwarm(HYBRID, 1);
    const damaged = diskWith(HYBRID, ['a', 'b'], (bytes) => bytes.length > 2 * PIECE && bytes.fill(9, 100, 200));
    const seed = startSeed(swarm, HYBRID, damaged);
    untilBegun(swarm, seed, 60_000);
    assert.deepEqual([seed.torrent.status().have, begunWith(seed).pieceRoots], [5 * PIECE - 12, null]);
    swarm.stop();
  });

  test('serves the other files of version 2 when one is damaged', () => {
    const swarm = new SimulatedSwarm(V2, 1);
    const damaged = diskWith(V2, ['a', 'b'], (bytes) => bytes.length > 2 * PIECE && bytes.fill(9, 100, 200));
    const seed = startSeed(swarm, V2, damaged);
    untilBegun(swarm, seed, 5_000);
    assert.equal(seed.torrent.status().have, PIECE - 5);
    assert.deepEqual(
      seed.torrent.missingFiles().map(({ path }) => path.at(-1)),
      ['a', 'c'],
    );
    swarm.stop();
  });
});
