import { sha1 } from '../../src/base/digest.js';
import { type PieceIndex, PieceLayout } from '../../src/metainfo/piece-layout.js';
import { Bitfield } from '../../src/wire/bitfield.js';

/** The bitfield of a picture: '*' is a piece that is there, anything else one that is not. */
export function bitfieldOf(picture: string): Bitfield {
  const bits = new Bitfield(picture.length);
  for (const [index, mark] of [...picture].entries()) if (mark === '*') bits.set(index);
  return bits;
}

/** A layout without hashes, for those who only cut. */
export function layoutOf(pieceCount: number, pieceLength: number, length = pieceCount * pieceLength): PieceLayout {
  return new PieceLayout({ pieceCount, pieceLength, length, pieces: Buffer.alloc(0) });
}

/** The hashes of the pieces of `content`, one after the other, as a torrent has them. */
export function pieceHashes(content: Buffer, pieceLength: number): Buffer {
  const hashes: Buffer[] = [];
  for (let begin = 0; begin < content.length; begin += pieceLength) {
    hashes.push(sha1(content.subarray(begin, begin + pieceLength)));
  }
  return Buffer.concat(hashes);
}

/** The piece with this number, of a torrent that has it. */
export function pieceAt(index: number): PieceIndex {
  return index as PieceIndex;
}
