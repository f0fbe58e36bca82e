import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { MetadataTurns, type TurnTaker } from '../../../../src/swarm/metadata/metadata-turns.js';
import { seededRandom } from '../../../support/simulation/seeded-random.js';

const SIZE = 1_000_000;
const OPTIONS = { firstTurns: 4, turnsDouble: 200, richTime: 2_000, richTurnsDouble: 4_000 };

class Taker implements TurnTaker {
  readonly hostKey: string;
  hasTurn = false;

  constructor(hostKey: string) {
    this.hostKey = hostKey;
  }

  mayBeAsked(): boolean {
    return true;
  }
}

const crowd = (count: number, hosts: number): Taker[] =>
  Array.from({ length: count }, (_, at) => new Taker(`10.0.0.${at % hosts}`));
const begin = (seed = 1): MetadataTurns => new MetadataTurns(seededRandom(seed), SIZE, OPTIONS, 0);
const holders = (takers: readonly Taker[]): number => takers.filter(({ hasTurn }) => hasTurn).length;

describe('the turns of peers that each send a whole of the metadata', () => {
  test('go to each host once before any host has a second one, and to no peer of a host more often than to another', () => {
    for (let seed = 1; seed <= 20; seed += 1) {
      const turns = begin(seed);
      const takers = [...crowd(40, 2), new Taker('10.0.1.1'), new Taker('10.0.2.1')];
      const given: Taker[][] = [];
      for (let round = 0; round < 6; round += 1) {
        turns.give(takers, 0);
        given.push(takers.filter(({ hasTurn }) => hasTurn));
        for (const taker of takers) taker.hasTurn = false;
      }
      const [first = [], ...later] = given;
      assert.deepEqual(new Set(first.map(({ hostKey }) => hostKey)).size, 4, 'each host');
      for (const round of later) assert.equal(new Set(round.map(({ hostKey }) => hostKey)).size, 4, 'each host again');
      const often = new Map<Taker, number>();
      for (const taker of given.flat()) often.set(taker, (often.get(taker) ?? 0) + 1);
      for (const [taker, count] of often) if (/^10\.0\.0/.test(taker.hostKey)) assert.equal(count, 1);
    }
  });

  test('do not go by who came first', () => {
    const firsts = new Set<number>();
    for (let seed = 1; seed <= 50; seed += 1) {
      const takers = crowd(10, 10);
      begin(seed).give(takers, 0);
      firsts.add(takers.findIndex(({ hasTurn }) => hasTurn));
      assert.equal(holders(takers), 4);
    }
    assert.ok(firsts.size > 3, `${firsts.size}`);
  });

  test('become twice as many after a short time, again and again, while little comes', () => {
    const turns = begin();
    const takers = crowd(60, 60);
    const counts: number[] = [];
    for (let now = 0; now <= 800; now += 100) {
      turns.give(takers, now);
      counts.push(holders(takers));
      turns.came(SIZE / 30);
    }
    assert.deepEqual(counts, [4, 4, 8, 8, 16, 16, 32, 32, 60]);
  });

  test('become twice as many after a short time while each doubling brings more', () => {
    const turns = begin();
    const takers = crowd(60, 60);
    for (let now = 0; now < 900; now += 100) {
      turns.give(takers, now);
      turns.came((SIZE * holders(takers)) / 10);
    }
    assert.equal(holders(takers), 60);
  });

  test('become no more, while much comes and more peers bring no more, before the peers could be done', () => {
    const turns = begin();
    const takers = crowd(60, 60);
    const doubledAt: number[] = [];
    for (let now = 0, most = 0; now < 8_000; now += 100) {
      turns.give(takers, now);
      if (holders(takers) > most) doubledAt.push(now);
      most = holders(takers);
      turns.came(SIZE / 2);
    }
    // Eight wholes take 1,600 ms, sixteen 3,200 ms; thirty-two would take 6,400 ms.
    assert.deepEqual(doubledAt, [0, 200, 1_800, 5_000]);
  });

  test('become twice as many after four seconds at the latest', () => {
    const turns = begin();
    const takers = crowd(60, 60);
    const doubledAt: number[] = [];
    for (let now = 0, most = 0; now < 13_000; now += 100) {
      turns.give(takers, now);
      if (holders(takers) > most) doubledAt.push(now);
      most = holders(takers);
      turns.came(SIZE / 15);
    }
    assert.deepEqual(doubledAt, [0, 200, 4_200, 8_200, 12_200]);
  });
});
