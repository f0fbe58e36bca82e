/**
 * Whole clients among peers that send wrong blocks and lie about hashes. `poisoner-seeds.ts` lives through many more
 * seeds.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  PIECE_KINDS,
  type PieceKind,
  type PoisonedClientsOptions,
  poisonedClients,
} from '../support/worlds/poisoned-clients.js';

const SEEDS: Readonly<Record<PieceKind, number>> = { '16 KiB': 12, '256 KiB': 12, '4 MiB': 4 };
const PIECES = Object.keys(PIECE_KINDS) as readonly PieceKind[];

interface Sum {
  lies: number;
  failed: number;
  readonly bans: Map<string, number>;
}

function sumOf(options: PoisonedClientsOptions): Sum {
  const sum: Sum = { lies: 0, failed: 0, bans: new Map() };
  for (let seed = 1; seed <= SEEDS[options.piece]; seed += 1) {
    const { faults, lies, bans, failed } = poisonedClients(options, seed);
    assert.deepEqual(faults, [], `seed ${seed}`);
    sum.lies += lies;
    sum.failed += failed;
    for (const kind of bans) sum.bans.set(kind, (sum.bans.get(kind) ?? 0) + 1);
  }
  return sum;
}

describe('clients that get all hashes over the wire, among liars, ban each at its first wrong block and nobody else:', () => {
  for (const [version, company] of [
    ['2', 'both'],
    ['hybrid', 'both'],
    ['hybrid', 'v2'],
  ] as const) {
    for (const piece of PIECES) {
      const who =
        version === '2' ? 'version 2' : `a hybrid, from ${company === 'v2' ? 'peers of v2 alone' : 'its own'}`;
      it(`${who}, pieces of ${piece}`, (t) => {
        const { lies, failed, bans } = sumOf({ version, piece, company });
        t.diagnostic(`${lies} lies, ${[...bans].map(([kind, count]) => `${count} for a ${kind}`).join(', ')}`);
        assert.equal(failed, 0);
        assert.ok((bans.get('wrong-block') ?? 0) + (bans.get('wrong-piece') ?? 0) > SEEDS[piece], 'too few lies');
      });
    }
  }
});

describe('clients with a hybrid among peers of version 1, of which nobody gives hashes,', () => {
  for (const piece of PIECES)
    it(`complete, and ban no honest peer, pieces of ${piece}`, () => {
      const { lies, bans } = sumOf({ version: 'hybrid', piece, company: 'v1' });
      assert.ok(lies > 0 && bans.size > 0);
    });
});
