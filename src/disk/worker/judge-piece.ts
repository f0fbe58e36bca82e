import { sha1 } from '../../base/digest.js';
import { leavesOf } from '../../metainfo/leaves.js';
import { merkleRoot } from '../../metainfo/merkle.js';
import type { CommitProof, Judged } from '../protocol.js';
import { verdictOf } from '../verdict.js';

/** Compares what the bytes of one piece give with what the torrent tells of it. */
export function judgePiece(data: Uint8Array, proof: CommitProof): Judged {
  const isRightBySha1 = proof.sha1 === null ? null : sha1(data).equals(proof.sha1);
  if (proof.root === null) return { verdict: verdictOf(isRightBySha1, null), leaves: null };
  const leaves = leavesOf(data.subarray(0, proof.contentLength));
  const verdict = verdictOf(isRightBySha1, merkleRoot(leaves, proof.width, 0).equals(proof.root));
  return { verdict, leaves: verdict === 'wrong' ? leaves : null };
}
