import type { PieceIndex, PieceLayout } from '../metainfo/piece-layout.js';
import { Bitfield, fullBitfield } from '../wire/bitfield.js';

/** Which pieces we have, and how many bytes of the wanted ones we lack. At first all are wanted and none is had. */
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
