import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Random, shuffle } from '../../src/base/random.js';
import { DEFAULT_BACKLOG_OPTIONS } from '../../src/swarm/download/backlog.js';
import { SilentSeed, type SilentSeedOptions } from '../support/fakes/silent-seed.js';
import { seededRandom } from '../support/simulation/seeded-random.js';
import { Swarm } from '../support/worlds/swarm.js';
import { PORT, type SwarmMember, type SwarmMemberOptions } from '../support/worlds/swarm-member.js';
import { zeroTorrent } from '../support/zero-torrent.js';

const MIB = 1024 * 1024;

/** The share of the line that a leech uses, between `from` and `to` of its simulated time. */
function utilisation(line: number, from: number, to: number, options: Partial<SwarmMemberOptions>): number {
  const swarm = new Swarm(zeroTorrent(120, MIB));
  // 10 ms of the network, and 20 ms more on each side: a round trip of 100 ms.
  const host = { latency: 20, upload: line, download: line, window: 64 * MIB, chunking: 'whole' } as const;
  const seed = swarm.seed('10.0.0.1', options, host);
  const leech = swarm.member('10.0.0.2', options, host);
  swarm.timeline.run(10);
  leech.dial(seed.host);
  swarm.timeline.run(from);
  const before = leech.downloader.total;
  swarm.timeline.run(to - from);
  return (leech.downloader.total - before) / ((line * (to - from)) / 1000);
}

describe('a way of 100 ms', () => {
  it('is filled to nine tenths at 100 MB a second, when the peer queues as many requests as it holds', () => {
    const options = {
      download: { backlog: { ...DEFAULT_BACKLOG_OPTIONS, limit: 1_000 } },
      upload: { maxQueued: 1_000 },
    };
    const share = utilisation(100e6, 1_000, 1_900, options);
    assert.ok(share >= 0.9, `${share}`);
  });

  it('is filled to nine tenths at 30 MB a second with the queue that every peer has', () => {
    const share = utilisation(30e6, 1_000, 3_000, {});
    assert.ok(share >= 0.9, `${share}`);
  });

  it('is filled to nine tenths at 100 MB a second from a peer that queues 2,000 and does not say so', () => {
    const share = utilisation(100e6, 1_000, 1_900, { announced: ['fast'] });
    assert.ok(share >= 0.9, `${share}`);
  });

  it('is filled to seven tenths at 100 MB a second from a peer that rejects what is more than 500', () => {
    const share = utilisation(100e6, 1_000, 1_900, { announced: ['fast'], upload: { maxQueued: 500 } });
    assert.ok(share >= 0.7, `${share}`);
  });

  it('is filled within a second of the first request', () => {
    const share = utilisation(30e6, 0, 2_000, {});
    assert.ok(share >= 0.6, `${share}`);
  });
});

/** A leech on a way of 100 ms, and the one seed that it has, which speaks no extension. */
class SilentWorld {
  readonly swarm: Swarm;
  readonly seed: SilentSeed;
  readonly leech: SwarmMember;
  readonly line: number;
  readonly #length: number;

  constructor(pieceCount: number, line: number, options: Partial<SilentSeedOptions>) {
    this.line = line;
    this.#length = pieceCount * MIB;
    this.swarm = new Swarm(zeroTorrent(pieceCount, MIB));
    const host = { latency: 20, upload: line, download: line, window: 4 * MIB, chunking: 'whole' } as const;
    this.seed = new SilentSeed(this.swarm.network.host('10.0.0.1', host), this.swarm.torrent, options);
    this.seed.listen(PORT);
    this.leech = this.swarm.member('10.0.0.2', {}, host);
    this.swarm.timeline.run(10);
    this.leech.dial('10.0.0.1');
  }

  /** The share of the line that the whole download uses. */
  download(): number {
    const { timeline } = this.swarm;
    const began = timeline.now();
    timeline.runUntil(() => this.leech.isDone, 120_000);
    this.leech.check();
    return this.#length / ((this.line * (timeline.now() - began)) / 1000);
  }
}

/** Orders in which a seed may answer, each without an end for any request. */
const ORDERS: readonly [string, (random: Random) => SilentSeedOptions['choose']][] = [
  [
    'all that it has queued, shuffled, and then the next queue',
    (random) => (queue) => shuffle(random, queue.splice(0)),
  ],
  ['any of its queue at each turn', (random) => (queue) => queue.splice(random.below(Math.max(1, queue.length)), 1)],
  [
    'the latest half of its queue before the others',
    () => (queue) => queue.splice(queue.length >> 1).concat(queue.splice(0)),
  ],
];

describe('a seed without the fast extension, on a way of 100 ms', () => {
  for (const [queueLength, pieceCount, least] of [
    [250, 300, 0.7],
    [500, 300, 0.7],
    [30, 24, 0.03],
  ] as const) {
    it(`that queues ${queueLength} requests and drops others in silence gives ${pieceCount} MiB without a stall`, () => {
      const world = new SilentWorld(pieceCount, 50e6, { queueLength });
      const share = world.download();
      assert.ok(world.seed.dropped > 0, 'nothing was dropped');
      assert.ok(share >= least, `${share}`);
    });
  }

  for (const [order, choose] of ORDERS) {
    it(`that answers ${order} is not thought to drop anything`, () => {
      const world = new SilentWorld(200, 50e6, { queueLength: 10_000, choose: choose(seededRandom(1)) });
      const share = world.download();
      assert.deepEqual([world.seed.cancels, world.leech.downloader.wasted], [0, 0]);
      assert.ok(share >= 0.7, `${share}`);
    });
  }
});
