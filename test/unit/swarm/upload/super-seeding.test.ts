import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { BLOCK_LENGTH, type PieceIndex } from '../../../../src/metainfo/piece-layout.js';
import type { ShownPeer } from '../../../../src/swarm/upload/shown-pieces.js';
import {
  DEFAULT_SUPER_SEEDING_OPTIONS,
  SuperSeeding,
  type SuperSeedingOptions,
} from '../../../../src/swarm/upload/super-seeding.js';
import { Bitfield, fullBitfield } from '../../../../src/wire/bitfield.js';
import { sampleTorrent } from '../../../support/sample-torrent.js';
import { seededRandom } from '../../../support/simulation/seeded-random.js';
import { Timeline } from '../../../support/simulation/timeline.js';

const SECOND = 1_000;
const PIECE = 2 * BLOCK_LENGTH;

/** A peer that does what the test says. */
class Leech implements ShownPeer {
  readonly upload = { choked: false, interested: true, rate: 0, queuedCount: 0 };
  readonly download: { readonly has: Bitfield };
  /** The pieces that it was shown, in order. */
  readonly shown: PieceIndex[] = [];
  readonly connection = {
    send: (chunks: readonly Buffer[]): void => {
      const bytes = Buffer.concat(chunks);
      for (let at = 0; at < bytes.length; at += 9) this.shown.push(bytes.readUInt32BE(at + 5) as PieceIndex);
    },
  };

  constructor(pieceCount: number) {
    this.download = { has: new Bitfield(pieceCount) };
  }

  get last(): PieceIndex {
    return this.shown.at(-1) ?? assert.fail('it was shown nothing');
  }
}

/** A super seed and its leeches. Nothing is missing in the swarm but what the leeches lack. */
class World {
  readonly timeline = new Timeline();
  readonly seeding: SuperSeeding;
  readonly leeches = new Set<Leech>();
  readonly #pieceCount: number;
  ends = 0;

  constructor(pieceCount: number, slots: number, options: Partial<SuperSeedingOptions> = {}) {
    this.#pieceCount = pieceCount;
    const { layout } = sampleTorrent([{ path: 'a', length: pieceCount * PIECE }], PIECE);
    this.seeding = new SuperSeeding(
      {
        timers: this.timeline,
        random: seededRandom(1),
        layout,
        have: fullBitfield(pieceCount),
        copiesOf: (piece) => [...this.leeches].filter(({ download }) => download.has.has(piece)).length,
        slots: () => slots,
      },
      { ...DEFAULT_SUPER_SEEDING_OPTIONS, ...options },
    );
  }

  begin(): void {
    this.seeding.begin(() => {
      this.ends += 1;
    });
  }

  join(isHidden = true): Leech {
    const leech = new Leech(this.#pieceCount);
    this.leeches.add(leech);
    this.seeding.peerJoined(leech, isHidden);
    return leech;
  }

  leave(leech: Leech): void {
    this.leeches.delete(leech);
    this.seeding.peerLeft(leech);
  }

  /** Blocks of the piece go to the leech: all of them when `count` is absent. */
  give(leech: Leech, piece: PieceIndex, count = PIECE / BLOCK_LENGTH): void {
    for (let block = 0; block < count; block += 1) this.seeding.goes(leech.upload, piece, BLOCK_LENGTH);
  }

  /** The leech says that it has the piece. */
  says(leech: Leech, piece: PieceIndex): void {
    leech.download.has.set(piece);
    this.seeding.gotHave(leech, piece);
  }

  /** How long it takes until `reached`, in whole looks. */
  until(reached: () => boolean): number {
    const begin = this.timeline.now();
    while (!reached()) {
      assert.ok(this.timeline.now() - begin < 300 * SECOND, 'it never happens');
      this.timeline.run(SECOND);
    }
    return this.timeline.now() - begin;
  }
}

/** A super seed of so many pieces, with leeches that came in before it began. */
function started(pieceCount: number, leechCount: number, slots: number): { world: World; leeches: Leech[] } {
  const world = new World(pieceCount, slots);
  const leeches = Array.from({ length: leechCount }, () => world.join());
  world.begin();
  world.timeline.run(0);
  return { world, leeches };
}

function pair(pieceCount: number, slots = 1): { world: World; first: Leech; second: Leech } {
  const { world, leeches } = started(pieceCount, 2, slots);
  const [first, second] = leeches as [Leech, Leech];
  return { world, first, second };
}

describe('what a super seed shows', () => {
  it('is a piece of its own to each of as many peers as there are slots', () => {
    const { leeches } = started(10, 4, 3);
    assert.deepEqual(
      leeches.map(({ shown }) => shown.length),
      [1, 1, 1, 0],
    );
    assert.equal(new Set(leeches.flatMap(({ shown }) => shown)).size, 3);
  });

  it('is the next piece when a peer takes in a second what is left of the last, and not before', () => {
    for (const [rate, count] of [
      [BLOCK_LENGTH - 1, 1],
      [BLOCK_LENGTH, 2],
    ] as const) {
      const { world, leeches } = started(10, 1, 1);
      const [leech] = leeches as [Leech];
      leech.upload.rate = rate;
      leech.upload.queuedCount = 1;
      world.give(leech, leech.last, 1);
      world.timeline.run(0);
      assert.equal(leech.shown.length, count);
    }
  });

  it('goes to the peer that keeps the fewest pieces from others', () => {
    const { world, first, second } = pair(10, 2);
    world.give(first, first.last);
    world.give(second, second.last);
    const [ofFirst, ofSecond] = [first.shown[0], second.shown[0]] as [PieceIndex, PieceIndex];
    world.timeline.run(0);
    world.says(second, ofFirst);
    // The first is rid of a piece, the second keeps one.
    for (let round = 0; round < 3; round += 1) {
      world.give(first, first.last);
      world.says(second, first.last);
      world.timeline.run(0);
    }
    assert.ok(first.shown.length > second.shown.length);
    assert.equal(second.shown[0], ofSecond);
  });

  it('is all that a peer may ask for, except one that came in before anything was hidden', () => {
    const { world, leeches } = started(10, 1, 1);
    const [leech] = leeches as [Leech];
    const open = world.join(false);
    const asked = (of: Leech) =>
      Array.from({ length: 10 }, (_, at) => world.seeding.mayAsk(of.upload, at as PieceIndex));
    assert.deepEqual(asked(leech).filter(Boolean).length, 1);
    assert.ok(world.seeding.mayAsk(leech.upload, leech.last));
    assert.ok(world.seeding.wasShownAlone(leech.upload, leech.last));
    assert.ok(asked(open).every(Boolean));
    assert.equal(world.seeding.wasShownAlone(open.upload, 0 as PieceIndex), false);
    world.timeline.run(30 * SECOND);
    assert.deepEqual(open.shown, []);
  });
});

describe('the waits of a super seed', () => {
  it('are three seconds for the slot of a peer that asks for nothing, which keeps its piece', () => {
    const { world, first, second } = pair(10);
    const [piece] = first.shown;
    assert.equal(
      world.until(() => second.shown.length > 0),
      3 * SECOND,
    );
    assert.notEqual(second.last, piece);
  });

  it('do not end for the slot of a peer whose requests wait', () => {
    const { world, first, second } = pair(10);
    first.upload.queuedCount = 1;
    world.timeline.run(50 * SECOND);
    assert.deepEqual(second.shown, []);
  });

  it('are ten seconds for the piece of a peer that has asked for nothing', () => {
    const { world, first, second } = pair(1);
    assert.equal(
      world.until(() => second.shown.length > 0),
      10 * SECOND,
    );
    assert.deepEqual(second.shown, first.shown);
  });

  it('are half a minute for that of a peer that has begun to fetch, and ten seconds if it is interested no more', () => {
    for (const [interested, wait] of [
      [true, 30 * SECOND],
      [false, 10 * SECOND],
    ] as const) {
      const { world, first, second } = pair(1);
      world.give(first, first.last, 1);
      first.upload.interested = interested;
      assert.equal(
        world.until(() => second.shown.length > 0),
        wait,
      );
    }
  });

  it('are a minute for that of a peer whose requests wait', () => {
    const { world, first, second } = pair(1);
    first.upload.queuedCount = 1;
    assert.equal(
      world.until(() => second.shown.length > 0),
      60 * SECOND,
    );
  });

  it('do not run while we choke the peer, but for a minute at the most', () => {
    for (const [choked, wait] of [
      [20 * SECOND, 30 * SECOND],
      [300 * SECOND, 60 * SECOND],
    ] as const) {
      const { world, first, second } = pair(1);
      first.upload.choked = true;
      world.timeline.addTask(() => {
        first.upload.choked = false;
      }, choked + 1);
      assert.equal(
        world.until(() => second.shown.length > 0),
        wait,
      );
    }
  });

  it('are five seconds from the last byte of a piece until it counts as got', () => {
    const { world, leeches } = started(1, 1, 1);
    const [leech] = leeches as [Leech];
    world.give(leech, leech.last);
    assert.equal(
      world.until(() => world.seeding.isOver),
      5 * SECOND,
    );
    assert.equal(world.ends, 1);
  });

  it('are little more than a minute for a piece that was swallowed, when nothing else moves', () => {
    const { world, leeches } = started(2, 3, 2);
    const [swallower, waiting, idle] = leeches as [Leech, Leech, Leech];
    const swallowed = swallower.last;
    world.give(swallower, swallowed);
    waiting.upload.queuedCount = 1;
    const took = world.until(() => idle.shown.includes(swallowed));
    // The swallower may be shown it once more, and asks for nothing.
    assert.ok(took >= 60 * SECOND && took <= 70 * SECOND, `${took} ms`);
  });

  it('are a minute for what a peer has taken away, and none for what was under way to it', () => {
    for (const [stays, wait] of [
      [4 * SECOND, 0],
      [5 * SECOND, 60 * SECOND],
    ] as const) {
      const { world, leeches } = started(2, 2, 2);
      const [gone, other] = leeches as [Leech, Leech];
      const taken = gone.last;
      other.upload.queuedCount = 1;
      world.give(gone, taken);
      world.timeline.run(stays);
      world.leave(gone);
      const fresh = world.join();
      world.timeline.run(0);
      // Each block that moves keeps the seed from showing what others claim.
      const keepMoving = (): void => {
        world.seeding.goes(other.upload, other.last, 1);
        world.timeline.addTask(keepMoving, 2 * SECOND);
      };
      keepMoving();
      const took = world.until(() => fresh.shown.includes(taken));
      assert.ok(took >= wait && took <= wait + SECOND, `${took} ms after ${stays}`);
    }
  });

  it('are half a minute for the last piece at a peer that is over eight times slower than a fast one', () => {
    for (const [rate, isPassedOver] of [
      [1_000, true],
      [1_001, false],
    ] as const) {
      const { world, leeches } = started(2, 2, 2);
      const [slow, fast] = leeches as [Leech, Leech];
      slow.upload.queuedCount = 1;
      slow.upload.rate = rate;
      // The fast one keeps a piece from others, the slow one does not.
      fast.upload.rate = 8_008;
      world.give(fast, fast.last);
      const keepMoving = (): void => {
        world.seeding.goes(slow.upload, slow.last, 1);
        world.timeline.addTask(keepMoving, 2 * SECOND);
      };
      keepMoving();
      world.timeline.run(29 * SECOND);
      assert.equal(fast.shown.length, 1);
      world.timeline.run(SECOND);
      assert.equal(fast.shown.includes(slow.shown[0] as PieceIndex), isPassedOver);
    }
  });

  it('double what a peer is shown each time that it makes no use of it, until it does', () => {
    const { world, leeches } = started(40, 1, 1);
    const [leech] = leeches as [Leech];
    const bursts: number[] = [];
    let before = 0;
    for (let round = 0; round < 40; round += 1) {
      world.timeline.run(SECOND);
      if (leech.shown.length > before) bursts.push(leech.shown.length - before);
      before = leech.shown.length;
    }
    for (const [at, burst] of bursts.entries()) assert.ok(at === 0 || burst >= (bursts[at - 1] ?? 0), bursts.join());
    assert.ok((bursts.at(-1) ?? 0) > 4, bursts.join());
    world.give(leech, leech.last);
    world.timeline.run(0);
    const after = leech.shown.length;
    for (const piece of [...leech.shown]) world.give(leech, piece);
    world.timeline.run(0);
    assert.ok(leech.shown.length - after <= 1);
  });
});

describe('super seeding', () => {
  it('is over when a peer has everything: at the beginning, by its last piece, or by a bitfield', () => {
    const ways: ((world: World, leech: Leech) => void)[] = [
      (world, leech) => {
        for (let piece = 0; piece < 3; piece += 1) leech.download.has.set(piece);
        world.begin();
      },
      (world, leech) => {
        world.begin();
        for (let piece = 0; piece < 3; piece += 1) world.says(leech, piece as PieceIndex);
      },
      (world, leech) => {
        world.begin();
        for (let piece = 0; piece < 3; piece += 1) leech.download.has.set(piece);
        world.seeding.gotPieces(leech);
      },
    ];
    for (const way of ways) {
      const world = new World(3, 1);
      const leech = world.join();
      way(world, leech);
      assert.deepEqual([world.seeding.isOver, world.ends], [true, 1]);
      assert.ok(world.seeding.mayAsk(leech.upload, 0 as PieceIndex));
      world.timeline.run(0);
      assert.equal(world.timeline.pending, 0);
    }
  });

  it('ends once, begins never again, and leaves no task', () => {
    const { world } = pair(3);
    world.seeding.end();
    world.seeding.end();
    world.begin();
    world.timeline.run(60 * SECOND);
    assert.deepEqual([world.ends, world.seeding.isActive, world.timeline.pending], [1, false, 0]);
  });

  it('leaves no task when it is stopped, or when nobody is there', () => {
    const { world, first, second } = pair(3);
    world.seeding.stop();
    assert.equal(world.timeline.pending, 0);
    const other = pair(3);
    other.world.leave(other.first);
    other.world.leave(other.second);
    other.world.timeline.run(2 * SECOND);
    assert.equal(other.world.timeline.pending, 0);
    assert.ok(first !== second);
  });

  it('goes on while a piece is with nobody, because its peer has left with it', () => {
    const { world, first, second } = pair(2, 2);
    world.says(second, second.last);
    world.give(first, first.last, 1);
    world.leave(first);
    world.timeline.run(0);
    assert.equal(world.seeding.isOver, false);
    assert.deepEqual(new Set(second.shown), new Set([0, 1]));
  });
});
