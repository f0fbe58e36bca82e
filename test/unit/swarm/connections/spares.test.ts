import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { AddressSource } from '../../../../src/net/reach-rule.js';
import { type Spare, Spares } from '../../../../src/swarm/connections/spares.js';
import { Tellers } from '../../../../src/swarm/connections/tellers.js';

const MINUTE = 60_000;
const anybody = (): boolean => true;

function at(port: number, host = '10.0.0.1'): { host: string; port: number } {
  return { host, port };
}

const TRACKER: AddressSource = { kind: 'tracker', teller: '9.0.0.1' };
const OPTIONS = { maxSpares: 4, maxSparesPerHost: 1_000, retryInterval: MINUTE, maxFailures: 4 };

class Book extends Spares {
  readonly tellers: Tellers;

  constructor(options: Partial<typeof OPTIONS>) {
    const tellers = new Tellers(10);
    super({ ...OPTIONS, ...options }, ({ port }) => (port >= 1_000 ? port : 0), tellers);
    this.tellers = tellers;
  }

  name(address: { host: string; port: number }, now: number, source = TRACKER): void {
    this.add(address, this.tellers.of(source), 'v1', now);
  }
}

function spares(maxSpares = 4): Book {
  return new Book({ maxSpares });
}

/** Dials everything that may be dialled at `now` and says which ports that were. */
function dialAll(book: Book, now: number): number[] {
  const ports: number[] = [];
  for (;;) {
    const turn = book.next(now, anybody);
    if (turn === undefined) return ports;
    book.dialled(turn.spare, now);
    book.tellers.served(turn.teller);
    ports.push(turn.spare.address.port);
  }
}

describe('the spares', () => {
  it('are dialled in the order in which they were named, each once', () => {
    const book = spares();
    for (const port of [1, 2, 1, 3]) book.name(at(port), 0);
    assert.equal(book.count, 3);
    assert.deepEqual(dialAll(book, 0), [1, 2, 3]);
    assert.equal(book.count, 0);
  });

  it('are dialled by rank, but those that failed come later', () => {
    const book = spares(5);
    for (const port of [1, 1_002, 1_003, 2]) book.name(at(port), 0);
    assert.deepEqual(dialAll(book, 0), [1_003, 1_002, 1, 2]);
    book.failed(at(1_003), 0);
    for (const port of [1, 1_001]) book.name(at(port), MINUTE);
    assert.deepEqual(dialAll(book, 5 * MINUTE), [1_001, 1, 1_003]);
  });

  it('remember a bounded number of seeds from outside, and a new one again after a while', () => {
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
    for (const port of [1, 2, 3]) book.name(at(port), 0);
    assert.deepEqual(dialAll(book, 0), [1, 2]);
  });

  it('wait a minute after an attempt, however often they are named', () => {
    const book = spares();
    book.name(at(1), 0);
    assert.deepEqual(dialAll(book, 0), [1]);
    book.name(at(1), 1_000);
    book.name(at(1), 2_000);
    assert.equal(book.nextReadyAt(2_000), MINUTE);
    assert.deepEqual(dialAll(book, MINUTE - 1), []);
    assert.deepEqual(dialAll(book, MINUTE), [1]);
  });

  it('wait twice as long after each failure, and are dropped when there were too many', () => {
    const book = spares();
    const attempts: number[] = [];
    book.name(at(1), 0);
    for (let now = 0; now <= 100 * MINUTE; now += 1_000) {
      for (const _port of dialAll(book, now)) {
        attempts.push(now / MINUTE);
        book.failed(at(1), now);
      }
    }
    assert.deepEqual(attempts, [0, 1, 3, 7]);
  });

  it('that the user or a link has named are tried for ever, every five minutes at least', () => {
    for (const source of [{ kind: 'user' }, { kind: 'link' }] as const) {
      const book = spares();
      const attempts: number[] = [];
      // A tracker that names it too takes nothing away.
      book.name(at(1), 0);
      book.name(at(1), 0, source);
      for (let now = 0; now <= 60 * MINUTE; now += 1_000) {
        for (const _port of dialAll(book, now)) {
          attempts.push(now / MINUTE);
          book.failed(at(1), now);
        }
      }
      assert.deepEqual(attempts, [0, 1, 3, 7, 12, 17, 22, 27, 32, 37, 42, 47, 52, 57]);
    }
  });

  it('that the user or a link has named stay theirs when another source names them after they were parted from', () => {
    for (const source of [{ kind: 'user' }, { kind: 'link' }] as const) {
      const book = spares();
      book.name(at(1), 0, source);
      assert.deepEqual(dialAll(book, 0), [1]);
      book.name(at(1), MINUTE);
      for (let now = MINUTE; now <= 3 * 60 * MINUTE; now += MINUTE)
        for (const _port of dialAll(book, now)) book.failed(at(1), now);
      assert.equal(book.count, 1);
    }
  });

  it('that the user or a link has named are tried again, however many others were dialled since', () => {
    for (const source of [{ kind: 'user' }, { kind: 'link' }] as const) {
      const book = spares();
      book.name(at(1), 0, source);
      assert.deepEqual(dialAll(book, 0), [1]);
      for (let port = 2; port < 100; port += 1) {
        book.name(at(port), port * MINUTE);
        assert.deepEqual(dialAll(book, port * MINUTE), [port]);
      }
      book.failed(at(1), 100 * MINUTE);
      assert.equal(book.count, 1);
    }
  });

  it('that the user or a link has named keep their places by that, when a tracker has named them first', () => {
    for (const source of [{ kind: 'user' }, { kind: 'link' }] as const) {
      const book = new Book({ maxSpares: 6, maxSparesPerHost: 3 });
      book.name(at(1), 0);
      book.name(at(1), 0, source);
      assert.deepEqual(dialAll(book, 0), [1]);
      for (let port = 2; port < 10; port += 1) book.name(at(port), 0);
      assert.equal(book.count, 3);
      book.failed(at(1), 0);
      assert.equal(book.count, source.kind === 'user' ? 4 : 3);
      assert.equal(dialAll(book, MINUTE).includes(1), true, source.kind);
    }
  });

  it('that the user has named wait all of them, also those beyond the number of places', () => {
    const book = spares(4);
    const ports = Array.from({ length: 10 }, (_, index) => index + 1);
    for (const port of ports) book.name(at(port), 0, { kind: 'user' });
    assert.deepEqual(dialAll(book, 0), ports);
    for (const port of ports) book.failed(at(port), 0);
    book.name(at(11), 0);
    assert.deepEqual(dialAll(book, MINUTE), ports);
  });

  it('wait as long as before when their dials led nowhere, and do not fail by that', () => {
    const book = spares();
    const attempts: number[] = [];
    book.name(at(1), 0);
    for (let now = 0; now <= 10 * MINUTE; now += 1_000) {
      for (const _port of dialAll(book, now)) {
        attempts.push(now / MINUTE);
        if (attempts.length === 6) book.failed(at(1), now);
        else book.missed(at(1), now);
      }
    }
    assert.deepEqual(attempts, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    assert.equal(book.next(20 * MINUTE, anybody)?.spare.failures, 1);
  });

  it('keep their failures when they are dropped, and wait for these when a source names them again', () => {
    const book = spares();
    book.name(at(1), 0);
    let now = 0;
    for (let failure = 0; failure < 4; failure += 1) {
      now = book.nextReadyAt(now) ?? now;
      dialAll(book, now);
      book.failed(at(1), now);
    }
    assert.equal(book.count, 0);
    book.name(at(1), now);
    assert.equal(book.nextReadyAt(now), now + 8 * MINUTE);
  });

  it('wait no longer than after a first failure when they are forgiven, those that were dropped too', () => {
    const book = spares();
    for (const port of [1, 2, 3]) book.name(at(port), 0);
    let now = 0;
    for (let failure = 0; failure < 4; failure += 1) {
      now = book.nextReadyAt(now) ?? now;
      dialAll(book, now);
      for (const port of [1, 2]) if (failure < 3 || port === 1) book.failed(at(port), now);
    }
    book.missed(at(2), now);
    book.condemn(at(3));
    const later = now + 10_000;
    book.forgive(later);
    for (const port of [1, 3]) book.name(at(port), later);
    assert.deepEqual(dialAll(book, now + MINUTE - 1), []);
    assert.deepEqual(dialAll(book, now + MINUTE).sort(), [1, 2]);
  });

  it('forget failures once a connection has proved good', () => {
    const book = spares();
    book.name(at(1), 0);
    dialAll(book, 0);
    book.failed(at(1), 0);
    dialAll(book, MINUTE);
    book.proved(at(1));
    book.failed(at(1), 10 * MINUTE);
    assert.equal(book.next(10 * MINUTE, anybody)?.spare.failures, 1);
  });

  it('come after those that have not failed, and make room for them', () => {
    const book = spares(2);
    for (const port of [1, 2]) book.name(at(port), 0);
    dialAll(book, 0);
    for (const port of [1, 2]) book.failed(at(port), 0);
    book.name(at(3), 1);
    assert.equal(book.count, 2);
    assert.equal(book.next(2 * MINUTE, anybody)?.spare.address.port, 3);
    book.name(at(4), 1);
    book.name(at(5), 1);
    assert.deepEqual(dialAll(book, 2 * MINUTE), [3, 4]);
  });

  it('are passed over while they may not be dialled', () => {
    const book = spares();
    book.name(at(1, '10.0.0.1'), 0);
    book.name(at(2, '10.0.0.2'), 0);
    const elsewhere = (spare: Spare): boolean => spare.address.host !== '10.0.0.1';
    assert.equal(book.next(0, elsewhere)?.spare.address.port, 2);
    assert.equal(book.next(0, anybody)?.spare.address.port, 1);
  });

  it('know which peer answered, and never come back when condemned', () => {
    const book = spares();
    const peerId = Buffer.alloc(20, 'p');
    assert.equal(book.knownPeerId(at(1)), null);
    book.name(at(1), 0);
    dialAll(book, 0);
    book.answered(at(1), peerId, 'v1');
    assert.equal(book.knownPeerId(at(1)), peerId);
    book.condemn(at(1));
    book.name(at(1), 10 * MINUTE);
    assert.equal(book.count, 0);
  });

  it('keep attempts at one address a minute apart and memory bounded, whatever happens', () => {
    const step = fc.record({
      port: fc.integer({ min: 1, max: 12 }),
      wait: fc.integer({ min: 0, max: 40_000 }),
      fails: fc.boolean(),
      forgives: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
        const book = spares(4);
        const last = new Map<number, number>();
        let now = 0;
        for (const { port, wait, fails, forgives } of steps) {
          now += wait;
          if (forgives) book.forgive(now);
          book.name(at(port), now);
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

  it('of several tellers are dialled in turn, those of the user and of trackers first', () => {
    const book = spares(20);
    const named = [
      [10, { kind: 'pex', teller: '9.0.0.7' }],
      [20, { kind: 'dht', teller: '9.0.0.8' }],
      [30, { kind: 'pex', teller: '9.0.0.9' }],
      [40, TRACKER],
      [50, { kind: 'user' }],
    ] as const;
    for (const [port, source] of named) for (const each of [1, 2, 3]) book.name(at(port + each), 0, source);
    assert.deepEqual(dialAll(book, 0), [51, 41, 21, 11, 52, 42, 22, 31, 53, 43, 23, 12, 32, 13, 33]);
  });

  it('of a teller that names very many give way to those of others, until each has its share', () => {
    const book = spares(12);
    for (let port = 1; port <= 100; port += 1) book.name(at(port), 0, { kind: 'pex', teller: '9.0.0.7' });
    for (let port = 101; port <= 200; port += 1) book.name(at(port), 0, { kind: 'dht', teller: `9.0.1.${port}` });
    for (let port = 201; port <= 202; port += 1) book.name(at(port), 0);
    const left = dialAll(book, 0).map((port) => Math.ceil(port / 100));
    assert.deepEqual(
      [1, 2, 3].map((each) => left.filter((hundred) => hundred === each).length),
      [5, 5, 2],
    );
  });

  it('of ten thousand tellers of one kind do not push out the only one of another kind', () => {
    const book = spares(8);
    book.name(at(1), 0);
    for (let each = 0; each < 10_000; each += 1)
      book.name(at(2 + (each % 60_000), `11.0.${each >> 8}.${each & 255}`), 0, {
        kind: 'pex',
        teller: `12.${each >> 8}.0.${each & 255}`,
      });
    assert.equal(book.count, 8);
    assert.equal(book.next(0, anybody)?.spare.address.port, 1);
    assert.ok(book.tellers.count <= 30, `${book.tellers.count} tellers`);
  });

  it('of a teller whose addresses fail give way to those of a teller whose addresses are good', () => {
    const book = spares(10);
    const [liar, honest] = ['9.0.0.7', '9.0.0.8'].map((teller) => book.tellers.of({ kind: 'pex', teller }));
    for (let failure = 0; failure < 12; failure += 1) liar?.failed();
    for (let port = 1; port <= 100; port += 1) book.name(at(port), 0, { kind: 'pex', teller: '9.0.0.7' });
    for (let port = 101; port <= 200; port += 1) book.name(at(port), 0, { kind: 'pex', teller: '9.0.0.8' });
    assert.deepEqual([liar?.waiting, honest?.waiting], [1, 9]);
    for (const _halving of [1, 2, 3]) liar?.succeeded();
    for (let port = 301; port <= 400; port += 1) book.name(at(port), 0, { kind: 'pex', teller: '9.0.0.7' });
    assert.deepEqual([liar?.waiting, honest?.waiting], [5, 5]);
  });

  it('of one kind of sources have the share of its best teller: tellers do not answer for each other', () => {
    const book = spares(10);
    const [liar, honest] = ['9.0.0.7', '9.0.0.8'].map((teller) => book.tellers.of({ kind: 'pex', teller }));
    for (let failure = 0; failure < 16; failure += 1) liar?.failed();
    for (let port = 1; port <= 4; port += 1) book.name(at(port), 0, { kind: 'pex', teller: '9.0.0.8' });
    book.name(at(5), 0, { kind: 'pex', teller: '9.0.0.7' });
    for (let port = 101; port <= 200; port += 1) book.name(at(port), 0);
    assert.deepEqual([liar?.waiting, honest?.waiting], [1, 4]);
  });

  it('of one host make room for another teller, but an address that two tellers have named stays', () => {
    const book = new Book({ maxSpares: 100, maxSparesPerHost: 3 });
    for (const port of [1, 2, 3]) book.name(at(port), 0, { kind: 'pex', teller: '9.0.0.7' });
    book.name(at(3), 0, { kind: 'lsd', teller: '9.0.0.9' });
    book.name(at(2), 0, { kind: 'lsd', teller: '9.0.0.9' });
    book.name(at(9), 0);
    assert.deepEqual(dialAll(book, 0).sort(), [2, 3, 9]);
  });

  it('of one host that many tellers of one kind name make room for another kind, for what a link named too', () => {
    for (const source of [TRACKER, { kind: 'link' }] as const) {
      const book = new Book({ maxSpares: 100, maxSparesPerHost: 8 });
      book.name(at(1), 0, source);
      assert.deepEqual(dialAll(book, 0), [1]);
      // Each by itself, and all of them by two.
      for (let port = 11; port <= 18; port += 1) book.name(at(port), 0, { kind: 'pex', teller: `9.0.0.${port}` });
      for (let port = 11; port <= 18; port += 1) book.name(at(port), 0, { kind: 'pex', teller: '9.0.1.1' });
      book.failed(at(1), 0);
      assert.equal(book.count, 8);
      assert.equal(dialAll(book, MINUTE).includes(1), true, source.kind);
    }
  });

  it('remember eight tellers of an address, and of a flood of attempts the latest', () => {
    const book = spares();
    for (let each = 0; each < 20; each += 1) book.name(at(1), 0, { kind: 'pex', teller: `9.0.0.${each}` });
    assert.equal(book.next(0, anybody)?.spare.tellers.length, 8);
    for (let port = 1; port <= 41; port += 1) {
      book.name(at(port), 0);
      dialAll(book, 0);
    }
    for (const port of [1, 2]) book.name(at(port), 0);
    assert.deepEqual(dialAll(book, 0), [1]);
  });

  it('of one host are few, unless the user names them', () => {
    const book = new Book({ maxSpares: 100, maxSparesPerHost: 3 });
    const liar = { kind: 'pex', teller: '9.0.0.7' } as const;
    for (let port = 1; port < 60_000; port += 7) book.name(at(port), 0, liar);
    assert.equal(book.count, 3);
    book.name(at(60_001), 0);
    assert.equal(book.count, 3);
    assert.equal(book.next(0, anybody)?.spare.address.port, 60_001, 'the port that the tracker names has a place');
    for (let port = 60_002; port <= 60_010; port += 1) book.name(at(port), 0, { kind: 'user' });
    assert.equal(book.count, 12);
    const prefix = '2a00:1:2:3:';
    for (let port = 1; port < 100; port += 1) book.name(at(port, `${prefix}:${port}`), 0, liar);
    assert.equal(book.count, 15);
  });

  it('that a liar names first are dialled in the turn of a teller that names them again', () => {
    const book = spares(20);
    for (let each = 0; each < 40; each += 1) book.name(at(1_000), 0, { kind: 'pex', teller: `9.0.0.${each}` });
    for (let port = 1_001; port < 1_010; port += 1) book.name(at(port), 0, { kind: 'pex', teller: '9.0.0.1' });
    book.name(at(1_000), 0);
    const turn = book.next(0, anybody);
    assert.deepEqual([turn?.spare.address.port, turn?.teller.kind], [1_000, 'tracker']);
  });

  it('leave no trace in the share of any teller when they are gone', () => {
    const step = fc.record({
      port: fc.integer({ min: 1, max: 12 }),
      teller: fc.integer({ min: 1, max: 6 }),
      kind: fc.constantFrom('pex' as const, 'dht' as const, 'tracker' as const),
      deed: fc.constantFrom('name', 'dial', 'fail', 'drop'),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
        const book = new Book({ maxSpares: 6, maxSparesPerHost: 4 });
        const sources = steps.map(({ kind, teller }): AddressSource => ({ kind, teller: `9.0.0.${teller}` }));
        const tellers = new Set(sources.map((source) => book.tellers.of(source)));
        for (const [index, { port, deed }] of steps.entries()) {
          const address = at(port, `10.0.0.${port % 3}`);
          const turn = book.next(index, anybody);
          if (deed === 'name') book.name(address, index, sources[index]);
          else if (deed === 'fail') book.failed(address, index);
          else if (turn !== undefined && deed === 'dial') book.dialled(turn.spare, index);
          else if (turn !== undefined) book.drop(turn.spare);
          assert.ok(book.count <= 6);
        }
        book.clear();
        assert.deepEqual(
          [...tellers].filter(({ waiting, group }) => waiting !== 0 || group.waiting !== 0),
          [],
        );
      }),
    );
  });
});
