/**
 * Downloads among peers that send wrong blocks of torrents with hash trees. The leaves come from a source of the test.
 * `poisoned-clients.test.ts` is about whole clients that get them over the wire.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { poisonedSwarm } from '../support/worlds/poisoned-swarm.js';

const SEEDS = Array.from({ length: 20 }, (_, seed) => seed + 1);
const FEW = SEEDS.slice(0, 8);

describe('a swarm with poisoners', () => {
  for (const version of ['2', 'hybrid'] as const) {
    it(`bans each peer of a torrent (${version}) that sent a wrong block, at its first, and nobody else`, () => {
      let [bans, byBlock, blocks] = [0, 0, 0];
      for (const seed of SEEDS) {
        const { victims, poisoners, faults } = poisonedSwarm(version, seed);
        assert.deepEqual(faults, [], `seed ${seed}`);
        for (const { member, lies } of victims) {
          for (const { address } of member.banned) assert.ok(poisoners.has(address.host), address.host);
          bans += member.banned.length;
          byBlock += member.evidence.filter(({ kind }) => kind === 'wrong-block').length;
          blocks += lies.all.length;
        }
      }
      assert.ok(byBlock > SEEDS.length && bans > byBlock && blocks > bans, `${byBlock} of ${bans}, ${blocks} blocks`);
    });

    it(`completes a torrent (${version}) also when leaves come now and then, and bans nobody wrongly`, () => {
      for (const seed of FEW) assert.deepEqual(poisonedSwarm(version, seed, 50).faults, [], `seed ${seed}`);
    });

    it(`completes a torrent (${version}) also when nobody gives leaves, and bans nobody wrongly`, () => {
      for (const seed of FEW) assert.deepEqual(poisonedSwarm(version, seed, 0).faults, [], `seed ${seed}`);
    });
  }
});
