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
  const isRightByTree = merkleRoot(leaves, proof.width, 0).equals(proof.root);
  // No tree covers the padding. When a peer sent something else there, the torrent does not contradict itself.
  if (isRightByTree && isRightBySha1 === false && data.subarray(proof.contentLength).some((byte) => byte !== 0))
    return { verdict: 'wrong', leaves: null };
  const verdict = verdictOf(isRightBySha1, isRightByTree);
  return { verdict, leaves: verdict === 'wrong' ? leaves : null };
}
