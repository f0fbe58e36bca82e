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

/** The piece with this number, of a torrent that has it. */
export function pieceAt(index: number): PieceIndex {
  return index as PieceIndex;
}
