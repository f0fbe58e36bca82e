import { NODE_LENGTH } from '../../metainfo/merkle.js';
import { isPadding, type RangeBelow, rangesBelow } from '../../metainfo/merkle-proof.js';
import type { TorrentFile } from '../../metainfo/metainfo.js';
import { BLOCK_LENGTH, type PieceIndex, type PieceLayout } from '../../metainfo/piece-layout.js';
import type { GotHashes, HashFetch, HashQuestion, MayHave } from './hash-fetch.js';

/** BEP 52 says of the length of a request: it should not be greater than 512. */
export const MAX_RANGE = 512;

/** The torrent whose leaves are fetched. */
export interface LeafTorrent {
  readonly layout: PieceLayout;
  readonly files: readonly TorrentFile[];
}

/**
 * Fetches the leaves of a piece whose root is known. `done` gets the SHA-256 of each block of the piece's content, 32
 * bytes each, proven by that root. It gets null when no peer gives them. It is called within this call only for a piece
 * of one block, whose leaf is its root.
 */
export function fetchLeaves(
  fetch: Pick<HashFetch, 'fetch'>,
  { layout, files }: LeafTorrent,
  piece: PieceIndex,
  mayHave: MayHave,
  done: GotHashes,
): HashQuestion {
  const { root: known, width } = layout.proofOf(piece);
  const file = files[layout.fileOf(piece) ?? -1];
  if (known === null || file?.piecesRoot === undefined) throw new Error(`piece ${piece} has no hash tree`);
  if (width === 1) {
    done(Buffer.from(known));
    return { cancel: () => undefined };
  }
  const count = Math.ceil(layout.contentLengthOf(piece) / BLOCK_LENGTH);
  const first = (layout.beginOf(piece) - file.begin) / BLOCK_LENGTH;
  const leaves = Buffer.alloc(count * NODE_LENGTH);
  const ranges = rangesBelow({ root: file.piecesRoot, base: 0, first, width, count }, MAX_RANGE);
  let missing = ranges.length;
  const questions: HashQuestion[] = [];
  const cancel = (): void => {
    for (const question of questions.splice(0)) question.cancel();
  };
  const got = (range: RangeBelow, hashes: Buffer | null): void => {
    if (hashes === null || !keepHashes(leaves, hashes, range, first)) {
      cancel();
      done(null);
      return;
    }
    missing -= 1;
    if (missing === 0) done(leaves);
  };
  for (const range of ranges) questions.push(fetch.fetch(range, mayHave, (hashes) => got(range, hashes), known));
  return { cancel };
}

/**
 * Copies the proven hashes of a range to their place in `into`, which begins at place `first` of their level and has
 * no room for padding. False when there is something other than padding behind its end: then the tree itself is wrong,
 * though the hashes give its root.
 */
export function keepHashes(into: Buffer, hashes: Buffer, { base, index }: RangeBelow, first: number): boolean {
  const at = (index - first) * NODE_LENGTH;
  hashes.copy(into, at);
  return isPadding(hashes.subarray(Math.min(hashes.length, into.length - at)), base);
}
