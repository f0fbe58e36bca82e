/**
 * Strangers name addresses at which nobody answers, or somebody who accepts and says nothing. What an honest tracker
 * names must not wait behind them.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Millis } from '../../src/base/clock.js';
import type { CreatePeerSource } from '../../src/discovery/peer-source.js';
import type { PeerAddress } from '../../src/net/raw-server.js';
import type { AddressSource } from '../../src/net/reach-rule.js';
import { FakePeer } from '../support/fakes/fake-peer.js';
import type { FakeScript, FakeTalk } from '../support/fakes/fake-talk.js';
import { answer, FakeTrackers } from '../support/fakes/fake-tracker.js';
import { pexScript } from '../support/fakes/pex-script.js';
import { sampleTorrent } from '../support/sample-torrent.js';
import type { SimulatedHost } from '../support/simulation/simulated-host.js';
import { SimulatedSwarm } from '../support/simulation/simulated-swarm.js';

const KIB = 1024;
const SAMPLE = sampleTorrent([{ path: 'a', length: 3 << 20 }], 32 * KIB);
const PORT = 6881;
/** When the honest tracker answers: by then the tar pits have been named, and every dial is stuck in one. */
const TRACKER_ANSWERS = 3_000;
const MAX_WAIT = 3_000;

interface Attack {
  /** Who is dialled at once because the user named him. */
  readonly liars?: number;
  readonly source?: CreatePeerSource;
}

function pit(number: number): PeerAddress {
  return { host: `11.0.${number >> 8}.${number & 255}`, port: PORT };
}

/** A swarm in which none knows the seed but the one who names it. */
function swarmWithSeed(): { readonly swarm: SimulatedSwarm; readonly seed: PeerAddress } {
  const swarm = new SimulatedSwarm(SAMPLE, 3);
  const seed = swarm.start({ seed: true, torrent: { trackers: [] }, host: { upload: 150 * KIB } });
  return { swarm, seed: seed.address };
}

/** A host that waits for ever. */
function patientHost(swarm: SimulatedSwarm, host: string): SimulatedHost {
  return swarm.network.host(host, { timeout: 1e12 });
}

/** Lets a peer with this id listen at `host`, which plays `script`. */
function listen(host: SimulatedHost, peerId: string, script: FakeScript = {}, port = PORT): void {
  const identity = { infoHash: SAMPLE.metainfo.infoHash, peerId: Buffer.from(peerId) };
  new FakePeer(host, identity, script).listen(port);
}

/** A tracker that names `addresses` after `delay`. */
function tracker(swarm: SimulatedSwarm, addresses: readonly PeerAddress[], delay: Millis): FakeTrackers {
  const named = answer({ peers: addresses.map((address) => ({ ...address, peerId: null })) }, '10.0.0.254');
  return new FakeTrackers(swarm.timeline, () => named, delay);
}

/** Of two pits one accepts and says nothing; nothing comes back of the other. */
function dig(swarm: SimulatedSwarm, count: number): void {
  for (let number = 0; number < count; number += 1) {
    const { host } = pit(number);
    listen(patientHost(swarm, host), 'pit'.repeat(7).slice(0, 20));
    if (number % 2 === 0) swarm.network.silence(host);
  }
}

/** A peer that tells us of two hundred pits as soon as we have shaken hands. */
function startLiar(swarm: SimulatedSwarm, number: number, liars: number): PeerAddress {
  const host = `9.9.0.${number + 1}`;
  const script = pexScript((tellOf) => {
    for (const begin of [0, 70, 140])
      tellOf(Array.from({ length: 70 }, (_, index) => pit((number + (begin + index) * liars) % PITS)));
  });
  listen(patientHost(swarm, host), `-XX0001-liar${`${number}`.padStart(8, '0')}`, script);
  return { host, port: PORT };
}

const PITS = 1_000;

function naming(sourceOf: (number: number) => AddressSource): CreatePeerSource {
  return (torrent) => ({
    begin: () => {
      for (let number = 0; number < PITS; number += 1) torrent.startConnection(pit(number), sourceOf(number));
    },
    completed: () => undefined,
    networkChanged: () => undefined,
    stop: (answered) => torrent.timers.addTask(answered, 0),
  });
}

/** Runs one download. `wait`: how long after the tracker's answer the seed was there. */
function run({ liars = 0, source }: Attack): { wait: number; end: number; waiting: number } {
  const { swarm, seed } = swarmWithSeed();
  const peers = Array.from({ length: liars }, (_, number) => startLiar(swarm, number, liars));
  if (liars > 0 || source !== undefined) dig(swarm, PITS);
  const leech = swarm.start({
    torrent: { peers },
    trackerClient: tracker(swarm, [seed], TRACKER_ANSWERS),
    peerSources: source === undefined ? [] : [source],
  });
  const began = swarm.timeline.now();
  let waiting = 0;
  let found: number | undefined;
  while (!leech.done && swarm.timeline.now() < began + 200_000) {
    swarm.timeline.run(100);
    const status = leech.torrent.status();
    waiting = Math.max(waiting, status.reach.waiting);
    if (found === undefined && status.seeds > 0) found = swarm.timeline.now();
  }
  const end = swarm.timeline.now() - began;
  swarm.stop();
  return { wait: (found ?? Number.POSITIVE_INFINITY) - began - TRACKER_ANSWERS, end, waiting };
}

const ATTACKS: Readonly<Record<string, Attack>> = {
  'one peer tells of': { liars: 1 },
  'ten peers tell of': { liars: 10 },
  'one node of the DHT names': { source: naming(() => ({ kind: 'dht', teller: '9.8.0.1' })) },
  'two hundred nodes of the DHT name': {
    source: naming((number) => ({ kind: 'dht', teller: `9.8.0.${number % 200}` })),
  },
  'another tracker names': { source: naming(() => ({ kind: 'tracker', teller: '9.7.0.1' })) },
  'a link names': { source: naming(() => ({ kind: 'link' })) },
};

/** What a pit says: nothing, a handshake and no more, or that it has every piece. */
type Words = 'nothing' | 'a handshake' | 'a bitfield';
/** All who tell are in the seed's network: nobody may lead us nearer than itself. */
const FRIEND = { host: '10.9.0.1', port: PORT };

/** How long it takes to find the seed among 199 pits that one tracker names, the only source but for the friend. */
function findSeed(words: Words, by: 'the tracker' | 'a friend', ports = 1): number {
  const { swarm, seed } = swarmWithSeed();
  const { pieceCount } = SAMPLE.metainfo;
  const pits: PeerAddress[] = [];
  for (let number = 0; number < 199 / ports; number += 1) {
    const { host } = pit(number);
    const own = patientHost(swarm, host);
    for (let port = PORT; port < PORT + ports; port += 1) {
      const peerId = `-XX0001-${`${pits.length}`.padStart(12, '0')}`;
      const gotHandshake = (talk: FakeTalk): void => {
        talk.say(talk.handshake());
        if (words === 'a bitfield') talk.sayMessages({ type: 'bitfield', bits: Buffer.alloc(pieceCount / 8, 0xff) });
      };
      listen(own, peerId, words === 'nothing' ? {} : { gotHandshake }, port);
      pits.push({ host, port });
    }
  }
  // When the friend tells, every place is taken.
  const friendly = pexScript((tellOf) => swarm.timeline.addTask(() => tellOf([seed]), 10_000));
  listen(patientHost(swarm, FRIEND.host), '-XX0001-friend000000', friendly);
  const leech = swarm.start({
    torrent: { peers: by === 'a friend' ? [FRIEND] : [] },
    trackerClient: tracker(swarm, by === 'the tracker' ? [...pits, seed] : pits, 0),
  });
  const began = swarm.timeline.now() + (by === 'a friend' ? 10_000 : 0);
  while (leech.torrent.status().downloaded === 0 && swarm.timeline.now() < began + 60_000) swarm.timeline.run(100);
  const wait = swarm.timeline.now() - began;
  swarm.stop();
  return wait;
}

describe('a tracker that names 199 tar pits', () => {
  for (const words of ['nothing', 'a handshake'] as const) {
    it(`that say ${words} does not keep us for long from the seed that it names too`, () => {
      for (const ports of [1, 8]) {
        const wait = findSeed(words, 'the tracker', ports);
        assert.ok(wait <= 12_000, `the first block came after ${wait} ms, with ${ports} pits a host`);
      }
    });
  }
  for (const words of ['nothing', 'a handshake', 'a bitfield'] as const) {
    it(`that say ${words} does not keep us from the seed that a peer tells of`, () => {
      const wait = findSeed(words, 'a friend');
      assert.ok(wait <= 6_000, `the first block came after ${wait} ms`);
    });
  }
});

describe('tar pits', () => {
  const clean = run({});
  for (const [name, attack] of Object.entries(ATTACKS)) {
    it(`that ${name} do not keep us from the seed that the tracker names`, () => {
      const { wait, end, waiting } = run(attack);
      assert.ok(wait <= MAX_WAIT, `the seed was there ${wait} ms after it was named`);
      assert.ok(end <= 1.25 * clean.end, `done after ${end} ms instead of ${clean.end}`);
      assert.ok(waiting <= 200, `${waiting} addresses waited`);
    });
  }
});
