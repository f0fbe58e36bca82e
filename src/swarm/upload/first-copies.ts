import type { PieceIndex, PieceLayout } from '../../metainfo/piece-layout.js';
import { Bitfield } from '../../wire/bitfield.js';

/** The peer that a piece goes to, and how many bytes of it have gone. */
interface Copy {
  readonly to: object;
  length: number;
}

/**
 * Tells which pieces we have not given to any peer yet, counting all uploads of a torrent. Leeches choose pieces
 * without knowing what we give to other peers. When our rate is what limits the swarm, a piece that we send to two of
 * them makes all of them wait, because one could have given it to the other.
 */
export class FirstCopies {
  readonly #layout: PieceLayout;
  readonly #given: Bitfield;
  readonly #underWay = new Map<PieceIndex, Copy>();
  /** The pieces of `#underWay`, by the peer that they go to. */
  readonly #begun = new Map<object, Set<PieceIndex>>();

  constructor(layout: PieceLayout) {
    this.#layout = layout;
    this.#given = new Bitfield(layout.pieceCount);
  }

  /** Whether no other peer than `to` has got this piece from us, or is getting it. */
  isFirst(piece: PieceIndex, to: object): boolean {
    if (this.#given.has(piece)) return false;
    const copy = this.#underWay.get(piece);
    return copy === undefined || copy.to === to;
  }

  /** `length` bytes of the piece go to `to`. */
  goes(piece: PieceIndex, to: object, length: number): void {
    if (!this.isFirst(piece, to)) return;
    const copy = this.#underWay.get(piece) ?? { to, length: 0 };
    copy.length += length;
    const begun = this.#begun.get(to) ?? new Set();
    if (copy.length < this.#layout.lengthOf(piece)) {
      this.#underWay.set(piece, copy);
      this.#begun.set(to, begun.add(piece));
      return;
    }
    this.#underWay.delete(piece);
    begun.delete(piece);
    if (begun.size === 0) this.#begun.delete(to);
    this.#given.set(piece);
  }

  /** `to` gets no more for now, so the pieces that it has in part count as given to no peer. */
  leave(to: object): void {
    for (const piece of this.#begun.get(to) ?? []) this.#underWay.delete(piece);
    this.#begun.delete(to);
  }
}
