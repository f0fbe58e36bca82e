/**
 * By what a block of an unfinished piece is known again: nobody can tell whether it is right before the whole piece has
 * come, but that it is what was written can be told.
 */
import { sha1 } from '../base/digest.js';
import type { PieceIndex } from '../metainfo/piece-layout.js';

/** Of the digest, as much as a number holds exactly. Bytes. */
export const SUM_LENGTH = 6;

/** Sums of blocks of one piece, by the number of the block in it. */
export type Sums = ReadonlyMap<number, number>;

/** Blocks of pieces that are not whole. */
export type UnfinishedPieces = ReadonlyMap<PieceIndex, Sums>;

/** The first 48 bits of the block's SHA-1. */
export function sumOf(block: Uint8Array): number {
  return sha1(block).readUIntBE(0, SUM_LENGTH);
}
