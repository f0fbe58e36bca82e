import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { type Spare, Spares } from '../../../src/swarm/spares.js';

const MINUTE = 60_000;
const anybody = (): boolean => true;

function at(port: number, host = '10.0.0.1'): { host: string; port: number } {
  return { host, port };
}

function spares(maxSpares = 4): Spares {
  return new Spares({ maxSpares, retryInterval: MINUTE, maxFailures: 4 }, ({ port }) => (port >= 1_000 ? port : 0));
}

/** Dials everything that may be dialled at `now` and says which ports that were. */
function dialAll(book: Spares, now: number): number[] {
  const ports: number[] = [];
  for (;;) {
    const spare = book.next(now, anybody);
    if (spare === undefined) return ports;
    book.dialled(spare, now);
    ports.push(spare.address.port);
  }
}

describe('the spares', () => {
  it('are dialled in the order in which they were named, each once', () => {
    const book = spares();
    for (const port of [1, 2, 1, 3]) book.add(at(port), 0);
    assert.equal(book.count, 3);
    assert.deepEqual(dialAll(book, 0), [1, 2, 3]);
    assert.equal(book.count, 0);
  });

  it('are dialled by rank, but those that failed come later', () => {
    const book = spares(5);
    for (const port of [1, 1_002, 1_003, 2]) book.add(at(port), 0);
    assert.deepEqual(dialAll(book, 0), [1_003, 1_002, 1, 2]);
    book.failed(at(1_003), 0);
    for (const port of [1, 1_001]) book.add(at(port), MINUTE);
    assert.deepEqual(dialAll(book, 5 * MINUTE), [1_001, 1, 1_003]);
  });

  it('remember a bounded number of seeds that came by themselves, and the newest again after a while', () => {
    const book = spares(4);
    const seedsAt = (now: number): number => {
      for (let port = 1; port <= 1_000; port += 1) book.partedComplete(at(port), Buffer.alloc(20), now);
      return Array.from({ length: 1_000 }, (_, port) => book.isComplete(at(port + 1))).filter(Boolean).length;
    };
    assert.equal(seedsAt(0), 8);
    book.partedComplete(at(5_000), Buffer.alloc(20), 2 * MINUTE);
    assert.equal(book.isComplete(at(5_000)), true);
  });

  it('are bounded: one too many is forgotten', () => {
    const book = spares(2);
    for (const port of [1, 2, 3]) book.add(at(port), 0);
    assert.deepEqual(dialAll(book, 0), [1, 2]);
  });

  it('wait a minute after an attempt, however often they are named', () => {
    const book = spares();
    book.add(at(1), 0);
    assert.deepEqual(dialAll(book, 0), [1]);
    book.add(at(1), 1_000);
    book.add(at(1), 2_000);
    assert.equal(book.nextReadyAt(2_000), MINUTE);
    assert.deepEqual(dialAll(book, MINUTE - 1), []);
    assert.deepEqual(dialAll(book, MINUTE), [1]);
  });

  it('wait twice as long after each failure, and are dropped when there were too many', () => {
    const book = spares();
    const attempts: number[] = [];
    book.add(at(1), 0);
    for (let now = 0; now <= 100 * MINUTE; now += 1_000) {
      for (const _port of dialAll(book, now)) {
        attempts.push(now / MINUTE);
        book.failed(at(1), now);
      }
    }
    assert.deepEqual(attempts, [0, 1, 3, 7]);
  });

  it('are all allowed again, the minute apart, when somebody names a dropped one', () => {
    const book = spares();
    book.add(at(1), 0);
    let now = 0;
    for (let failure = 0; failure < 4; failure += 1) {
      now = book.nextReadyAt(now) ?? now;
      dialAll(book, now);
      book.failed(at(1), now);
    }
    assert.equal(book.count, 0);
    book.add(at(1), now);
    assert.equal(book.nextReadyAt(now), now + 8 * MINUTE);
  });

  it('forget failures once a connection has proved good', () => {
    const book = spares();
    book.add(at(1), 0);
    dialAll(book, 0);
    book.failed(at(1), 0);
    dialAll(book, MINUTE);
    book.proved(at(1));
    book.failed(at(1), 10 * MINUTE);
    assert.equal(book.next(10 * MINUTE, anybody)?.failures, 1);
  });

  it('come after those that have not failed, and make room for them', () => {
    const book = spares(2);
    for (const port of [1, 2]) book.add(at(port), 0);
    dialAll(book, 0);
    for (const port of [1, 2]) book.failed(at(port), 0);
    book.add(at(3), 1);
    assert.equal(book.count, 2);
    assert.equal(book.next(2 * MINUTE, anybody)?.address.port, 3);
    book.add(at(4), 1);
    book.add(at(5), 1);
    assert.deepEqual(dialAll(book, 2 * MINUTE), [3, 4]);
  });

  it('are passed over while they may not be dialled', () => {
    const book = spares();
    book.add(at(1, '10.0.0.1'), 0);
    book.add(at(2, '10.0.0.2'), 0);
    const elsewhere = (spare: Spare): boolean => spare.address.host !== '10.0.0.1';
    assert.equal(book.next(0, elsewhere)?.address.port, 2);
    assert.equal(book.next(0, anybody)?.address.port, 1);
  });

  it('know who answered, and never come back when condemned', () => {
    const book = spares();
    const peerId = Buffer.alloc(20, 'p');
    assert.equal(book.knownPeerId(at(1)), null);
    book.add(at(1), 0);
    dialAll(book, 0);
    book.answered(at(1), peerId);
    assert.equal(book.knownPeerId(at(1)), peerId);
    book.condemn(at(1));
    book.add(at(1), 10 * MINUTE);
    assert.equal(book.count, 0);
  });

  it('keep attempts at one address a minute apart and memory bounded, whatever happens', () => {
    const step = fc.record({
      port: fc.integer({ min: 1, max: 12 }),
      wait: fc.integer({ min: 0, max: 40_000 }),
      fails: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
        const book = spares(4);
        const last = new Map<number, number>();
        let now = 0;
        for (const { port, wait, fails } of steps) {
          now += wait;
          book.add(at(port), now);
          assert.ok(book.count <= 4);
          for (const dialled of dialAll(book, now)) {
            const before = last.get(dialled);
            assert.ok(before === undefined || now - before >= MINUTE);
            last.set(dialled, now);
            if (fails) book.failed(at(dialled), now);
          }
        }
      }),
    );
  });
});
