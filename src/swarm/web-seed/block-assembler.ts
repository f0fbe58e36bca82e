import type { BlockSpan } from '../../disk/storage.js';
import { BLOCK_LENGTH, type PieceLayout } from '../../metainfo/piece-layout.js';

/**
 * Makes blocks of the bytes of a stream. The blocks come in order, and the stream holds their content and no padding:
 * the padding in a block is filled with zeros.
 */
export class BlockAssembler {
  readonly #layout: PieceLayout;
  readonly #spans: BlockSpan[] = [];
  #at = 0;
  #leftLength = 0;
  /** Where blocks are put together that come in parts. Most runs that are tried find nothing to ask for. */
  #scratch: Buffer | null = null;
  /** The block that is being made; null when it has no byte yet. */
  #block: Buffer | null = null;
  /** Where in it the next byte goes, and the parts of it that are padding. */
  #filled = 0;

  constructor(layout: PieceLayout) {
    this.#layout = layout;
  }

  /** More blocks follow the others. */
  add(spans: readonly BlockSpan[]): void {
    for (const span of spans) {
      this.#spans.push(span);
      this.#leftLength += span.length;
    }
  }

  /** The block that is being made, or comes next; undefined when there is no more. */
  get current(): BlockSpan | undefined {
    return this.#spans[this.#at];
  }

  /** The blocks that are not made yet. */
  get left(): readonly BlockSpan[] {
    return this.#spans.slice(this.#at);
  }

  /** Bytes of the blocks that are not made yet. */
  get leftLength(): number {
    return this.#leftLength;
  }

  /** Blocks from the one with this number among `left` on are not made. */
  cut(count: number): void {
    for (const { length } of this.#spans.splice(this.#at + count)) this.#leftLength -= length;
  }

  /**
   * Takes bytes for the current block, as many as it needs. Returns how many it took, and the block when it is whole.
   * The block is valid until the next call.
   */
  feed(bytes: Buffer): { readonly taken: number; readonly block: Buffer | null } {
    const span = this.#spans[this.#at];
    if (span === undefined) return { taken: 0, block: null };
    const padding = this.#layout.paddingOfBlock(span.piece, span.begin / BLOCK_LENGTH);
    if (this.#block === null && padding.length === 0 && bytes.length >= span.length) {
      this.#made(span);
      return { taken: span.length, block: bytes.subarray(0, span.length) };
    }
    const block = this.#block ?? this.#blank(span.length, padding.length > 0);
    this.#block = block;
    let taken = 0;
    for (;;) {
      const run = padding.find(({ end }) => end > this.#filled);
      if (run !== undefined && run.begin <= this.#filled) {
        this.#filled = run.end;
        continue;
      }
      if (this.#filled >= span.length || taken === bytes.length) break;
      const room = Math.min(run?.begin ?? span.length, span.length) - this.#filled;
      const copied = bytes.copy(block, this.#filled, taken, Math.min(bytes.length, taken + room));
      this.#filled += copied;
      taken += copied;
    }
    if (this.#filled < span.length) return { taken, block: null };
    this.#block = null;
    this.#filled = 0;
    this.#made(span);
    return { taken, block };
  }

  #made({ length }: BlockSpan): void {
    this.#at += 1;
    this.#leftLength -= length;
  }

  #blank(length: number, isPadded: boolean): Buffer {
    this.#scratch ??= Buffer.alloc(BLOCK_LENGTH);
    const block = this.#scratch.subarray(0, length);
    return isPadded ? block.fill(0) : block;
  }
}
