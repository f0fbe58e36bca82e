import { sha1 } from '../../base/digest.js';
import { BLOCK_LENGTH, type PieceIndex, type PieceLayout } from '../../metainfo/piece-layout.js';

/** How much a Blame remembers. */
export interface BlameOptions {
  /**
   * How many blocks of failed pieces are remembered with their hashes until their piece passes. The oldest piece is
   * forgotten first.
   */
  readonly maxSuspects: number;
}

export const DEFAULT_BLAME_OPTIONS: BlameOptions = { maxSuspects: 8_192 };

interface Suspect<Sender> {
  readonly sender: Sender;
  readonly hash: Buffer;
}

/** The suspects of one piece, by the number of the block in the piece. */
type Suspects<Sender> = Map<number, Suspect<Sender>[]>;

// More versions of one block than this tell us nothing new, and a piece that fails again and again must not fill
// memory.
const MAX_SUSPECTS_PER_BLOCK = 8;

/**
 * Finds out which peer has sent wrong blocks when a piece fails its hash.
 *
 * - When one sender sent the whole piece, it is guilty at once.
 * - When several senders sent it, the hashes of their blocks are remembered. When the piece passes later, each sender
 *   of a block that differs from the right one is guilty, and no other sender.
 * - When it is known which blocks are wrong (see `BlockJudge`), their senders are guilty at once, and nobody else is
 *   suspect.
 * - A block whose sender is unknown (it comes from an earlier run) makes no sender guilty.
 */
export class Blame<Sender extends object> {
  readonly #layout: PieceLayout;
  readonly #options: BlameOptions;
  readonly #senders = new Map<PieceIndex, (Sender | undefined)[]>();
  readonly #suspects = new Map<PieceIndex, Suspects<Sender>>();
  readonly #credits = new WeakMap<Sender, number>();
  #suspectCount = 0;

  constructor(layout: PieceLayout, options: BlameOptions) {
    this.#layout = layout;
    this.#options = options;
  }

  /** `begin` is where the block begins in the piece, a multiple of the block length. */
  blockCameIn(sender: Sender, piece: PieceIndex, begin: number): void {
    let senders = this.#senders.get(piece);
    if (senders === undefined) {
      senders = new Array<Sender | undefined>(this.#layout.blockCount(piece)).fill(undefined);
      this.#senders.set(piece, senders);
    }
    senders[begin / BLOCK_LENGTH] = sender;
  }

  /**
   * `data` is the wrong piece, or null when it is no longer in memory. Returns the senders that are guilty beyond
   * doubt.
   */
  pieceFailed(piece: PieceIndex, data: Buffer | null): readonly Sender[] {
    const senders = this.#senders.get(piece);
    this.#senders.delete(piece);
    if (senders === undefined) return [];
    const sole = this.#soleOf(piece, senders);
    if (sole !== undefined) return [sole];
    if (data !== null) this.#remember(piece, senders, data);
    return [];
  }

  /**
   * `data` is the right piece, or null when it is no longer in memory. Returns the senders that had sent wrong blocks
   * of it.
   */
  pieceVerified(piece: PieceIndex, data: Buffer | null): readonly Sender[] {
    for (const sender of this.#senders.get(piece) ?? []) {
      if (sender !== undefined) this.#credits.set(sender, this.creditOf(sender) + 1);
    }
    this.#senders.delete(piece);
    const suspects = this.#suspects.get(piece);
    if (suspects === undefined) return [];
    this.#forget(piece, suspects);
    if (data === null) return [];
    const guilty = new Set<Sender>();
    for (const [block, versions] of suspects) {
      const right = this.#hashBlock(piece, block, data);
      for (const { sender, hash } of versions) if (!hash.equals(right)) guilty.add(sender);
    }
    return [...guilty];
  }

  /** The sender of the whole piece; undefined when there are several, or when blocks are from an earlier run. */
  soleSender(piece: PieceIndex): Sender | undefined {
    const senders = this.#senders.get(piece);
    return senders === undefined ? undefined : this.#soleOf(piece, senders);
  }

  /**
   * It is known that these blocks of the piece are wrong, and that the others are right. The blocks come again. Returns
   * those of them that were sent to us in this run, with their senders.
   */
  blocksWrong(piece: PieceIndex, blocks: readonly number[]): readonly (readonly [block: number, sender: Sender])[] {
    const senders = this.#senders.get(piece);
    return blocks.flatMap((block) => {
      const sender = senders?.[block];
      if (senders === undefined || sender === undefined) return [];
      senders[block] = undefined;
      return [[block, sender] as const];
    });
  }

  /** The blocks of the piece are gone, and no sender is to blame. */
  pieceDropped(piece: PieceIndex): void {
    this.#senders.delete(piece);
  }

  /** How many blocks the sender has sent of pieces that passed. */
  creditOf(sender: Sender): number {
    return this.#credits.get(sender) ?? 0;
  }

  /** How many hashed blocks are remembered: at most `maxSuspects`, or more when one piece alone has more. */
  get suspectCount(): number {
    return this.#suspectCount;
  }

  #soleOf(piece: PieceIndex, senders: readonly (Sender | undefined)[]): Sender | undefined {
    const known = senders.filter((sender) => sender !== undefined);
    const asked = this.#layout.blockCount(piece) - this.#layout.paddingBlocks(piece).length;
    return known.length === asked && known.every((sender) => sender === known[0]) ? known[0] : undefined;
  }

  #remember(piece: PieceIndex, senders: readonly (Sender | undefined)[], data: Buffer): void {
    const suspects: Suspects<Sender> = this.#suspects.get(piece) ?? new Map();
    this.#suspects.delete(piece);
    for (const [block, sender] of senders.entries()) {
      if (sender === undefined) continue;
      const hash = this.#hashBlock(piece, block, data);
      const versions = suspects.get(block) ?? [];
      if (versions.length === MAX_SUSPECTS_PER_BLOCK) continue;
      if (versions.some((version) => version.sender === sender && version.hash.equals(hash))) continue;
      versions.push({ sender, hash });
      suspects.set(block, versions);
      this.#suspectCount += 1;
    }
    this.#suspects.set(piece, suspects);
    for (const [oldest, forgotten] of this.#suspects) {
      if (this.#suspectCount <= this.#options.maxSuspects || oldest === piece) break;
      this.#forget(oldest, forgotten);
    }
  }

  #forget(piece: PieceIndex, suspects: Suspects<Sender>): void {
    this.#suspects.delete(piece);
    for (const versions of suspects.values()) this.#suspectCount -= versions.length;
  }

  #hashBlock(piece: PieceIndex, block: number, data: Buffer): Buffer {
    const begin = block * BLOCK_LENGTH;
    return sha1(data.subarray(begin, begin + this.#layout.blockLength(piece, block)));
  }
}
