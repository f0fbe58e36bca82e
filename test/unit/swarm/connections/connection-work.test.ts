import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { SingleSocket } from '../../../../src/net/raw-server.js';
import { Connection, type ConnectionOwner, type Ending } from '../../../../src/swarm/connections/connection.js';
import { DEFAULT_ENCODER_OPTIONS } from '../../../../src/swarm/connections/encoder-options.js';
import { DROPPED_PRICE, earnedBy, repeatPrice } from '../../../../src/swarm/price.js';
import { DEFAULT_WORK_OPTIONS, WorkBudget, type WorkOptions } from '../../../../src/swarm/work-budget.js';
import { encodeHandshake } from '../../../../src/wire/handshake.js';
import { encodeMessage, KEEP_ALIVE } from '../../../../src/wire/message.js';
import { encodeReserved } from '../../../../src/wire/reserved.js';
import { seededRandom } from '../../../support/simulation/seeded-random.js';
import { Timeline } from '../../../support/simulation/timeline.js';
import { splits } from '../../../support/splits.js';
import { at, INFO_HASH, idOf } from '../../../support/worlds/encoder-world.js';

const HOST = '10.0.0.2';
/** What a message of these tests costs. */
const PRICE = 3;

interface World {
  readonly timeline: Timeline;
  readonly budget: WorkBudget;
  /** What connections do, and `-- turn` where the loop begins another one. */
  readonly log: string[];
}

function worldWith(options: Partial<WorkOptions>): World {
  const timeline = new Timeline();
  const log: string[] = [];
  return { timeline, log, budget: new WorkBudget(timeline, { ...DEFAULT_WORK_OPTIONS, ...options }) };
}

/** A connection whose handshake is over, by hand: its socket says when it is not read from. */
class Talk {
  readonly connection: Connection;
  readonly frames: string[] = [];
  readonly socket: SingleSocket;
  paused = false;
  ending: Ending | null = null;
  readonly #log: string[];

  constructor(
    { timeline, budget, log }: World,
    name = '',
    onFrame: (connection: Connection) => void = () => undefined,
  ) {
    this.#log = log;
    this.socket = {
      remote: at(HOST),
      locallyInitiated: true,
      lastHit: 0,
      unsentLength: 0,
      write: () => undefined,
      isFlushed: () => true,
      pauseReading: () => {
        this.paused = true;
        log.push(`${name}paused`);
      },
      resumeReading: () => {
        this.paused = false;
        log.push(`${name}resumed`);
      },
      end: () => undefined,
      close: () => undefined,
    };
    const owner: ConnectionOwner = {
      identity: { infoHash: INFO_HASH, infoHashV2: null, myId: idOf('a'), reserved: Buffer.alloc(8) },
      dialDone: () => undefined,
      judgePeerId: () => undefined,
      completed: () => undefined,
      gotFrame: (connection, frame) => {
        this.frames.push(frame.toString('hex'));
        log.push(`${name}${frame.toString('hex')}`);
        connection.charge(PRICE, true);
        onFrame(connection);
      },
      connectionFlushed: () => undefined,
      severed: (_connection, ending) => {
        this.ending = ending;
        log.push(`${name}severed`);
      },
    };
    const beginning = { kind: 'dial', address: at(HOST) } as const;
    const options = DEFAULT_ENCODER_OPTIONS;
    this.connection = new Connection(owner, timeline, budget, options, beginning, () => this.socket);
    this.connection.connectionMade(this.socket);
    this.say(encodeHandshake(INFO_HASH, idOf('b'), encodeReserved([])));
  }

  /** In a buffer that is used again afterwards, as a socket's is. */
  say(bytes: Buffer): void {
    const chunk = Buffer.from(bytes);
    this.connection.dataCameIn(this.socket, chunk);
    chunk.fill(0xdb);
  }

  get log(): string[] {
    return this.#log.splice(0);
  }
}

/** As many messages, told apart by one byte each. */
function messages(count: number, first = 0): Buffer {
  return Buffer.concat(Array.from({ length: count }, (_, number) => Buffer.of(0, 0, 0, 1, first + number)));
}

describe('the work that one chunk makes', () => {
  it('is bounded: the rest waits for tasks, in order, and the socket is not read meanwhile', () => {
    const world = worldWith({ ofOneRead: 2 * PRICE, ofOneTurn: 1_000 });
    const talk = new Talk(world);
    talk.say(messages(5));
    assert.deepEqual(talk.log, ['00', '01', 'paused']);
    world.timeline.run(0);
    assert.deepEqual(talk.log, ['02', '03', '04', 'resumed']);
  });

  it('is spread over tasks of bounded work, so that other connections have their turns between', () => {
    const world = worldWith({ ofOneRead: 2 * PRICE, ofOneTurn: 1_000 });
    const first = new Talk(world, 'a');
    const second = new Talk(world, 'b');
    first.say(messages(5));
    second.say(messages(5));
    world.timeline.run(0);
    assert.deepEqual(
      first.log.filter((line) => /\d/.test(line)),
      ['a00', 'a01', 'b00', 'b01', 'a02', 'a03', 'b02', 'b03', 'a04', 'b04'],
    );
  });

  it('includes keep-alives, although these are not passed on', () => {
    const world = worldWith({ ofOneRead: 10, ofOneTurn: 1_000 });
    const talk = new Talk(world);
    talk.say(Buffer.concat([...Array.from({ length: 10 }, () => KEEP_ALIVE), messages(1)]));
    assert.deepEqual(talk.log, ['paused']);
    world.timeline.run(0);
    assert.deepEqual(talk.log, ['00', 'resumed']);
  });

  it('does not resume a socket that the owner has paused', () => {
    const world = worldWith({ ofOneRead: PRICE, ofOneTurn: 1_000 });
    const talk = new Talk(world);
    talk.say(messages(2));
    talk.connection.pauseReading();
    world.timeline.run(0);
    assert.deepEqual(talk.log, ['00', 'paused', 'paused', '01']);
    talk.connection.resumeReading();
    assert.deepEqual(talk.log, ['resumed']);
  });

  it('keeps the socket paused when the owner resumes while a rest waits', () => {
    const world = worldWith({ ofOneRead: PRICE, ofOneTurn: 1_000 });
    const talk = new Talk(world);
    talk.say(messages(2));
    talk.connection.resumeReading();
    assert.deepEqual(talk.log, ['00', 'paused']);
    world.timeline.run(0);
    assert.deepEqual(talk.log, ['01', 'resumed']);
  });

  it('keeps the order when another chunk comes while a rest waits', () => {
    const world = worldWith({ ofOneRead: PRICE, ofOneTurn: 1_000 });
    const talk = new Talk(world);
    talk.say(messages(2));
    talk.say(messages(2, 2));
    world.timeline.run(0);
    assert.deepEqual(talk.log, ['00', 'paused', '01', '02', '03', 'resumed']);
  });

  it('ends with the connection: the rest is not read', () => {
    const world = worldWith({ ofOneRead: 2 * PRICE, ofOneTurn: 1_000 });
    const talk = new Talk(world, '', (connection) => {
      if (talk.frames.length === 3) connection.refuse({ code: 'banned', evidence: { kind: 'wrong-metadata' } });
    });
    talk.say(messages(6));
    world.timeline.run(0);
    assert.deepEqual(talk.log, ['00', '01', 'paused', '02', 'severed']);
  });

  it('delivers the same messages in the same order, however they are cut and whatever the bounds are', () => {
    const bounds = fc.integer({ min: 1, max: 40 });
    const lengths = fc.array(fc.integer({ min: 0, max: 30 }), { maxLength: 40 });
    fc.assert(
      fc.property(lengths, bounds, bounds, fc.integer(), (bodies, ofOneRead, ofOneTurn, seed) => {
        const said = bodies.map((length, number) => Buffer.alloc(length, number));
        const stream = Buffer.concat(
          said.flatMap((body) => {
            const prefix = Buffer.alloc(4);
            prefix.writeUInt32BE(body.length);
            return [prefix, body];
          }),
        );
        for (const parts of splits(stream, seededRandom(seed))) {
          const world = worldWith({ ofOneRead, ofOneTurn });
          const talk = new Talk(world);
          for (const part of parts) {
            talk.say(part);
            // A socket that is not read from brings nothing.
            if (talk.paused) world.timeline.run(0);
          }
          world.timeline.run(0);
          assert.deepEqual(
            talk.frames,
            said.filter(({ length }) => length > 0).map((body) => body.toString('hex')),
          );
          assert.equal(talk.paused, false);
          assert.equal(world.timeline.pending, 0);
        }
      }),
      { numRuns: 50 },
    );
  });
});

describe('the work of all connections in one turn of the loop', () => {
  it('is bounded, however many connections there are: the last ones wait', () => {
    const OF_ONE_TURN = 10 * PRICE;
    const OF_ONE_READ = 3 * PRICE;
    const world = worldWith({ ofOneRead: OF_ONE_READ, ofOneTurn: OF_ONE_TURN });
    const talks = Array.from({ length: 80 }, (_, number) => new Talk(world, `${number}:`));
    for (const talk of talks) talk.say(messages(5));
    const framesOf = (): number => talks.reduce((sum, { frames }) => sum + frames.length, 0);
    assert.ok(framesOf() * PRICE <= OF_ONE_TURN + OF_ONE_READ, `${framesOf()} messages in one turn`);
    assert.ok(talks.every(({ paused }) => paused));
    world.timeline.run(0);
    assert.equal(framesOf(), 5 * 80);
    assert.ok(talks.every(({ paused }) => !paused));
  });

  it('begins anew with the next turn', () => {
    const world = worldWith({ ofOneRead: 100, ofOneTurn: PRICE });
    const talk = new Talk(world);
    talk.say(messages(1));
    world.timeline.run(0);
    talk.say(messages(1, 1));
    assert.deepEqual(talk.log, ['00', '01']);
  });
});

describe('work that a peer makes for nothing', () => {
  const { limit, perSecond } = DEFAULT_WORK_OPTIONS.idle;
  const { first, most } = DEFAULT_WORK_OPTIONS.credit;
  const keepAlives = (count: number): Buffer => Buffer.alloc(count * KEEP_ALIVE.length);

  it('ends the connection when the peer goes on with it', () => {
    const world = worldWith({});
    const talk = new Talk(world);
    talk.say(keepAlives(first + limit));
    world.timeline.run(0);
    assert.equal(talk.ending, null);
    talk.say(keepAlives(5_001));
    world.timeline.run(0);
    assert.deepEqual(talk.ending, { by: 'us', reason: { code: 'too-much-work', work: limit + 5_000 } });
  });

  it('is forgiven at a steady pace', () => {
    const world = worldWith({});
    const talk = new Talk(world);
    for (let second = 0; second < 60; second += 1) {
      talk.say(keepAlives(perSecond));
      world.timeline.run(1_000);
    }
    assert.equal(talk.ending, null);
  });

  it('still counts against the host when the peer dials again, also for another torrent', () => {
    const world = worldWith({});
    new Talk(world).say(keepAlives(first + limit));
    world.timeline.run(0);
    const again = new Talk(world);
    again.say(keepAlives(first + 1));
    assert.equal(again.ending?.by, 'us');
    world.timeline.run((1_000 * limit) / perSecond);
    const later = new Talk(world);
    later.say(keepAlives(first + 1));
    assert.equal(later.ending, null);
  });

  it('is forgotten in the same time, however long the attack went on', () => {
    const { timeline, budget } = worldWith({});
    for (let hour = 0; hour < 100; hour += 1) budget.addIdle(HOST, limit);
    timeline.run((1_000 * limit) / perSecond - 1);
    assert.equal(budget.addIdle(HOST, 1), true);
    timeline.run(2);
    assert.equal(budget.addIdle(HOST, 1), false);
  });

  it('does not harm another peer of the host that makes no more than one connection may', () => {
    const world = worldWith({});
    const neighbour = new Talk(world);
    world.budget.addIdle(HOST, 2 * limit);
    neighbour.say(keepAlives(first));
    world.timeline.run(0);
    const before = neighbour.ending;
    neighbour.say(keepAlives(1));
    assert.deepEqual([before, neighbour.connection.closed], [null, true]);
  });

  it('is paid for by blocks over the connection, up to a bound, and does not count against the host then', () => {
    const world = worldWith({});
    const talk = new Talk(world);
    world.budget.addIdle(HOST, 2 * limit);
    talk.connection.earn(1 << 30);
    talk.say(keepAlives(most));
    world.timeline.run(0);
    assert.deepEqual([talk.ending, world.budget.idleOf(HOST)], [null, 2 * limit]);
    talk.say(keepAlives(1));
    assert.equal(talk.ending?.by, 'us');
  });

  it('is not paid for by a block of any length that the peer requests again and again', () => {
    for (const length of [1, 16_384, 16_385, 131_072]) assert.ok(repeatPrice(length) > earnedBy(length), `${length}`);
  });

  it('is paid for when a client without a limit requests ten seconds of blocks at 100 MB/s each time', () => {
    const [block, asked, queued] = [16_384, 64_000, 2_000];
    const world = worldWith({});
    const dropped = (asked - queued) * DROPPED_PRICE;
    const talk = new Talk(world, '', (connection) => connection.charge(dropped, true));
    for (let round = 0; round < 100; round += 1) {
      talk.say(messages(1));
      world.timeline.run((1_000 * queued * block) / 100e6);
      talk.connection.earn(queued * block);
    }
    assert.equal(talk.ending, null);
  });

  it('is forgotten for hosts that have made none lately, so memory stays bounded', () => {
    const { timeline, budget } = worldWith({});
    for (let number = 0; number < 10_000; number += 1) {
      budget.addIdle(`10.${number >> 16}.${(number >> 8) & 255}.${number & 255}`, 200);
      timeline.run(1);
    }
    assert.ok(budget.hostCount <= 512, `${budget.hostCount} hosts`);
  });

  it('does not include useful work, however much that is', () => {
    const world = worldWith({});
    const talk = new Talk(world, '', (connection) => connection.charge(limit, false));
    for (let second = 0; second < 10; second += 1) talk.say(encodeMessage({ type: 'have', piece: second }));
    world.timeline.run(0);
    assert.deepEqual([talk.frames.length, talk.ending], [10, null]);
  });
});
