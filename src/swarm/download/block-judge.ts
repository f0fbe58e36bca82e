import type { Millis, Task, Timers } from '../../base/clock.js';
import { merkleRoot, NODE_LENGTH } from '../../metainfo/merkle.js';
import type { PieceIndex, PieceLayout } from '../../metainfo/piece-layout.js';

/** Gets the right leaves of pieces from peers that have them. */
export interface LeafSource {
  /**
   * `done` is called once, unless `cancel` came before it: with the leaves of the piece, 32 bytes for each block of its
   * content, or with null when nobody can give them. It may be called within this call.
   */
  fetchLeaves(piece: PieceIndex, done: (leaves: Buffer | null) => void): { cancel(): void };
}

/** Nobody can give leaves: for a torrent of version 1. */
export const NO_LEAVES: LeafSource = {
  fetchLeaves(_piece, done) {
    done(null);
    return { cancel: () => undefined };
  },
};

/** How long suspect pieces wait, and how much is remembered. */
export interface BlockJudgeOptions {
  /** After this long without the right leaves nobody is expected to give them. */
  readonly patience: Millis;
  /**
   * Suspect pieces keep their memory. When more bytes than this wait for leaves, a further piece waits no longer than
   * `shortPatience`. One piece may always wait for `patience`, however long it is.
   */
  readonly maxWaiting: number;
  /** It is enough for honest peers that are asked after some liars. */
  readonly shortPatience: Millis;
  /** How many right leaves are kept, in case their piece fails again. The oldest piece is forgotten first. */
  readonly maxLeaves: number;
}

export const DEFAULT_BLOCK_JUDGE_OPTIONS: BlockJudgeOptions = {
  patience: 20_000,
  maxWaiting: 16 * 1024 * 1024,
  shortPatience: 5_000,
  maxLeaves: 32_768,
};

/** What a BlockJudge is joined with. */
export interface BlockJudgeParts {
  readonly timers: Timers;
  readonly layout: PieceLayout;
  readonly source: LeafSource;
  /**
   * `wrong`: the blocks of the piece that are wrong, at least one, ascending; null when nobody can tell. Called once
   * for each suspect piece, also within `suspect`.
   */
  readonly judged: (piece: PieceIndex, wrong: readonly number[] | null) => void;
}

interface Waiting {
  /** The leaves of what we have got. */
  readonly leaves: Buffer;
  readonly length: number;
  fetch: { cancel(): void } | null;
  timeout: Task | null;
}

/**
 * Finds out which blocks of a piece are wrong, in a torrent with hash trees (BEP 52). It compares the leaves of what we
 * have got with the right leaves. A piece of one block has its root for its leaf. The leaves of other pieces come from
 * peers, and they are believed when they give the root of the piece.
 */
export class BlockJudge {
  readonly #parts: BlockJudgeParts;
  readonly #options: BlockJudgeOptions;
  readonly #waiting = new Map<PieceIndex, Waiting>();
  #waitingLength = 0;
  readonly #known = new Map<PieceIndex, Buffer>();
  #knownCount = 0;

  constructor(parts: BlockJudgeParts, options: BlockJudgeOptions) {
    this.#parts = parts;
    this.#options = options;
  }

  /** `leaves`: SHA-256 of each block of the piece's content, 32 bytes each, as we have got them. */
  suspect(piece: PieceIndex, leaves: Buffer): void {
    if (this.#waiting.has(piece)) throw new Error(`piece ${piece} is judged already`);
    const { layout, timers, source } = this.#parts;
    const right = this.#rightLeaves(piece);
    if (right !== undefined) {
      this.#parts.judged(piece, wrongBlocks(leaves, right));
      return;
    }
    const length = layout.lengthOf(piece);
    const { patience, shortPatience, maxWaiting } = this.#options;
    const isFull = this.#waiting.size > 0 && this.#waitingLength + length > maxWaiting;
    const waiting: Waiting = { leaves, length, fetch: null, timeout: null };
    this.#waiting.set(piece, waiting);
    this.#waitingLength += length;
    waiting.timeout = timers.addTask(
      () => {
        waiting.timeout = null;
        this.#end(piece, waiting, null);
      },
      isFull ? shortPatience : patience,
    );
    const fetch = source.fetchLeaves(piece, (found) => {
      waiting.fetch = null;
      if (this.#waiting.get(piece) === waiting) this.#end(piece, waiting, found);
    });
    if (this.#waiting.get(piece) === waiting) waiting.fetch = fetch;
  }

  /** Whether the leaves of the piece are awaited. */
  awaits(piece: PieceIndex): boolean {
    return this.#waiting.has(piece);
  }

  /** The piece is not suspect any more, because it is lost or the torrent ends. Nothing is said of it. */
  drop(piece: PieceIndex): void {
    const waiting = this.#waiting.get(piece);
    if (waiting === undefined) return;
    this.#waiting.delete(piece);
    this.#waitingLength -= waiting.length;
    waiting.timeout?.cancel();
    waiting.fetch?.cancel();
  }

  /** The piece is right: its leaves are of no more use. */
  pieceVerified(piece: PieceIndex): void {
    this.#knownCount -= (this.#known.get(piece)?.length ?? 0) / NODE_LENGTH;
    this.#known.delete(piece);
  }

  stop(): void {
    for (const piece of [...this.#waiting.keys()]) this.drop(piece);
  }

  #end(piece: PieceIndex, waiting: Waiting, found: Buffer | null): void {
    this.drop(piece);
    const { root, width } = this.#parts.layout.proofOf(piece);
    const isRight =
      found !== null &&
      root !== null &&
      found.length === waiting.leaves.length &&
      merkleRoot(found, width, 0).equals(root);
    if (isRight) this.#remember(piece, found);
    this.#parts.judged(piece, isRight ? wrongBlocks(waiting.leaves, found) : null);
  }

  /** Undefined when they must be asked for. */
  #rightLeaves(piece: PieceIndex): Buffer | undefined {
    const { root, width } = this.#parts.layout.proofOf(piece);
    return width === 1 && root !== null ? root : this.#known.get(piece);
  }

  #remember(piece: PieceIndex, leaves: Buffer): void {
    this.pieceVerified(piece);
    this.#known.set(piece, leaves);
    this.#knownCount += leaves.length / NODE_LENGTH;
    for (const oldest of this.#known.keys()) {
      if (this.#knownCount <= this.#options.maxLeaves) break;
      this.pieceVerified(oldest);
    }
  }
}

/** The blocks whose leaves differ; null when none does, so that the leaves do not tell what is wrong. */
function wrongBlocks(leaves: Buffer, right: Buffer): readonly number[] | null {
  const wrong: number[] = [];
  for (let begin = 0; begin < leaves.length; begin += NODE_LENGTH) {
    const end = begin + NODE_LENGTH;
    if (!leaves.subarray(begin, end).equals(right.subarray(begin, end))) wrong.push(begin / NODE_LENGTH);
  }
  return wrong.length === 0 ? null : wrong;
}
