import type { Millis, Timers } from '../base/clock.js';
import { BtgetError } from '../base/failure.js';
import type { BlockRead, CheckOutcome, DoneOutcome, SlotPool, Storage } from '../disk/storage.js';
import type { ByteRun } from '../metainfo/padding.js';
import { BLOCK_LENGTH, type PieceIndex, type PieceLayout } from '../metainfo/piece-layout.js';
import type { Bitfield } from '../wire/bitfield.js';
import { idlest, OpenPiece } from './open-piece.js';
import { PieceMemory, type PieceMemoryOptions } from './piece-memory.js';
import { BlockWrites, WholePieces } from './piece-writes.js';
import { VerifiedPieces } from './verified-pieces.js';

/** What a StorageWrapper tells its owner. */
interface PieceEvents {
  /** The piece is right. `data` are its bytes, valid during the call; null when it went to the disk block by block. */
  pieceVerified(piece: PieceIndex, data: Buffer | null): void;
  /** The piece failed its hash, and is closed: its blocks are gone. `data` as above. */
  pieceFailed(piece: PieceIndex, data: Buffer | null): void;
  /**
   * The piece failed its hash. `leaves` are the SHA-256 of each block of its content, 32 bytes each. The piece stays
   * open with all its blocks until `dropBlocks` says which of them are wrong, or `failPiece` that nobody can tell.
   * Either may be called within this event.
   */
  pieceSuspect(piece: PieceIndex, leaves: Buffer): void;
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

  /** The piece was verified and is not needed any more. A storage that can forget pieces may use its room. */
  forgetPiece(piece: PieceIndex): void {
    this.#verified.lose(piece);
    this.#storage.forgetPiece?.(piece);
  }

  /** Whether the storage can forget pieces. */
  get forgets(): boolean {
    return this.#storage.forgetPiece !== undefined;
  }

  /** When the last block of an open piece came, or when it was opened; undefined when it is not open. */
  lastBlockAt(piece: PieceIndex): Millis | undefined {
    return this.#open.get(piece)?.lastBlockAt;
  }

  /** Drops what has come of a piece that is not whole, if it is open. `pieceDropped` is called when nothing is left. */
  discardPiece(piece: PieceIndex): void {
    const open = this.#open.get(piece);
    if (open !== undefined && !open.isWhole && !open.damaged && !this.#closing) this.#damage(open);
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
    this.#open.set(piece, new OpenPiece(piece, slot, this.#layout, this.#timers.now()));
    return true;
  }

  /**
   * Opens a piece that we lack, of which an earlier run left `blocks` on the disk. It needs no memory: its other blocks
   * go to the disk as they come in. When the whole piece fails its hash, `blocks` are dropped before a peer is to
   * blame. A piece of padding alone is opened so too, without blocks: it is whole at once.
   */
  resumePiece(piece: PieceIndex, blocks: Iterable<number>): void {
    if (this.#open.has(piece) || this.have.has(piece)) throw new Error(`piece ${piece} cannot be resumed`);
    const open = new OpenPiece(piece, null, this.#layout, this.#timers.now());
    open.resume(blocks);
    this.#open.set(piece, open);
    if (open.isWhole) this.#whole.settle(open);
  }

  /** The piece is not asked for any more. No block of it may have come in. */
  releasePiece(piece: PieceIndex): void {
    const open = this.#openPiece(piece);
    if (open.storedCount > 0) throw new Error(`piece ${piece} is released with blocks in it`);
    this.#closePiece(open);
  }

  /** Forgets all blocks of an open piece: they will come again. */
  emptyPiece(piece: PieceIndex): void {
    this.#openPiece(piece).empty();
  }

  /**
   * Stores a block of an open piece, which must not be in yet. `block` is copied before the call returns. What a peer
   * sends for padding is not looked at.
   */
  storeBlock(piece: PieceIndex, begin: number, block: Buffer): void {
    if (this.#closing) return;
    const open = this.#openPiece(piece);
    const number = begin / BLOCK_LENGTH;
    open.arrive(number, this.#timers.now());
    const stored = withZeros(block, this.#layout.paddingOfBlock(piece, number));
    if (open.writesThrough) this.#writes.write(open, begin, stored);
    else open.keep(begin, stored);
    if (open.isWhole && open.pendingWrites === 0) this.#whole.settle(open);
  }

  /**
   * These blocks of a suspect piece are wrong, at least one: they must come again. The others stay where they are. When
   * the piece is whole again, it is settled again.
   */
  dropBlocks(piece: PieceIndex, blocks: readonly number[]): void {
    if (this.#closing) return;
    const open = this.#clear(piece);
    open.drop(blocks);
    open.lastBlockAt = this.#timers.now();
    if (open.isWhole) throw new Error(`piece ${piece} failed without a wrong block`);
  }

  /** Nobody can tell which blocks of a suspect piece are wrong, so the piece has failed. */
  failPiece(piece: PieceIndex): void {
    if (!this.#closing) this.#judged(this.#clear(piece), false);
  }

  /**
   * Reads blocks for an upload. What they ask for behind the end of the piece is filled with zeros. When a piece is not
   * verified, or is doubted, the outcome is an 'io' failure. Answers once, later.
   */
  readBlocks(reads: readonly BlockRead[], answered: (outcome: DoneOutcome) => void): void {
    const lacking = reads.find(({ piece }) => !this.have.has(piece) || this.#doubted.has(piece));
    if (lacking === undefined) {
      const there = this.#withoutTails(reads);
      if (there.length > 0) this.#storage.readBlocks(there, answered);
      else this.#timers.addTask(() => answered({ ok: true }), 0);
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
      if (keepsBlocks && !open.writesThrough && !open.isWhole && open.storedCount > 0) this.#writes.spill(open);
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
    if (!outcome.matches && open.isPadding) {
      this.#events.diskFailed(wrongPadding(open.piece));
    } else if (!outcome.matches && outcome.leaves !== undefined) {
      open.isSuspect = true;
      this.#events.pieceSuspect(open.piece, outcome.leaves);
    } else {
      this.#judged(open, outcome.matches);
    }
  }

  /** The piece is not suspect any longer. */
  #clear(piece: PieceIndex): OpenPiece {
    const open = this.#openPiece(piece);
    if (!open.isSuspect) throw new Error(`piece ${piece} is not suspect`);
    open.isSuspect = false;
    return open;
  }

  #judged(open: OpenPiece, matches: boolean): void {
    const { piece, slot } = open;
    const stale = matches ? [] : open.dropResumed();
    if (stale.length > 0) {
      this.#events.blocksStale(piece, stale);
      return;
    }
    // The events may open pieces, this one too, so it is closed first. Its memory stays until the events are over.
    this.#open.delete(piece);
    const data = slot === null ? null : slot.data.subarray(0, this.#layout.lengthOf(piece));
    if (matches) {
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
      this.#storage.forgetPiece?.(open.piece);
      this.#events.pieceDropped(open.piece);
    } else if (open.isWhole) {
      this.#whole.settle(open);
    }
  }

  #damage(open: OpenPiece): void {
    open.damaged = true;
    const waited = this.#whole.withdraw(open);
    // A whole piece that did not wait and is not suspect is being hashed. `#settled` sees that it is damaged.
    if (open.pendingWrites === 0 && (waited || open.isSuspect || !open.isWhole)) this.#written(open);
  }

  /** The reads without what lies behind the end of a piece, where zeros are put at once. */
  #withoutTails(reads: readonly BlockRead[]): readonly BlockRead[] {
    const endsIn = ({ piece, begin }: BlockRead): number => Math.max(0, this.#layout.lengthOf(piece) - begin);
    if (reads.every((read) => read.into.length <= endsIn(read))) return reads;
    return reads.flatMap((read) => {
      read.into.fill(0, Math.min(read.into.length, endsIn(read)));
      const into = read.into.subarray(0, endsIn(read));
      return into.length === 0 ? [] : [{ ...read, into }];
    });
  }

  #spillIdlest(): void {
    const open = idlest(this.#open.values());
    if (open === undefined || this.#timers.now() - open.lastBlockAt < this.#options.spillAfter) return;
    this.#writes.spill(open);
    if (open.pendingSpills === 0) this.#giveBackSlot(open);
  }
}

/** The block with zeros in these runs. The block itself is not changed. */
function withZeros(block: Buffer, runs: readonly ByteRun[]): Buffer {
  if (runs.length === 0) return block;
  const copy = Buffer.from(block);
  for (const { begin, end } of runs) copy.fill(0, begin, end);
  return copy;
}

/** BEP 47: padding is zeros. So nobody can have this piece. */
function wrongPadding(piece: PieceIndex): BtgetError {
  return new BtgetError('torrent-invalid', `torrent is not valid: piece ${piece} is padding, but not by its hash`);
}
