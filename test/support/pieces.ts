import { sha1 } from '../../src/base/digest.js';
import { type LayoutMetainfo, type PieceIndex, PieceLayout } from '../../src/metainfo/piece-layout.js';
import { Bitfield } from '../../src/wire/bitfield.js';

/** Makes a bitfield of a picture: '*' is a piece that is there, any other character a piece that is missing. */
export function bitfieldOf(picture: string): Bitfield {
  const bits = new Bitfield(picture.length);
  for (const [index, mark] of [...picture].entries()) if (mark === '*') bits.set(index);
  return bits;
}

/** Hashes and files of a torrent of version 1, for layouts of which only lengths and positions matter. */
export const NO_HASHES: Omit<LayoutMetainfo, 'pieceCount' | 'pieceLength' | 'length'> = {
  version: '1',
  pieces: Buffer.alloc(0),
  files: [],
  pieceRoots: null,
  missingLayers: [],
};

/** A layout without hashes and files. */
export function layoutOf(pieceCount: number, pieceLength: number, length = pieceCount * pieceLength): PieceLayout {
  return new PieceLayout({ ...NO_HASHES, pieceCount, pieceLength, length });
}

/** The hashes of the pieces of `content`, in a row, as a torrent holds them. */
export function pieceHashes(content: Buffer, pieceLength: number): Buffer {
  const hashes: Buffer[] = [];
  for (let begin = 0; begin < content.length; begin += pieceLength) {
    hashes.push(sha1(content.subarray(begin, begin + pieceLength)));
  }
  return Buffer.concat(hashes);
}

/** The piece with this number. The caller knows that the torrent has such a piece. */
export function pieceAt(index: number): PieceIndex {
  return index as PieceIndex;
}
