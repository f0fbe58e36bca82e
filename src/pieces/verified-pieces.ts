import type { PieceIndex, PieceLayout } from '../metainfo/piece-layout.js';
import { Bitfield, fullBitfield } from '../wire/bitfield.js';

/**
 * Knows which pieces we have, and how many bytes of wanted pieces we lack. At first all pieces are wanted, and we have
 * none.
 */
export class VerifiedPieces {
  readonly have: Bitfield;
  readonly #layout: PieceLayout;
  readonly #wanted: Bitfield;
  #amountLeft: number;

  constructor(layout: PieceLayout) {
    this.have = new Bitfield(layout.pieceCount);
    this.#layout = layout;
    this.#wanted = fullBitfield(layout.pieceCount);
    this.#amountLeft = layout.length;
  }

  /** Bytes of wanted pieces that we lack. */
  get amountLeft(): number {
    return this.#amountLeft;
  }

  setWanted(piece: PieceIndex, wanted: boolean): void {
    const changed = wanted ? this.#wanted.set(piece) : this.#wanted.clear(piece);
    if (changed && !this.have.has(piece)) this.#amountLeft += this.#layout.lengthOf(piece) * (wanted ? 1 : -1);
  }

  add(piece: PieceIndex): void {
    if (this.have.set(piece) && this.#wanted.has(piece)) this.#amountLeft -= this.#layout.lengthOf(piece);
  }

  lose(piece: PieceIndex): void {
    if (this.have.clear(piece) && this.#wanted.has(piece)) this.#amountLeft += this.#layout.lengthOf(piece);
  }
}
