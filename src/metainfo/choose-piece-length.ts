/** The piece length of a new torrent whose maker leaves it to us. */
import { alignedPieceCount } from './aligned-files.js';
import { V1_HASH_LENGTH } from './info-hash.js';
import { NODE_LENGTH } from './merkle.js';
import { MAX_PIECE_LENGTH, MAX_TORRENT_LENGTH, type Metainfo } from './metainfo.js';
import { BLOCK_LENGTH } from './piece-layout.js';

/** With longer pieces peers would wait long before they have anything to share. */
const USUAL_MAX_PIECE_LENGTH = 16 * 1024 * 1024;
/** The hashes of more pieces would make the .torrent larger than small pieces are worth. */
const USUAL_MAX_PIECE_COUNT = 2048;
/** Bytes. The other half of the longest .torrent is left for the names of files. */
const MAX_HASHES_LENGTH = MAX_TORRENT_LENGTH / 2;

/**
 * The piece length for a torrent of version 1 of `length` bytes: the smallest power of two from 16 KiB on that makes at
 * most 2,048 pieces. It is at most 16 MiB, unless that would make more hashes than a .torrent has room for.
 */
export function choosePieceLength(length: number): number {
  const countFor = (pieceLength: number): number => Math.ceil(length / pieceLength);
  return choose(countFor, USUAL_MAX_PIECE_COUNT, V1_HASH_LENGTH);
}

/**
 * The same for version 2 and hybrids, from the bytes of each file. There each file takes a piece, however small it is.
 * Longer pieces save only the pieces of a file after its first one, so only these are counted. Else the many small
 * files of a folder would lead to long pieces, with much padding between the files.
 */
export function chooseAlignedPieceLength(lengths: readonly number[]): number {
  const countFor = (pieceLength: number): number => alignedPieceCount(lengths, pieceLength);
  const files = lengths.filter((length) => length > 0).length;
  return choose(countFor, USUAL_MAX_PIECE_COUNT + Math.max(0, files - 1), V1_HASH_LENGTH + NODE_LENGTH);
}

/** The piece length for a torrent of files of these `lengths`, in bytes. */
export function pieceLengthFor(lengths: readonly number[], version: Metainfo['version']): number {
  if (version !== '1') return chooseAlignedPieceLength(lengths);
  return choosePieceLength(lengths.reduce((sum, length) => sum + length, 0));
}

function choose(countFor: (pieceLength: number) => number, usualCount: number, hashLength: number): number {
  let pieceLength = BLOCK_LENGTH;
  while (pieceLength < USUAL_MAX_PIECE_LENGTH && countFor(pieceLength) > usualCount) pieceLength *= 2;
  while (pieceLength < MAX_PIECE_LENGTH && countFor(pieceLength) * hashLength > MAX_HASHES_LENGTH) pieceLength *= 2;
  return pieceLength;
}
