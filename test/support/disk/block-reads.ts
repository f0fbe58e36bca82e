import type { BlockRead, BlockSpan } from '../../../src/disk/storage.js';

/** Reads of `spans`, each to memory of its own that holds something else before. */
export function readsOf(spans: readonly BlockSpan[]): BlockRead[] {
  return spans.map(({ piece, begin, length }) => ({ piece, begin, into: Buffer.alloc(length, 0xdb) }));
}
