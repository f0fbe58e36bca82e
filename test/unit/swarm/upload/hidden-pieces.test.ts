import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { HiddenPieces } from '../../../../src/swarm/upload/hidden-pieces.js';
import { fullBitfield } from '../../../../src/wire/bitfield.js';
import { seededRandom } from '../../../support/simulation/seeded-random.js';

function hiddenWith(copies: number[], have = fullBitfield(copies.length)): HiddenPieces {
  return new HiddenPieces(have, (piece) => copies[piece] ?? 0, seededRandom(1));
}

describe('hidden pieces', () => {
  it('are taken once each while no peer has them, and never those that some peer has', () => {
    const hidden = hiddenWith([0, 1, 0, 2]);
    const taken = [hidden.takeMissing(), hidden.takeMissing(), hidden.takeMissing()];
    assert.deepEqual(new Set(taken), new Set([0, 2, undefined]));
    assert.equal(hidden.hasMissing, false);
  });

  it('are found again when their last copy has gone', () => {
    const copies = [1, 1];
    const hidden = hiddenWith(copies);
    assert.equal(hidden.takeMissing(), undefined);
    assert.equal(hidden.areAllSpread, true);
    copies[1] = 0;
    hidden.review();
    assert.equal(hidden.areAllSpread, false);
    assert.equal(hidden.takeMissing(), 1);
  });

  it('are given by fewest copies to a peer that lacks them', () => {
    const hidden = hiddenWith([3, 1, 1, 2]);
    hidden.takeMissing();
    assert.deepEqual(
      hidden.takeRarest((piece) => piece !== 1, 2),
      [2],
    );
    assert.deepEqual(
      hidden.takeRarest((piece) => piece !== 1, 2),
      [3],
    );
  });

  it('do not count pieces that we lack', () => {
    const have = fullBitfield(2);
    have.clear(0);
    const hidden = hiddenWith([0, 1], have);
    assert.equal(hidden.areAllSpread, true);
    assert.equal(hidden.takeMissing(), undefined);
  });
});
