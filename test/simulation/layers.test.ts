import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Timers } from '../../src/base/clock.js';
import { sha1 } from '../../src/base/digest.js';
import { BtgetError } from '../../src/base/failure.js';
import type { SeekingTorrent } from '../../src/discovery/peer-source.js';
import { linkOf, type MagnetLink } from '../../src/metainfo/magnet.js';
import { parseMetainfo } from '../../src/metainfo/parse-metainfo.js';
import { DEFAULT_TORRENT_OPTIONS, type TorrentOptions } from '../../src/torrent/torrent-options.js';
import { FakePeer } from '../support/fakes/fake-peer.js';
import type { FakeScript } from '../support/fakes/fake-talk.js';
import { HASH_LIAR_KINDS, type HashLiarKind, withHashes } from '../support/fakes/hash-liars.js';
import { HashTrees } from '../support/fakes/hash-trees.js';
import { LIAR_KINDS, type LiarKind, metadataScript } from '../support/fakes/metadata-liars.js';
import { SimulatedSwarm } from '../support/simulation/simulated-swarm.js';
import { type V2SampleTorrent, v2Torrent } from '../support/v2-torrent.js';
import { addressOf } from '../support/worlds/magnet-world.js';

const FILES = [
  { path: 'top/a', length: 3_000_000 },
  { path: 'top/b', length: 40_000 },
  { path: 'top/c', length: 900_000 },
];
const V2 = v2Torrent(FILES, 32 * 1024, '2', { info: { 'x-padding': Buffer.alloc(70_000, 7) } });
const HYBRID = v2Torrent(FILES, 32 * 1024, 'hybrid');

function linkBy({ metainfo }: V2SampleTorrent, ...names: readonly ('v1' | 'v2' | 'short')[]): MagnetLink {
  const { infoHashV1, infoHashV2 } = metainfo;
  const v1 = names.includes('v1') ? infoHashV1 : null;
  const short = names.includes('short') ? (infoHashV2?.subarray(0, 20) ?? null) : null;
  const named = { infoHashV1: v1 ?? (short as typeof v1), infoHashV2: names.includes('v2') ? infoHashV2 : null };
  const infoHash = (named.infoHashV1 ?? named.infoHashV2)?.subarray(0, 20) ?? Buffer.alloc(20);
  return { ...linkOf(metainfo), ...named, infoHash, trackers: [] };
}

interface Peer {
  readonly infoHash?: Buffer;
  readonly metadata?: LiarKind | null;
  /** 'none': it does not know what a request for hashes is. */
  readonly layers?: HashLiarKind | 'none' | null;
  readonly number?: number;
  /** How long after a request for hashes it answers, in milliseconds; at once without it. */
  readonly answersAfter?: number;
}

/** Answers requests for hashes so many milliseconds late. */
function delayed(script: FakeScript, timers: Timers, delay: number): FakeScript {
  return {
    ...script,
    gotMessage: (talk, message) => {
      if (message.type !== 'hashRequest') {
        script.gotMessage?.(talk, message);
        return;
      }
      const range = { ...message.range, root: Buffer.from(message.range.root) };
      timers.addTask(() => script.gotMessage?.(talk, { ...message, range }), delay);
    },
  };
}

/** A peer that has the metadata and the layers, and tells or lies. By default it is honest and of version 2. */
function peerAt(swarm: SimulatedSwarm, host: string, sample: V2SampleTorrent, peer: Peer = {}): FakePeer {
  const { metadata = null, layers = null, number = 0 } = peer;
  const { info, infoHashV2 } = sample.metainfo;
  const short = infoHashV2?.subarray(0, 20) ?? Buffer.alloc(20);
  const isHybrid = sample.metainfo.version === 'hybrid' && peer.infoHash === undefined;
  const hashes = isHybrid
    ? { infoHash: sample.metainfo.infoHash, infoHashV2: short }
    : { infoHash: peer.infoHash ?? short };
  const script = metadataScript(metadata, { timers: swarm.timeline, info, number });
  const rawServer = swarm.network.host(host, { timeout: 1e12 });
  const parts = { timers: swarm.timeline, trees: HashTrees.ofSample(sample) };
  const told = layers === 'none' ? script : withHashes(script, layers, parts);
  const answering = peer.answersAfter === undefined ? told : delayed(told, swarm.timeline, peer.answersAfter);
  const fake = new FakePeer(rawServer, { ...hashes, peerId: sha1(Buffer.from(host)) }, answering);
  fake.listen(6881);
  return fake;
}

const to = (...hosts: readonly string[]) => ({ torrent: { trackers: [], peers: hosts.map(addressOf) } });

describe('the piece layers of a link of version 2', () => {
  for (const name of ['v2', 'short'] as const) {
    test(`come from a peer, by ${name === 'v2' ? 'the v2 hash' : 'the first 20 bytes of it'}`, () => {
      const swarm = new SimulatedSwarm(V2, 1);
      peerAt(swarm, '10.2.0.1', V2);
      const client = swarm.startMagnet(linkBy(V2, name), to('10.2.0.1'));
      swarm.timeline.runUntil(() => client.metadataAt !== null, 10_000);
      const { current } = client.torrent;
      assert.ok(current.life === 'content');
      assert.deepEqual(current.torrent.metainfo, { ...V2.metainfo, trackers: [] });
      swarm.timeline.run(1_000);
      assert.deepEqual(client.metadata.image(null)?.bytes, V2.torrent, 'the layers are kept');
      swarm.stop();
    });
  }

  test('are waited for, and until they come the status has the length and the state of metadata', () => {
    const swarm = new SimulatedSwarm(V2, 1);
    const mute = peerAt(swarm, '10.2.0.1', V2, { layers: 'none' });
    const late = peerAt(swarm, '10.2.0.2', V2);
    late.letsIn = false;
    const client = swarm.startMagnet(linkBy(V2, 'v2'), to('10.2.0.1', '10.2.0.2'));
    swarm.timeline.run(120_000);
    const { state, length } = client.torrent.status();
    assert.deepEqual([client.metadataAt, state, length], [null, 'metadata', 3_940_000]);
    assert.equal(mute.talks.length, 1, 'a peer that is of no use keeps its place while nobody wants it');
    assert.deepEqual(client.failure, null);
    late.letsIn = true;
    swarm.timeline.runUntil(() => client.metadataAt !== null, 600_000);
    swarm.stop();
  });

  test('may come from a slow peer when another has given them already, and that is no fault of it', () => {
    const swarm = new SimulatedSwarm(V2, 1);
    const slow = peerAt(swarm, '10.2.0.1', V2, { answersAfter: 2_500 });
    peerAt(swarm, '10.2.0.2', V2);
    const client = swarm.startMagnet(linkBy(V2, 'v2'), to('10.2.0.1', '10.2.0.2'));
    swarm.timeline.runUntil(() => client.metadataAt !== null, 2_400);
    assert.ok(client.metadataAt !== null);
    const heardOf = ({ what }: { what: string }) => /hash ?request/i.test(what);
    assert.ok(slow.talk.heard.some(heardOf), 'the slow peer was asked too');
    swarm.timeline.run(5_000);
    assert.deepEqual(
      slow.talks.map(({ lost }) => lost),
      [false],
    );
    swarm.stop();
  });

  for (const kind of HASH_LIAR_KINDS) {
    test(`come in spite of fifty peers of which each ${kind}`, (t) => {
      const swarm = new SimulatedSwarm(V2, 1);
      const hosts = Array.from({ length: 50 }, (_, at) => `10.2.${at}.1`);
      for (const [number, host] of hosts.entries()) peerAt(swarm, host, V2, { layers: kind, number });
      const honest = peerAt(swarm, '10.3.0.1', V2);
      const client = swarm.startMagnet(linkBy(V2, 'v2'), to(...hosts, '10.3.0.1'));
      const begin = swarm.timeline.now();
      swarm.timeline.runUntil(() => client.metadataAt !== null, 120_000);
      t.diagnostic(`${Math.round((client.metadataAt ?? 0) - begin)} ms`);
      assert.ok(honest.talks.every(({ lost }) => !lost));
      swarm.stop();
    });
  }

  test('come in spite of fifty peers that lie about the metadata and the layers in every way', () => {
    const kinds = LIAR_KINDS.filter((kind) => !kind.startsWith('claims 32 MiB'));
    for (let seed = 1; seed <= 5; seed += 1) {
      const swarm = new SimulatedSwarm(V2, seed);
      const hosts = Array.from({ length: 50 }, (_, at) => `10.2.${at}.1`);
      for (const [number, host] of hosts.entries()) {
        const layers = HASH_LIAR_KINDS[(number + seed) % HASH_LIAR_KINDS.length] ?? null;
        const metadata = number % 2 === 0 ? null : (kinds[(number * 7 + seed) % kinds.length] ?? null);
        peerAt(swarm, host, V2, { layers, metadata, number });
      }
      peerAt(swarm, '10.3.0.1', V2);
      const at = (seed * 11) % 50;
      const client = swarm.startMagnet(linkBy(V2, 'v2'), to(...hosts.slice(0, at), '10.3.0.1', ...hosts.slice(at)));
      swarm.timeline.runUntil(() => client.metadataAt !== null, 120_000);
      swarm.stop();
    }
  });

  test('that an earlier run kept are there at once, and those that it did not keep are fetched', () => {
    for (const [bytes, ms] of [
      [V2.torrent, 0],
      [V2.metainfo.info, 1],
    ] as const) {
      const swarm = new SimulatedSwarm(V2, 1);
      const fake = peerAt(swarm, '10.2.0.1', V2, { metadata: 'answers no request' });
      const metadata = { bytes, changedAt: 0n, doubt: null };
      const client = swarm.startMagnet(linkBy(V2, 'v2'), { metadata, ...to('10.2.0.1') });
      swarm.timeline.runUntil(() => client.metadataAt !== null, 10_000);
      swarm.timeline.run(100);
      const asked = fake.talks.flatMap(({ log }) => log).filter((what) => what.startsWith('hashRequest'));
      assert.equal(asked.length > 0, ms > 0);
      swarm.stop();
    }
  });

  test('of a private torrent come from peers that its trackers name, and from no others', () => {
    const sample = v2Torrent(FILES, 32 * 1024, '2', { info: { private: 1 } });
    const swarm = new SimulatedSwarm(sample, 1);
    // It gives the metadata, and then it is no peer of ours any more, for we know it from the link alone.
    const stranger = peerAt(swarm, '10.2.0.1', sample);
    const link = linkBy(sample, 'v2');
    const nearby = (torrent: SeekingTorrent) => ({
      begin: () => {
        torrent.startConnection(addressOf('10.2.0.1'), { kind: 'lsd', teller: '10.2.0.1' });
      },
      completed: () => undefined,
      networkChanged: () => undefined,
      stop: (answered: () => void) => {
        torrent.timers.addTask(answered, 0);
      },
    });
    const client = swarm.startMagnet(link, { peerSources: [nearby], torrent: { trackers: [] } });
    swarm.timeline.run(20_000);
    assert.equal(client.metadataAt, null);
    assert.equal(stranger.talks.length, 1);
    assert.ok(stranger.talk.lost);
    assert.ok(!stranger.talk.log.some((what) => what.startsWith('hashRequest')));
    swarm.stop();
  });

  test('of a private torrent come from a peer that the user names, though it is left when that is known', () => {
    const sample = v2Torrent(FILES, 32 * 1024, '2', { info: { private: 1 } });
    const swarm = new SimulatedSwarm(sample, 1);
    peerAt(swarm, '10.2.0.1', sample);
    const client = swarm.startMagnet(linkBy(sample, 'v2'), to('10.2.0.1'));
    swarm.timeline.runUntil(() => client.metadataAt !== null, 20_000);
    assert.equal(client.torrent.current.life, 'content');
    swarm.stop();
  });

  test('that were not kept of a private torrent are asked of nobody that the link or the DHT names', () => {
    const sample = v2Torrent(FILES, 32 * 1024, '2', { info: { private: 1 } });
    const swarm = new SimulatedSwarm(sample, 1);
    const strangers = ['9.2.0.1', '9.2.0.2'].map((host) => peerAt(swarm, host, sample));
    const asked: string[] = [];
    const source = (torrent: SeekingTorrent) => ({
      begin: () => {
        asked.push('begin');
        torrent.startConnection(addressOf('9.2.0.2'), { kind: 'dht', teller: '9.2.0.2' });
      },
      completed: () => undefined,
      networkChanged: () => undefined,
      stop: (answered: () => void) => {
        torrent.timers.addTask(answered, 0);
      },
    });
    const metadata = { bytes: torrentWithoutLayers(sample), changedAt: 0n, doubt: null };
    const torrent = { trackers: [], linkPeers: [addressOf('9.2.0.1')] };
    const client = swarm.startMagnet(linkBy(sample, 'v2'), { metadata, peerSources: [source], torrent });
    swarm.timeline.run(60_000);
    assert.deepEqual([client.torrent.status().state, client.metadataAt], ['metadata', null]);
    assert.deepEqual([asked, strangers.map(({ talks }) => talks.length)], [[], [0, 0]]);
    swarm.stop();
  });
});

describe('a .torrent without piece layers', () => {
  for (const sample of [V2, HYBRID]) {
    const bare = v2TorrentWithoutLayers(sample);
    test(`of version ${sample.metainfo.version} gets them from a peer`, () => {
      const swarm = new SimulatedSwarm(sample, 1);
      peerAt(swarm, '10.2.0.1', sample);
      const client = swarm.startWithout(bare, to('10.2.0.1'));
      swarm.timeline.runUntil(() => client.metadataAt !== null, 10_000);
      const { current } = client.torrent;
      assert.ok(current.life === 'content');
      assert.deepEqual(current.torrent.metainfo.pieceRoots, sample.metainfo.pieceRoots);
      assert.deepEqual(current.torrent.metainfo.missingLayers, []);
      swarm.stop();
    });

    test(`of version ${sample.metainfo.version} makes them of the files that are there`, () => {
      const swarm = new SimulatedSwarm(sample, 1);
      const client = swarm.startWithout(bare, { seed: true, torrent: { trackers: [] } });
      swarm.timeline.runUntil(() => client.metadataAt !== null, 60_000);
      const { current } = client.torrent;
      assert.ok(current.life === 'content');
      assert.deepEqual(current.torrent.metainfo.pieceRoots, sample.metainfo.pieceRoots);
      swarm.stop();
    });
  }

  test('has the layers that were kept for it', () => {
    const swarm = new SimulatedSwarm(V2, 1);
    const metadata = { bytes: V2.torrent, changedAt: 0n, doubt: null };
    const client = swarm.startWithout(v2TorrentWithoutLayers(V2), { metadata, torrent: { trackers: [] } });
    swarm.timeline.run(1_000);
    assert.equal(client.torrent.current.life, 'content');
    swarm.stop();
  });
});

describe('a hybrid', () => {
  for (const names of [['v1'], ['v2'], ['short'], ['v1', 'v2']] as const) {
    test(`whose peers know both versions has its layers and is in both swarms, by ${names.join(' and ')}`, () => {
      const swarm = new SimulatedSwarm(HYBRID, 1);
      const fake = peerAt(swarm, '10.2.0.1', HYBRID);
      const client = swarm.startMagnet(linkBy(HYBRID, ...names), to('10.2.0.1'));
      swarm.timeline.runUntil(() => client.metadataAt !== null, 20_000);
      const { current } = client.torrent;
      assert.ok(current.life === 'content');
      assert.deepEqual(current.torrent.metainfo, { ...HYBRID.metainfo, trackers: [] });
      const { infoHash, infoHashV2 } = current.torrent.encoder?.identity ?? {};
      assert.deepEqual(infoHash, HYBRID.metainfo.infoHash);
      assert.deepEqual(infoHashV2, HYBRID.metainfo.infoHashV2?.subarray(0, 20));
      swarm.timeline.run(1_000);
      assert.deepEqual(client.metadata.image(null)?.bytes, HYBRID.torrent);
      assert.equal(fake.talk.lost, false);
      swarm.stop();
    });
  }

  for (const names of [['v1'], ['v2'], ['short'], ['v1', 'v2']] as const) {
    test(`whose peers know version 1 alone goes on as version 1, by ${names.join(' and ')}`, () => {
      const swarm = new SimulatedSwarm(HYBRID, 1);
      const link = linkBy(HYBRID, ...names);
      peerAt(swarm, '10.2.0.1', HYBRID, { infoHash: link.infoHash, layers: 'none' });
      const client = swarm.startMagnet(link, to('10.2.0.1'));
      swarm.timeline.runUntil(() => client.metadataAt !== null, 60_000);
      const { current } = client.torrent;
      assert.ok(current.life === 'content');
      assert.equal(current.torrent.metainfo.pieceRoots, null);
      assert.deepEqual(current.torrent.metainfo.missingLayers, []);
      assert.equal(swarm.log.filter((line) => line.includes('warning no-layers')).length, 1);
      swarm.stop();
    });
  }

  for (const [one, other] of [
    ['v2', 'v1'],
    ['v1', 'v2'],
    ['v1', 'short'],
  ] as const) {
    test(`that two links name by ${one} and ${other} is one torrent, and the second link is told so`, () => {
      const swarm = new SimulatedSwarm(HYBRID, 1);
      peerAt(swarm, '10.2.0.1', HYBRID);
      const first = swarm.startMagnet(linkBy(HYBRID, one), to('10.2.0.1'));
      const failures: (BtgetError | Error)[] = [];
      const failed = (failure: BtgetError | Error) => failures.push(failure);
      const second = first.session.addMagnet(linkBy(HYBRID, other), options('10.2.0.1'), { ...NO_EVENTS, failed });
      swarm.timeline.run(10_000);
      if (first.failure !== null) failures.push(first.failure);
      assert.deepEqual(failures.map(codeOf), ['target-busy']);
      assert.equal(failures[0]?.message, 'top is given twice');
      const [gone, left] = first.failure === null ? [second, first.torrent] : [first.torrent, second];
      assert.equal(gone.status().state, 'stopped');
      assert.ok(left.current.life === 'content');
      assert.deepEqual(left.current.torrent.metainfo.missingLayers, []);
      assert.throws(
        () => first.session.addMagnet(linkBy(HYBRID, other), options('10.2.0.1'), NO_EVENTS),
        (error) => codeOf(error) === 'target-busy',
      );
      swarm.stop();
    });
  }
});

const NO_EVENTS = {
  gotMetadata: () => undefined,
  started: () => undefined,
  fileDone: () => undefined,
  trackerAnswered: () => undefined,
  warned: () => undefined,
  done: () => undefined,
  goalReached: () => undefined,
  failed: (_failure: BtgetError | Error): unknown => undefined,
};

function codeOf(error: unknown): string {
  return error instanceof BtgetError ? error.code : String(error);
}

function options(host: string): TorrentOptions {
  return { ...DEFAULT_TORRENT_OPTIONS, peers: [addressOf(host)] };
}

function torrentWithoutLayers(sample: V2SampleTorrent): Buffer {
  const begin = sample.torrent.indexOf('12:piece layers');
  return Buffer.concat([sample.torrent.subarray(0, begin), Buffer.from('e')]);
}

function v2TorrentWithoutLayers(sample: V2SampleTorrent) {
  return parseMetainfo(torrentWithoutLayers(sample));
}
