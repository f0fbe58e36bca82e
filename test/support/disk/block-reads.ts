import type { BlockRead, BlockSpan } from '../../../src/disk/storage.js';

/** Reads of `spans`, each into memory of its own that is filled with other bytes. */
export function readsOf(spans: readonly BlockSpan[]): BlockRead[] {
  return spans.map(({ piece, begin, length }) => ({ piece, begin, into: Buffer.alloc(length, 0xdb) }));
}
