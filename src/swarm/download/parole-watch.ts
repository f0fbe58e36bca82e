import type { Millis } from '../../base/clock.js';
import type { PieceIndex } from '../../metainfo/piece-layout.js';

/** A holder is watched for this long before it may lose its piece for being slow. */
const PATIENCE: Millis = 30_000;
/** It is slow when the rest of its piece would take longer than this. */
const LONG: Millis = 300_000;

/** A piece on parole that one peer holds. */
export interface HeldPiece<Asker> {
  readonly piece: PieceIndex;
  readonly holder: Asker;
  /** How many of its blocks have not come. */
  readonly left: number;
}

interface Look<Asker> {
  readonly holder: Asker;
  readonly at: Millis;
  readonly left: number;
}

/**
 * Decides who takes a piece on parole over from its holder. A better peer takes it at once. But the best peer may have
 * become slow, or may mean to hold up the download: then any other takes it. A holder that has lost a piece so takes it
 * back only when the next holder is slow too, and each time it waits twice as long for that.
 */
export class ParoleWatch<Asker extends object> {
  /** By piece: what we have seen of its holder since another peer wants the piece. */
  readonly #looks = new Map<PieceIndex, Look<Asker>>();
  /** By piece: how often each peer that held it has lost it for being slow. */
  readonly #losses = new Map<PieceIndex, WeakMap<Asker, number>>();

  /** A peer waits for a piece that another one holds. */
  get isWatching(): boolean {
    return this.#looks.size > 0;
  }

  /** Whether `asker`, which has nothing else to do, takes the piece. `isBetter`: it is better than the holder. */
  takes(asker: Asker, held: HeldPiece<Asker>, isBetter: boolean, now: Millis): boolean {
    const losses = this.#losses.get(held.piece) ?? new WeakMap<Asker, number>();
    const own = losses.get(asker) ?? 0;
    if (isBetter && own === 0) return true;
    if (!this.#isSlow(held, PATIENCE * 2 ** own, now)) return false;
    this.#losses.set(held.piece, losses.set(held.holder, (losses.get(held.holder) ?? 0) + 1));
    return true;
  }

  /** The piece is right. */
  pieceVerified(piece: PieceIndex): void {
    this.#looks.delete(piece);
    this.#losses.delete(piece);
  }

  #isSlow({ piece, holder, left }: HeldPiece<Asker>, patience: Millis, now: Millis): boolean {
    const look = this.#looks.get(piece);
    const isSame = look !== undefined && look.holder === holder && left <= look.left;
    const time = isSame ? now - look.at : 0;
    if (isSame && time < patience) return false;
    if (isSame && (look.left - left) * LONG < left * time) return true;
    // What it did long ago does not count.
    this.#looks.set(piece, { holder, at: now, left });
    return false;
  }
}
