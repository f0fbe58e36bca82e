import type { Timers } from '../base/clock.js';
import { BtgetError } from '../base/failure.js';
import type { BlockRead, CheckOutcome, DoneOutcome, SlotPool, Storage } from '../disk/storage.js';
import { BLOCK_LENGTH, type PieceIndex, type PieceLayout } from '../metainfo/piece-layout.js';
import { Bitfield, fullBitfield } from '../wire/bitfield.js';
import { idlest, OpenPiece } from './open-piece.js';
import { PieceMemory, type PieceMemoryOptions } from './piece-memory.js';
import { BlockWrites, WholePieces } from './piece-writes.js';

/**
 * What we have and whether it is right; blocks in and out.
 *
 * A piece arrives in a slot of memory. When its last block is in, the disk hashes and writes it in one go. A piece that
 * is too long for a slot, or that was spilled, goes to the disk block by block and is hashed there when it is whole.
 * Each slot is given back once: when its piece is settled, spilled or released, or when the wrapper is closed.
 */
export class StorageWrapper {
  readonly #storage: Storage;
  readonly #layout: PieceLayout;
  readonly #memory: PieceMemory;
  readonly #timers: Timers;
  readonly #options: PieceMemoryOptions;
  readonly #events: PieceEvents;
  readonly #verified: VerifiedPieces;
  readonly #writes: BlockWrites;
  readonly #whole: WholePieces;
  readonly #open = new Map<PieceIndex, OpenPiece>();
  /** Verified pieces of which nobody knows whether the disk still has them. */
  readonly #doubted = new Set<PieceIndex>();
  #closing = false;
  /** Waits for what is being written. */
  #closeStorage: (() => void) | null = null;
  #abandoned = false;

  constructor(
    storage: Storage,
    layout: PieceLayout,
    slots: SlotPool,
    timers: Timers,
    options: PieceMemoryOptions,
    events: PieceEvents,
  ) {
    this.#storage = storage;
    this.#layout = layout;
    this.#timers = timers;
    this.#options = options;
    this.#events = events;
    this.#verified = new VerifiedPieces(layout);
    this.#writes = new BlockWrites(storage, layout, (open, failure) => this.#blockWritten(open, failure));
    this.#memory = new PieceMemory(slots, timers, options, {
      makeRoom: () => this.#spillIdlest(),
      roomForPieces: () => events.roomForPieces(),
    });
    this.#whole = new WholePieces(storage, layout, this.#memory, (open, outcome) => this.#settled(open, outcome));
  }

  /** The pieces that are verified. It is the wrapper's own: only to be read. */
  get have(): Bitfield {
    return this.#verified.have;
  }

  /** Bytes of wanted pieces that are not verified. */
  get amountLeft(): number {
    return this.#verified.amountLeft;
  }

  setWanted(piece: PieceIndex, wanted: boolean): void {
    this.#verified.setWanted(piece, wanted);
  }

  /** The piece was found right on the disk. */
  markVerified(piece: PieceIndex): void {
    this.#verified.add(piece);
  }

  /** The piece was verified, but the disk cannot give it back. */
  losePiece(piece: PieceIndex): void {
    this.#verified.lose(piece);
  }

  /**
   * Whatever the disk held of these pieces may be gone. Verified ones are not read until `trust`; open ones whose
   * blocks went to the disk are dropped.
   */
  doubt(pieces: Iterable<PieceIndex>): void {
    for (const piece of pieces) {
      const open = this.#open.get(piece);
      if (this.have.has(piece)) this.#doubted.add(piece);
      else if (open?.writesThrough === true && !open.damaged) this.#damage(open);
    }
  }

  /** Of those that were doubted the ones that are gone are lost by now. */
  trust(): void {
    this.#doubted.clear();
  }

  /**
   * Makes room for a piece that we lack. False when there is no memory: `roomForPieces` follows when there is some,
   * and by then the slot longest without a block may have been spilled. A piece that no slot is long enough for, or
   * that waited for `spillAfter` while none of the memory is ours, needs none: it goes to the disk block by block.
   */
  openPiece(piece: PieceIndex): boolean {
    if (this.#closing || this.#whole.isHeld) return false;
    if (this.#open.has(piece) || this.have.has(piece)) throw new Error(`piece ${piece} cannot be opened`);
    const slot = this.#memory.take(this.#layout.lengthOf(piece));
    if (slot === undefined) return false;
    this.#open.set(piece, new OpenPiece(piece, slot, this.#layout.blockCount(piece), this.#timers.now()));
    return true;
  }

  /**
   * Opens a piece that we lack with blocks that an earlier run left on the disk. It needs no memory: the others go to
   * the disk as they come. When it is whole and wrong, these blocks are dropped before anybody is to blame.
   */
  resumePiece(piece: PieceIndex, blocks: Iterable<number>): void {
    if (this.#open.has(piece) || this.have.has(piece)) throw new Error(`piece ${piece} cannot be resumed`);
    const open = new OpenPiece(piece, null, this.#layout.blockCount(piece), this.#timers.now());
    open.resume(blocks);
    this.#open.set(piece, open);
    if (open.isWhole) this.#whole.settle(open);
  }

  /** The piece is not asked for any more, and nothing of it has come in. */
  releasePiece(piece: PieceIndex): void {
    const open = this.#openPiece(piece);
    if (open.arrivedCount > 0) throw new Error(`piece ${piece} is released with blocks in it`);
    this.#closePiece(open);
  }

  /** All blocks of an open piece will come again. */
  emptyPiece(piece: PieceIndex): void {
    this.#openPiece(piece).empty();
  }

  /** Takes a block of an open piece that is not in yet; `block` is copied before the call returns. */
  storeBlock(piece: PieceIndex, begin: number, block: Buffer): void {
    if (this.#closing) return;
    const open = this.#openPiece(piece);
    open.arrive(begin / BLOCK_LENGTH, this.#timers.now());
    if (open.writesThrough) this.#writes.write(open, begin, block);
    else open.keep(begin, block);
    if (open.isWhole && open.pendingWrites === 0) this.#whole.settle(open);
  }

  /** Reads for an upload. A piece that is not verified (any more) is an 'io' failure. The answer comes later. */
  readBlocks(reads: readonly BlockRead[], answered: (outcome: DoneOutcome) => void): void {
    const lacking = reads.find(({ piece }) => !this.have.has(piece) || this.#doubted.has(piece));
    if (lacking === undefined) {
      this.#storage.readBlocks(reads, answered);
      return;
    }
    const failure = new BtgetError('io', `piece ${lacking.piece} is not there to be read`);
    this.#timers.addTask(() => answered({ ok: false, failure }), 0);
  }

  /** While `held` no piece is opened, and whole ones wait in memory. `roomForPieces` follows when it is over. */
  hold(held: boolean): void {
    if (this.#closing) return;
    this.#whole.hold(held);
    if (!held) this.#events.roomForPieces();
  }

  /** Gives the disk one of the pieces that wait for it, held or not. False when none waits. */
  retry(): boolean {
    return !this.#closing && this.#whole.retry();
  }

  /**
   * Has the disk take the blocks of pieces that are not whole, if it takes any, for the next run to go on with them.
   * Then closes the storage and gives back all memory, once. What else the disk has not answered for comes to nothing.
   */
  close(answered: () => void): void {
    this.#closing = true;
    this.#memory.close();
    this.#closeStorage = () => {
      this.#closeStorage = null;
      this.#storage.close(() => {
        for (const open of this.#open.values()) this.#giveBackSlot(open);
        this.#open.clear();
        answered();
      });
    };
    const keepsBlocks = !this.#abandoned && !this.#whole.isHeld;
    for (const open of this.#open.values())
      if (keepsBlocks && !open.writesThrough && !open.isWhole && open.arrivedCount > 0) this.#writes.spill(open);
    if (this.#abandoned || this.#writes.length === 0) this.#closeStorage();
  }

  /** The torrent's tasks run no more: `close`, if it comes or came, waits for nothing but the storage. */
  abandon(): void {
    this.#abandoned = true;
    this.#closeStorage?.();
  }

  /** Throws when an invariant is broken. For tests. */
  check(): void {
    for (const [piece, open] of this.#open) {
      if (this.have.has(piece)) throw new Error(`piece ${piece} is open and had`);
      open.check();
    }
  }

  #openPiece(piece: PieceIndex): OpenPiece {
    const open = this.#open.get(piece);
    if (open === undefined) throw new Error(`piece ${piece} is not open`);
    return open;
  }

  #settled(open: OpenPiece, outcome: CheckOutcome): void {
    if (this.#closing || this.#open.get(open.piece) !== open) return;
    if (open.damaged) {
      this.#written(open);
      return;
    }
    if (!outcome.ok) {
      this.#whole.refused(open);
      this.#events.diskFailed(outcome.failure);
      return;
    }
    const { piece, slot } = open;
    const stale = outcome.matches ? [] : open.dropResumed();
    if (stale.length > 0) {
      this.#events.blocksStale(piece, stale);
      return;
    }
    // The events may ask for pieces, this one included, so it is closed first; its memory stays until they are over.
    this.#open.delete(piece);
    const data = slot === null ? null : slot.data.subarray(0, this.#layout.lengthOf(piece));
    if (outcome.matches) {
      this.#verified.add(piece);
      this.#events.pieceVerified(piece, data);
    } else {
      this.#events.pieceFailed(piece, data);
    }
    this.#giveBackSlot(open);
  }

  #closePiece(open: OpenPiece): void {
    this.#open.delete(open.piece);
    this.#giveBackSlot(open);
  }

  #giveBackSlot(open: OpenPiece): void {
    const slot = open.slot;
    if (slot === null) return;
    open.slot = null;
    this.#memory.giveBack(slot);
  }

  #blockWritten(open: OpenPiece, failure: BtgetError | null): void {
    if (this.#closing) {
      if (open.pendingSpills === 0) this.#giveBackSlot(open);
      if (this.#writes.length === 0) this.#closeStorage?.();
      return;
    }
    if (this.#open.get(open.piece) !== open) return;
    if (failure !== null) {
      open.damaged = true;
      this.#events.diskFailed(failure);
    }
    this.#written(open);
  }

  #written(open: OpenPiece): void {
    if (open.writesThrough && open.pendingSpills === 0) this.#giveBackSlot(open);
    if (open.pendingWrites > 0) return;
    if (open.damaged) {
      this.#closePiece(open);
      this.#events.pieceDropped(open.piece);
    } else if (open.isWhole) {
      this.#whole.settle(open);
    }
  }

  #damage(open: OpenPiece): void {
    open.damaged = true;
    const waited = this.#whole.withdraw(open);
    // What is being hashed was whole, and comes back as refused or wrong.
    if (open.pendingWrites === 0 && (waited || !open.isWhole)) this.#written(open);
  }

  #spillIdlest(): void {
    const open = idlest(this.#open.values());
    if (open === undefined || this.#timers.now() - open.lastBlockAt < this.#options.spillAfter) return;
    this.#writes.spill(open);
    if (open.pendingSpills === 0) this.#giveBackSlot(open);
  }
}

/** What a StorageWrapper tells. */
interface PieceEvents {
  /** `data` is the piece's bytes, valid during the call; null when it went to the disk block by block. */
  pieceVerified(piece: PieceIndex, data: Buffer | null): void;
  /** The hash is wrong, and the piece is closed: its blocks are gone. `data` as above. */
  pieceFailed(piece: PieceIndex, data: Buffer | null): void;
  /**
   * The piece is wrong, and these of its blocks are from an earlier run: they are asked for again before anybody is to
   * blame. The piece stays open, the others stay as they are.
   */
  blocksStale(piece: PieceIndex, blocks: readonly number[]): void;
  /**
   * The disk lost blocks, and the piece is closed: it starts over, and no peer is to blame. `diskFailed` came first.
   */
  pieceDropped(piece: PieceIndex): void;
  /** There may be room again after `openPiece` said false. */
  roomForPieces(): void;
  /** The disk refused something. Whole pieces are kept in memory until `retry` or the end of a `hold`. */
  diskFailed(failure: BtgetError): void;
}

/** Which pieces we have, and how many bytes of the wanted ones we lack. At first all are wanted and none is had. */
class VerifiedPieces {
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
