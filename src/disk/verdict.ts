import type { Judged } from './protocol.js';

/**
 * The verdict on a piece, from whether each of its hashes is right. Null stands for a hash that the torrent does not
 * tell. At least one of them is there.
 */
export function verdictOf(bySha1: boolean | null, byTree: boolean | null): Judged['verdict'] {
  if (bySha1 === null && byTree === null) throw new Error('a piece without any hash');
  if (bySha1 !== null && byTree !== null && bySha1 !== byTree) return 'inconsistent';
  return (bySha1 ?? byTree) === true ? 'right' : 'wrong';
}
