import type { PieceIndex, PieceLayout } from '../../metainfo/piece-layout.js';
import { Bitfield } from '../../wire/bitfield.js';

/** Whom a piece goes to, and how much of it has gone. */
interface Copy {
  readonly to: object;
  length: number;
}

/**
 * Which pieces we have given to nobody yet, all uploads of a torrent together. Leeches choose without knowing what we
 * give to others. When our rate is the least of all, each piece that goes to two of them makes all of them wait, since
 * they could have given it to each other.
 */
export class FirstCopies {
  readonly #layout: PieceLayout;
  readonly #given: Bitfield;
  readonly #underWay = new Map<PieceIndex, Copy>();

  constructor(layout: PieceLayout) {
    this.#layout = layout;
    this.#given = new Bitfield(layout.pieceCount);
  }

  /** Whether what goes to this one belongs to a copy that nobody else has of us, or is getting. */
  isFirst(piece: PieceIndex, to: object): boolean {
    if (this.#given.has(piece)) return false;
    const copy = this.#underWay.get(piece);
    return copy === undefined || copy.to === to;
  }

  /** `length` bytes of the piece go to this one. */
  goes(piece: PieceIndex, to: object, length: number): void {
    if (!this.isFirst(piece, to)) return;
    const copy = this.#underWay.get(piece) ?? { to, length: 0 };
    copy.length += length;
    if (copy.length < this.#layout.lengthOf(piece)) {
      this.#underWay.set(piece, copy);
      return;
    }
    this.#underWay.delete(piece);
    this.#given.set(piece);
  }

  /** This one gets no more for now: what it has begun to get is free for others. */
  leave(to: object): void {
    for (const [piece, copy] of this.#underWay) if (copy.to === to) this.#underWay.delete(piece);
  }
}
