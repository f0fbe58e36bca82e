/**
 * Finding pieces in bitfields a word (32 pieces) at a time. The bitfields that meet here belong to one torrent and are
 * equally long; bits beyond the end are clear, so a bit that is set is a piece of the torrent.
 */
import type { PieceIndex } from '../metainfo/piece-layout.js';
import type { Bitfield } from '../wire/bitfield.js';

/** Clears the highest bit of `bits`, which is not zero. */
export function withoutFirst(bits: number): number {
  return bits & ~(0x8000_0000 >>> Math.clz32(bits));
}

/** The piece that the highest bit of `bits` stands for; `bits` comes from the word with this number and is not zero. */
export function firstPiece(word: number, bits: number): PieceIndex {
  return (word * 32 + Math.clz32(bits)) as PieceIndex;
}

/** The number of the first word from `from` to before `end` in which the two have a piece in common, or −1. */
export function nextCommonWord(a: Bitfield, b: Bitfield, from: number, end: number): number {
  for (let word = from; word < end; word += 1) {
    if ((a.word(word) & b.word(word)) !== 0) return word;
  }
  return -1;
}
