import type { BlockRead, Storage } from '../disk/storage.js';
import { BLOCK_LENGTH, type PieceIndex, type PieceLayout } from '../metainfo/piece-layout.js';
import { sumOf, type UnfinishedPieces } from './journal-format.js';

/** How many blocks are read at once: 1 MiB. When one of them cannot be read, none of them counts. */
const AT_ONCE = 64;

/**
 * Reads the blocks that a journal names, and answers with those that the disk holds as they were written. Does not
 * answer once the storage is closed.
 */
export function proveBlocks(
  storage: Pick<Storage, 'readBlocks'>,
  layout: PieceLayout,
  claimed: UnfinishedPieces,
  answered: (proved: UnfinishedPieces) => void,
): void {
  const batches = batchesOf(claimed);
  const proved = new Map<PieceIndex, Map<number, number>>();
  const memory = Buffer.alloc(batches.length === 0 ? 0 : AT_ONCE * BLOCK_LENGTH);
  const next = (index: number): void => {
    const batch = batches[index];
    if (batch === undefined) {
      answered(proved);
      return;
    }
    const { piece, sums } = batch;
    const reads = sums.map(
      ([block], at): BlockRead => ({
        piece,
        begin: block * BLOCK_LENGTH,
        into: memory.subarray(at * BLOCK_LENGTH, at * BLOCK_LENGTH + layout.blockLength(piece, block)),
      }),
    );
    storage.readBlocks(reads, (outcome) => {
      for (const [at, [block, sum]] of outcome.ok ? sums.entries() : []) {
        if (sumOf((reads[at] as BlockRead).into) !== sum) continue;
        const found = proved.get(piece) ?? new Map<number, number>();
        proved.set(piece, found.set(block, sum));
      }
      next(index + 1);
    });
  };
  next(0);
}

function batchesOf(claimed: UnfinishedPieces): { piece: PieceIndex; sums: (readonly [number, number])[] }[] {
  return [...claimed].flatMap(([piece, sums]) => {
    const inOrder = [...sums].sort(([one], [other]) => one - other);
    return Array.from({ length: Math.ceil(inOrder.length / AT_ONCE) }, (_, batch) => ({
      piece,
      sums: inOrder.slice(batch * AT_ONCE, (batch + 1) * AT_ONCE),
    }));
  });
}
