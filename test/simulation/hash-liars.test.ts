import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { HASH_LIAR_KINDS, type HashLiarKind, isForger } from '../support/fakes/hash-liars.js';
import { largeFile } from '../support/fakes/large-file.js';
import { seededRandom } from '../support/simulation/seeded-random.js';
import { HashWorld, isAlive } from '../support/worlds/hash-world.js';

const HONEST = '10.3.0.1';
const SEEDS = 100;
const SMALL = largeFile(300, 1);
const LARGE = largeFile(5_000, 2);

/** How long the layer takes among these liars, one after the other, and an honest peer that is named last. */
function fetchAmong(sample: typeof SMALL, kinds: readonly HashLiarKind[], seed: number): number {
  const world = new HashWorld(sample, seed);
  const liars = kinds.map((kind, number) => ({ kind, host: `10.2.${number}.1` }));
  for (const { kind, host } of liars) world.peer(host, kind);
  const honest = world.peer(HONEST, null);
  world.timeline.runUntil(() => world.doneAt !== null, 120_000);
  assert.ok(world.layer?.equals(sample.layer));
  assert.ok(isAlive(honest));
  const forgers = liars.filter(({ kind }) => isForger(kind)).map(({ host }) => host);
  for (const host of world.banned) assert.ok(forgers.includes(host), `${host} is banned`);
  assert.equal(world.end(), 0);
  return world.doneAt ?? Number.NaN;
}

describe('a layer of 50 liars and one honest peer that is named last', () => {
  for (const kind of HASH_LIAR_KINDS) {
    for (const [name, sample] of [
      ['300 hashes', SMALL],
      ['2,500 hashes', LARGE],
    ] as const) {
      it(`of ${name} comes when each ${kind}`, (t) => {
        t.diagnostic(`${Math.round(fetchAmong(sample, new Array<HashLiarKind>(50).fill(kind), 1))} ms`);
      });
    }
  }

  it(`comes in each of ${SEEDS} runs with liars of chance, within a minute`, (t) => {
    let longest = 0;
    for (let seed = 1; seed <= SEEDS; seed += 1) {
      const random = seededRandom(seed);
      const kinds = Array.from(
        { length: 50 },
        () => HASH_LIAR_KINDS[random.below(HASH_LIAR_KINDS.length)] as HashLiarKind,
      );
      const took = fetchAmong(seed % 2 === 0 ? SMALL : LARGE, kinds, seed);
      assert.ok(took <= 60_000, `seed ${seed}: ${took} ms`);
      longest = Math.max(longest, took);
    }
    t.diagnostic(`at most ${Math.round(longest)} ms`);
  });

  it('takes the same time again with the same seed', () => {
    const kinds = HASH_LIAR_KINDS.flatMap((kind) => [kind, kind, kind]);
    assert.equal(fetchAmong(LARGE, kinds, 7), fetchAmong(LARGE, kinds, 7));
  });
});
