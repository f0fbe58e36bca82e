/** The cost of a choice: how many pieces, buckets and words are looked at. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Random } from '../../../src/base/random.js';
import { BLOCK_LENGTH } from '../../../src/metainfo/piece-layout.js';
import { DEFAULT_PIECE_PICKER_OPTIONS, PiecePicker } from '../../../src/pieces/piece-picker.js';
import { RequestBook } from '../../../src/pieces/request-book.js';
import { Bitfield, fullBitfield } from '../../../src/wire/bitfield.js';
import { layoutOf } from '../../support/pieces.js';
import { seededRandom } from '../../support/simulation/seeded-random.js';

const BLOCKS = 4;

interface Swarm {
  readonly pieces: number;
  readonly peers: number;
  bitfield(peer: number, pieces: number, random: Random): Bitfield;
}

const seed = (_: number, pieces: number): Bitfield => fullBitfield(pieces);

/** Has each piece with the probability 1 − 2^-doublings. */
function leech(doublings: number, pieces: number, random: Random): Bitfield {
  const words = new Uint32Array(Math.ceil(pieces / 32));
  for (let word = 0; word < words.length; word += 1) {
    for (let again = 0; again < doublings; again += 1) words[word] = (words[word] as number) | random.below(2 ** 32);
  }
  const spare = words.length * 32 - pieces;
  words[words.length - 1] = (((words.at(-1) as number) >>> spare) << spare) >>> 0;
  return new Bitfield(pieces, words);
}

/** Has `count` random pieces. */
function beginner(count: number, pieces: number, random: Random): Bitfield {
  const has = new Bitfield(pieces);
  while (has.count < count) has.set(random.below(pieces));
  return has;
}

/** The greatest and the mean cost of `next`, while the peers take turns to ask for blocks, which arrive at once. */
function costOfTake({ pieces, peers, bitfield }: Swarm): { mean: number; most: number } {
  const random = seededRandom(7);
  const picker = new PiecePicker(pieces, DEFAULT_PIECE_PICKER_OPTIONS, random);
  const book = new RequestBook<Bitfield>(layoutOf(pieces, BLOCKS * BLOCK_LENGTH), picker, {
    openPiece: () => true,
    resumePiece: () => {
      throw new Error('nothing is resumed');
    },
    releasePiece: () => {
      throw new Error('nothing is abandoned');
    },
    emptyPiece: () => {
      throw new Error('nothing is taken over');
    },
  });
  const bitfields = Array.from({ length: peers }, (_, peer) => bitfield(peer, pieces, random));
  for (const has of bitfields) picker.peerJoined(has);
  let most = 0;
  const takes = 2000;
  const begin = picker.lookedAt;
  for (let turn = 0; turn < takes; turn += 1) {
    const has = bitfields[turn % peers] as Bitfield;
    const before = picker.lookedAt;
    const span = book.take(has, has);
    if (turn > 100) most = Math.max(most, picker.lookedAt - before);
    if (span === undefined) continue;
    assert.equal(book.blockCameIn(has, span.piece, span.begin, span.length).verdict, 'wanted');
  }
  return { mean: (picker.lookedAt - begin) / takes, most };
}

describe('the cost of asking for a block', () => {
  const sizes = [
    { pieces: 1000, peers: 10 },
    { pieces: 1000, peers: 500 },
    { pieces: 100_000, peers: 10 },
    { pieces: 100_000, peers: 500 },
  ];

  it('is constant among seeds', () => {
    for (const size of sizes) {
      const { mean, most } = costOfTake({ ...size, bitfield: seed });
      assert.ok(mean < 5 && most <= 70, `${JSON.stringify(size)}: ${mean}, at most ${most}`);
    }
  });

  it('is constant among peers that have half of the pieces', () => {
    for (const size of sizes) {
      const { mean, most } = costOfTake({ ...size, bitfield: (_, pieces, random) => leech(1, pieces, random) });
      assert.ok(mean < 25 && most <= 200, `${JSON.stringify(size)}: ${mean}, at most ${most}`);
    }
  });

  it('is constant among peers of all kinds', () => {
    for (const size of sizes) {
      const { mean, most } = costOfTake({
        ...size,
        bitfield: (peer, pieces, random) =>
          peer % 5 === 4 ? beginner(pieces / 10, pieces, random) : leech(1 + (peer % 5) * 2, pieces, random),
      });
      assert.ok(mean < 50 && most <= 400, `${JSON.stringify(size)}: ${mean}, at most ${most}`);
    }
  });

  it('is at the worst one word for 32 pieces, with a peer that has next to nothing', () => {
    const pieces = 100_000;
    const { mean, most } = costOfTake({
      pieces,
      peers: 10,
      bitfield: (peer, _, random) => (peer === 0 ? beginner(50, pieces, random) : leech(3, pieces, random)),
    });
    assert.ok(most <= pieces / 32 + 200, `at most ${most}`);
    assert.ok(mean < 400, `${mean}`);
  });
});
