import { sha1 } from '../../src/base/digest.js';
import { PieceLayout } from '../../src/metainfo/piece-layout.js';
import { type SampleTorrent, sampleTorrent } from './sample-torrent.js';

/** A large torrent that is quick to make: one file of zeros in `pieceCount` whole pieces. */
export function zeroTorrent(pieceCount: number, pieceLength: number): SampleTorrent {
  const length = pieceCount * pieceLength;
  const content = Buffer.alloc(length);
  const hash = sha1(content.subarray(0, pieceLength));
  const pieces = Buffer.concat(Array.from({ length: pieceCount }, () => hash));
  const small = sampleTorrent([{ path: 'zeros', length: 1 }], 1);
  const files = small.metainfo.files.map((file) => ({ ...file, length }));
  const metainfo = { ...small.metainfo, pieceLength, pieceCount, pieces, length, files };
  return {
    ...small,
    metainfo,
    layout: new PieceLayout(metainfo),
    content,
    piece: (index) => {
      const piece = new PieceLayout(metainfo).pieceIndex(index);
      if (piece === undefined) throw new Error(`no piece ${index}`);
      return piece;
    },
    bytesOf: (index) => content.subarray(index * pieceLength, (index + 1) * pieceLength),
    fileBytes: () => content,
  };
}
