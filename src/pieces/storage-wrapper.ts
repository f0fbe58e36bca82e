import type { Timers } from '../base/clock.js';
import { BtgetError } from '../base/failure.js';
import type { BlockRead, CheckOutcome, DoneOutcome, SlotPool, Storage } from '../disk/storage.js';
import { BLOCK_LENGTH, type PieceIndex, type PieceLayout } from '../metainfo/piece-layout.js';
import { Bitfield, fullBitfield } from '../wire/bitfield.js';
import { idlest, OpenPiece } from './open-piece.js';
import { PieceMemory, type PieceMemoryOptions } from './piece-memory.js';
import { BlockWrites, WholePieces } from './piece-writes.js';

/** What a StorageWrapper tells its owner. */
interface PieceEvents {
  /** The piece is right. `data` are its bytes, valid during the call; null when it went to the disk block by block. */
  pieceVerified(piece: PieceIndex, data: Buffer | null): void;
  /** The piece failed its hash, and is closed: its blocks are gone. `data` as above. */
  pieceFailed(piece: PieceIndex, data: Buffer | null): void;
  /**
   * The piece failed its hash, and these of its blocks are from an earlier run. They must be fetched again; only if the
   * piece fails again is a peer to blame. The piece stays open, and its other blocks stay.
   */
  blocksStale(piece: PieceIndex, blocks: readonly number[]): void;
  /**
   * The disk lost blocks, and the piece is closed. It starts again, and no peer is to blame. `diskFailed` came first.
   */
  pieceDropped(piece: PieceIndex): void;
  /** There may be room again after `openPiece` returned false. */
  roomForPieces(): void;
  /** The disk failed to do something. Whole pieces are kept in memory until `retry` or the end of a `hold`. */
  diskFailed(failure: BtgetError): void;
}

/**
 * Knows which pieces we have, takes blocks in, and reads blocks for uploads.
 *
 * A piece arrives in a slot of memory. When its last block is in, the disk hashes it and writes it at once. A piece
 * that is too long for a slot, or was spilled, goes to the disk block by block, and the disk hashes it when it is
 * whole. Each slot is given back exactly once: when its piece is settled, spilled or released, or when the wrapper is
 * closed.
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
  /** Verified pieces that the disk may have lost: see `doubt`. */
  readonly #doubted = new Set<PieceIndex>();
  #closing = false;
  /**
   * Closes the storage. Called when all that is being written is written; null when `close` has not been called or the
   * storage is closing.
   */
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

  /** The pieces that are verified. The caller must not change it. */
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

  /** The check has found the right piece on the disk. */
  markVerified(piece: PieceIndex): void {
    this.#verified.add(piece);
  }

  /** The piece was verified, but the disk has lost it. */
  losePiece(piece: PieceIndex): void {
    this.#verified.lose(piece);
  }

  /**
   * The disk may have lost what it had of these pieces. Verified pieces are not read until `trust`. Open pieces with
   * blocks on the disk are dropped.
   */
  doubt(pieces: Iterable<PieceIndex>): void {
    for (const piece of pieces) {
      const open = this.#open.get(piece);
      if (this.have.has(piece)) this.#doubted.add(piece);
      else if (open?.writesThrough === true && !open.damaged) this.#damage(open);
    }
  }

  /** The doubt is over. The caller must have called `losePiece` for each piece that is gone. */
  trust(): void {
    this.#doubted.clear();
  }

  /**
   * Makes room for a piece that we lack. False when there is no memory; `roomForPieces` is called when there may be
   * some. Meanwhile the slot that has waited longest for a block may be spilled. A piece needs no memory when no slot
   * is long enough for it, or when a piece has waited for `spillAfter` and this torrent has no slot: then its blocks go
   * to the disk as they come in.
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
   * Opens a piece that we lack, of which an earlier run left `blocks` on the disk. It needs no memory: its other blocks
   * go to the disk as they come in. When the whole piece fails its hash, `blocks` are dropped before a peer is to
   * blame.
   */
  resumePiece(piece: PieceIndex, blocks: Iterable<number>): void {
    if (this.#open.has(piece) || this.have.has(piece)) throw new Error(`piece ${piece} cannot be resumed`);
    const open = new OpenPiece(piece, null, this.#layout.blockCount(piece), this.#timers.now());
    open.resume(blocks);
    this.#open.set(piece, open);
    if (open.isWhole) this.#whole.settle(open);
  }

  /** The piece is not asked for any more. No block of it may have come in. */
  releasePiece(piece: PieceIndex): void {
    const open = this.#openPiece(piece);
    if (open.arrivedCount > 0) throw new Error(`piece ${piece} is released with blocks in it`);
    this.#closePiece(open);
  }

  /** Forgets all blocks of an open piece: they will come again. */
  emptyPiece(piece: PieceIndex): void {
    this.#openPiece(piece).empty();
  }

  /** Stores a block of an open piece, which must not be in yet. `block` is copied before the call returns. */
  storeBlock(piece: PieceIndex, begin: number, block: Buffer): void {
    if (this.#closing) return;
    const open = this.#openPiece(piece);
    open.arrive(begin / BLOCK_LENGTH, this.#timers.now());
    if (open.writesThrough) this.#writes.write(open, begin, block);
    else open.keep(begin, block);
    if (open.isWhole && open.pendingWrites === 0) this.#whole.settle(open);
  }

  /**
   * Reads blocks for an upload. When a piece is not verified, or is doubted, the outcome is an 'io' failure. Answers
   * once, later.
   */
  readBlocks(reads: readonly BlockRead[], answered: (outcome: DoneOutcome) => void): void {
    const lacking = reads.find(({ piece }) => !this.have.has(piece) || this.#doubted.has(piece));
    if (lacking === undefined) {
      this.#storage.readBlocks(reads, answered);
      return;
    }
    const failure = new BtgetError('io', `piece ${lacking.piece} is not there to be read`);
    this.#timers.addTask(() => answered({ ok: false, failure }), 0);
  }

  /**
   * While `held`, no piece is opened, and whole pieces wait in memory. `roomForPieces` is called when the hold ends.
   */
  hold(held: boolean): void {
    if (this.#closing) return;
    this.#whole.hold(held);
    if (!held) this.#events.roomForPieces();
  }

  /** Gives the disk one of the pieces that wait for it, even during a hold. False when none waits. */
  retry(): boolean {
    return !this.#closing && this.#whole.retry();
  }

  /**
   * Writes the blocks of pieces that are not whole, unless the disk takes none, so that the next run can go on with
   * them. Then closes the storage, gives back all memory, and answers. Other work that the disk has not answered for
   * has no result any more.
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

  /**
   * The torrent's tasks run no longer. From now on `close` waits for the storage alone, also when it was called before.
   */
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
    // The events may open pieces, this one too, so it is closed first. Its memory stays until the events are over.
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
    // A whole piece that did not wait is being hashed. `#settled` sees that it is damaged.
    if (open.pendingWrites === 0 && (waited || !open.isWhole)) this.#written(open);
  }

  #spillIdlest(): void {
    const open = idlest(this.#open.values());
    if (open === undefined || this.#timers.now() - open.lastBlockAt < this.#options.spillAfter) return;
    this.#writes.spill(open);
    if (open.pendingSpills === 0) this.#giveBackSlot(open);
  }
}

/**
 * Knows which pieces we have, and how many bytes of wanted pieces we lack. At first all pieces are wanted, and we have
 * none.
 */
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
