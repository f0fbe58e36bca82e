import type { PieceIndex, PieceLayout } from '../../metainfo/piece-layout.js';
import type { CommitProof } from '../protocol.js';

/** What the bytes of a piece must give, as a worker is told of it. */
export function commitProofOf(layout: PieceLayout, piece: PieceIndex): CommitProof {
  const { sha1, root, width } = layout.proofOf(piece);
  // Posting views of the hashes of all pieces would copy all of them.
  return {
    sha1: sha1 === null ? null : new Uint8Array(sha1),
    root: root === null ? null : new Uint8Array(root),
    width,
    contentLength: layout.contentLengthOf(piece),
  };
}
