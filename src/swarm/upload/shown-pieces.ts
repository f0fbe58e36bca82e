import type { Millis, Timers } from '../../base/clock.js';
import type { PieceIndex, PieceLayout } from '../../metainfo/piece-layout.js';
import { Bitfield } from '../../wire/bitfield.js';
import { encodeMessage } from '../../wire/message.js';

export interface ShownPiecesOptions {
  /** A peer is shown as many bytes ahead as it takes in this time. */
  readonly ahead: Millis;
  /** A peer that has asked for nothing for this long leaves its slot to others, and keeps what it was shown. */
  readonly quiet: Millis;
  /** A peer that wants nothing of what it was shown, or has not asked for any of it, is shown more after this long. */
  readonly patience: Millis;
  /** The same for a peer that has asked for something, and may still be taking it from the kernel. */
  readonly silence: Millis;
  /** The longest wait for a block to go to a peer that has pieces on offer, whatever holds it up. */
  readonly stallTime: Millis;
}

/** What a super seed needs of a peer. */
export interface ShownPeer {
  readonly connection: { send(chunks: readonly Buffer[]): void };
  readonly upload: {
    readonly choked: boolean;
    readonly interested: boolean;
    /** Bytes a second to the peer. */
    readonly rate: number;
    /** How many of its requests wait. */
    readonly queuedCount: number;
  };
  /** The pieces that the peer says it has. */
  readonly download: { readonly has: Bitfield };
}

export interface ShownPiecesParts {
  readonly timers: Timers;
  readonly layout: PieceLayout;
}

/** A piece that the peer was shown and has not got. */
interface Offer {
  /** Bytes that we have not sent. */
  left: number;
  readonly since: Millis;
}

/**
 * The pieces that a super seed has shown to one peer, and what the peer makes of them. A piece that it was shown is on
 * offer until it has got it. A piece that it has got is unproven until another peer has it too.
 *
 * A peer that makes no use of its pieces runs into debt, and is shown twice as many the next time.
 */
export class ShownPieces {
  readonly peer: ShownPeer;
  readonly #parts: ShownPiecesParts;
  readonly #options: ShownPiecesOptions;
  /** What the peer was shown; null for everything. */
  #shown: Bitfield | null;
  readonly #offers = new Map<PieceIndex, Offer>();
  /** The sum of `left` of all offers. */
  #left = 0;
  /** Pieces that the peer has got from us, which no other peer has yet, and when the last byte went. */
  readonly #unproven = new Map<PieceIndex, Millis>();
  /** How many pieces it has kept us waiting for in vain. Each piece that it passes on makes it one less. */
  #debt = 0;
  #burst = 1;
  /** When a block went to it, or when it was shown something after it had got all. */
  #movedAt: Millis;
  /** Some block has gone to it since it made no use of what it was shown. */
  #hasMoved = false;
  /** When we were last seen to choke it although it was interested. */
  #heldUpAt: Millis;
  #bestRate = 0;
  /** The higher, the later it was shown a piece. */
  turn = 0;

  /** `isHidden`: the peer was told that we have nothing, or was told nothing. */
  constructor(peer: ShownPeer, isHidden: boolean, parts: ShownPiecesParts, options: ShownPiecesOptions) {
    this.peer = peer;
    this.#parts = parts;
    this.#options = options;
    this.#shown = isHidden ? new Bitfield(parts.layout.pieceCount) : null;
    this.#movedAt = parts.timers.now();
    this.#heldUpAt = this.#movedAt;
  }

  /** The peer knows all that we have. */
  get isToldAll(): boolean {
    return this.#shown === null;
  }

  /** The peer has been told all that we have. */
  toldAll(): void {
    this.#shown = null;
  }

  /** The peer was shown the piece, and not as one of all that we have. */
  wasShownAlone(piece: PieceIndex): boolean {
    return this.#shown?.has(piece) === true;
  }

  /** Whether the peer knows that we have the piece. */
  mayAsk(piece: PieceIndex): boolean {
    return this.#shown === null || this.#shown.has(piece);
  }

  /** How many pieces the peer is shown at once. It doubles while the peer makes no use of what it is shown. */
  get burst(): number {
    return this.#burst;
  }

  /** A peer that made no use of its last pieces keeps no others from them, until it asks for one. */
  get isTrusted(): boolean {
    return this.#burst === 1;
  }

  /** How many pieces it keeps from the swarm. */
  get keptCount(): number {
    return this.#unproven.size + this.#debt;
  }

  /** Bytes a second, the most at any look. */
  get bestRate(): number {
    return this.#bestRate;
  }

  /** The pieces on offer. */
  get offered(): readonly PieceIndex[] {
    return [...this.#offers.keys()];
  }

  /** The pieces that have been on offer for this long. */
  offeredFor(time: Millis): readonly PieceIndex[] {
    const now = this.#parts.timers.now();
    return this.offered.filter((piece) => now - (this.#offers.get(piece)?.since ?? now) >= time);
  }

  /** The pieces that it has got from us and that no other peer has, as far as we know. */
  get unproven(): readonly PieceIndex[] {
    return [...this.#unproven.keys()];
  }

  /** The unproven pieces that the peer has had for this long. */
  unprovenFor(time: Millis): readonly PieceIndex[] {
    const now = this.#parts.timers.now();
    return this.unproven.filter((piece) => now - (this.#unproven.get(piece) ?? now) >= time);
  }

  /** When the last byte of an unproven piece went; undefined for another piece. */
  gotAt(piece: PieceIndex): Millis | undefined {
    return this.#unproven.get(piece);
  }

  show(pieces: readonly PieceIndex[]): void {
    const now = this.#parts.timers.now();
    if (this.#left === 0) this.#movedAt = now;
    for (const piece of pieces) {
      const left = this.#parts.layout.lengthOf(piece);
      this.#shown?.set(piece);
      this.#offers.set(piece, { left, since: now });
      this.#left += left;
    }
    this.peer.connection.send([Buffer.concat(pieces.map((piece) => encodeMessage({ type: 'have', piece })))]);
  }

  /** `length` bytes of the piece go to the peer. Says whether it was on offer, and whether all of it has gone now. */
  goes(piece: PieceIndex, length: number): 'not-offered' | 'in-part' | 'whole' {
    this.#movedAt = this.#parts.timers.now();
    this.#burst = 1;
    this.#hasMoved = true;
    const offer = this.#offers.get(piece);
    if (offer === undefined) return 'not-offered';
    const sent = Math.min(length, offer.left);
    offer.left -= sent;
    this.#left -= sent;
    if (offer.left > 0) return 'in-part';
    this.#offers.delete(piece);
    return 'whole';
  }

  /**
   * We have dropped what the peer had asked for. Some of what has gone may have been dropped too, and nobody knows
   * which blocks. So each offer begins anew.
   */
  beginAnew(): void {
    for (const [piece, offer] of this.#offers) {
      const length = this.#parts.layout.lengthOf(piece);
      this.#left += length - offer.left;
      offer.left = length;
    }
  }

  /** The peer has the whole piece, and no other peer does as far as we know. */
  got(piece: PieceIndex): void {
    this.withdraw(piece);
    if (!this.#unproven.has(piece)) this.#unproven.set(piece, this.#parts.timers.now());
  }

  /** The peer has passed a piece on. */
  passedOn(): void {
    this.#debt = Math.max(0, this.#debt - 1);
  }

  /** The piece is on offer no longer. The peer may still ask for it. */
  withdraw(piece: PieceIndex): void {
    this.#left -= this.#offers.get(piece)?.left ?? 0;
    this.#offers.delete(piece);
  }

  /** The piece is no longer this peer's to pass on. */
  release(piece: PieceIndex): void {
    this.withdraw(piece);
    this.#unproven.delete(piece);
  }

  /** The peer has next to nothing left to ask for. */
  get isServed(): boolean {
    return this.#left === 0 || this.#left * 1000 <= this.peer.upload.rate * this.#options.ahead;
  }

  /** The peer has something left to ask for, however little. */
  get hasMore(): boolean {
    return this.#left > 0;
  }

  /** The peer has enough to ask for, and asks for it. */
  get isBusy(): boolean {
    if (this.isServed) return false;
    return this.peer.upload.queuedCount > 0 || this.#parts.timers.now() - this.#movedAt < this.#options.quiet;
  }

  /** Takes note of what the peer does at this moment. */
  look(): void {
    const { interested, choked, rate } = this.peer.upload;
    if (interested && choked) this.#heldUpAt = this.#parts.timers.now();
    this.#bestRate = Math.max(this.#bestRate, rate);
  }

  /** What is on offer has not moved for too long. */
  get hasStalled(): boolean {
    if (this.#left === 0) return false;
    const now = this.#parts.timers.now();
    const { patience, silence, stallTime } = this.#options;
    if (now - this.#movedAt >= stallTime) return true;
    const { interested, queuedCount } = this.peer.upload;
    const limit = this.#hasMoved && interested ? silence : patience;
    return queuedCount === 0 && now - Math.max(this.#movedAt, this.#heldUpAt) >= limit;
  }

  /** The peer has kept us waiting in vain. */
  waitedInVain(): void {
    this.#debt += 1;
    this.#hasMoved = false;
    this.widen();
  }

  /** The peer is shown twice as many pieces the next time. */
  widen(): void {
    this.#burst = Math.min(this.#burst * 2, this.#parts.layout.pieceCount);
  }
}
