/** Lets the bytes of a torrent be read while it is fetched: what readers are about to read is fetched first. */
import type { Millis, Task, Timers } from '../../base/clock.js';
import type { BtgetError } from '../../base/failure.js';
import type { DoneOutcome } from '../../disk/storage.js';
import type { ByteRun } from '../../metainfo/padding.js';
import type { PieceIndex, PieceLayout } from '../../metainfo/piece-layout.js';
import type { StorageWrapper } from '../../pieces/storage-wrapper.js';
import { ContentReader, type ReaderOwner } from './content-reader.js';

/** How far ahead of its readers a torrent fetches, and how much of it is kept. */
export interface ReadersOptions {
  /** Bytes that are fetched ahead of one reader, at most. */
  readonly window: number;
  /**
   * Bytes that are fetched ahead of all readers together, at most; where the storage can forget pieces, also the bytes
   * that are kept on the disk. Two pieces are kept in any case.
   */
  readonly kept: number;
}

/** Bytes that are fetched at once where a reader begins, and at the end of a file whose ends are wanted. */
const END_LENGTH = 4 * 1024 * 1024;

/** The window of a reader grows by so many bytes for each byte that it reads: one that only looks costs little. */
const GROWTH = 1;

/** However small the pieces are, no more of them have deadlines: each choice of a piece looks at them in turn. */
const MAX_DUE = 1024;

/** The deadlines are set anew when a reader has moved by its window divided by this. */
const STEPS = 16;

/**
 * When a reader waits, and no block of its piece has come for so long, another peer is asked for the same blocks. So it
 * is when blocks come, but one by one: when the reader has waited for as long, and for twice the time that the piece
 * takes at the rate of the whole download. Peers that drip must not hold up the others.
 */
const LATE_AFTER: Millis = 1_000;
const SLOW = 2;

export interface ContentReadersParts {
  readonly timers: Timers;
  /** Calls `answered` later, also when the torrent has ended by then. */
  readonly answer: (answered: () => void) => void;
  readonly layout: PieceLayout;
  readonly store: Pick<StorageWrapper, 'have' | 'readBlocks' | 'forgets' | 'lastBlockAt'>;
  /** As `Downloader.setDeadlines`. */
  readonly setDeadlines: (due: Iterable<PieceIndex>, late: Iterable<PieceIndex>, isUndue: boolean) => void;
  /** At which rate blocks come, in bytes per second. */
  readonly rate: () => number;
  /** Drops what has come of a piece that is not whole. */
  readonly discard: (piece: PieceIndex) => void;
  /** A verified piece is not needed any more; its room may be used. Only where the storage can forget. */
  readonly forget: (piece: PieceIndex) => void;
  /** The disk failed to read a verified piece. */
  readonly readFailed: (failure: BtgetError) => void;
}

/** What is known of a reader besides itself. */
interface Place {
  /** The piece at which the deadlines were set last. */
  setAt: number;
  /** Since when it has waited for bytes that are not here; null when it does not. */
  waitsSince: Millis | null;
  late: Task | null;
  /** The piece that is being read for it, or null. */
  reading: PieceIndex | null;
}

export class ContentReaders implements ReaderOwner {
  readonly #parts: ContentReadersParts;
  readonly #options: ReadersOptions;
  readonly #places = new Map<ContentReader, Place>();
  /** The pieces with deadlines, the earliest first. */
  #due = new Set<PieceIndex>();
  /** Pieces at the ends of files that are read, until they are here. */
  readonly #ends = new Set<PieceIndex>();
  /** Where the storage can forget: the pieces that it has, the one that was read longest ago first. */
  readonly #kept = new Set<PieceIndex>();
  #stopped: BtgetError | null = null;

  constructor(parts: ContentReadersParts, options: ReadersOptions) {
    this.#parts = parts;
    this.#options = options;
  }

  /** Whether some reader waits for bytes that are not here. */
  get isAwaited(): boolean {
    for (const { waitsSince } of this.#places.values()) if (waitsSince !== null) return true;
    return false;
  }

  /**
   * Reads the bytes `run` of the torrent. `ends`: the run of a file whose first and last bytes are fetched early,
   * because a player looks there first; null for none.
   */
  open(run: ByteRun, ends: ByteRun | null): ContentReader {
    const reader = new ContentReader(this, run);
    this.#places.set(reader, { setAt: this.#pieceAt(run.begin), waitsSince: null, late: null, reading: null });
    if (ends !== null) this.#addEnds(ends);
    this.#setDeadlines();
    return reader;
  }

  /** Where the storage can forget, the piece is kept for as long as there is room. */
  pieceVerified(piece: PieceIndex): void {
    this.#ends.delete(piece);
    if (this.#parts.store.forgets) {
      this.#kept.add(piece);
      this.#makeRoom();
    }
    for (const [reader, place] of this.#places)
      if (reader.isWaiting && this.#pieceAt(reader.position) === piece) this.#serve(reader, place);
  }

  /** Every read fails from now on. */
  stop(failure: BtgetError): void {
    this.#stopped = failure;
    for (const [reader, place] of this.#places) {
      place.late?.cancel();
      if (reader.isWaiting) this.#parts.answer(() => reader.answer({ ok: false, failure }));
    }
  }

  readerWaits(reader: ContentReader): void {
    const place = this.#placeOf(reader);
    const failure = this.#stopped;
    if (failure !== null) this.#parts.answer(() => reader.answer({ ok: false, failure }));
    else if (reader.room.length === 0) this.#parts.timers.addTask(() => reader.answer({ ok: true, length: 0 }), 0);
    else this.#serve(reader, place);
  }

  readerMoved(reader: ContentReader): void {
    const place = this.#placeOf(reader);
    const moved = this.#pieceAt(reader.position) - place.setAt;
    if (moved >= Math.max(1, Math.floor(this.#windowOf(reader) / STEPS))) this.#setDeadlines();
  }

  readerClosed(reader: ContentReader): void {
    this.#places.get(reader)?.late?.cancel();
    this.#places.delete(reader);
    if (this.#places.size === 0) this.#ends.clear();
    if (this.#stopped === null) this.#setDeadlines();
  }

  #placeOf(reader: ContentReader): Place {
    const place = this.#places.get(reader);
    if (place === undefined) throw new Error('a reader that is not open has moved');
    return place;
  }

  /** Reads what the reader waits for, if it is here. */
  #serve(reader: ContentReader, place: Place): void {
    const { layout, store, timers } = this.#parts;
    const piece = layout.pieceIndex(this.#pieceAt(reader.position));
    if (piece === undefined) throw new Error(`no piece holds byte ${reader.position}`);
    if (!store.have.has(piece)) {
      this.#wait(reader, place);
      return;
    }
    if (place.reading !== null) return;
    place.waitsSince = null;
    place.late?.cancel();
    place.late = null;
    place.reading = piece;
    // A piece that was just read is forgotten last.
    if (this.#kept.delete(piece)) this.#kept.add(piece);
    const begin = reader.position - layout.beginOf(piece);
    const into = reader.room.subarray(0, layout.lengthOf(piece) - begin);
    const answered = (outcome: DoneOutcome): void => {
      place.reading = null;
      if (this.#stopped !== null || !this.#places.has(reader)) return;
      if (outcome.ok) reader.answer({ ok: true, length: into.length });
      else if (store.have.has(piece)) {
        this.#parts.readFailed(outcome.failure);
        reader.answer(outcome);
      } else timers.addTask(() => this.#serve(reader, place), 0);
    };
    store.readBlocks([{ piece, begin, into }], answered);
  }

  #wait(reader: ContentReader, place: Place): void {
    if (place.waitsSince !== null) return;
    place.waitsSince = this.#parts.timers.now();
    this.#watch(reader, place, LATE_AFTER);
    // The piece may have had a deadline and lost it: it was here, and the disk lost it.
    if (!this.#due.has(this.#pieceAt(reader.position) as PieceIndex)) this.#setDeadlines();
  }

  /** Looks again after `delay` whether the piece that the reader waits for is late. */
  #watch(reader: ContentReader, place: Place, delay: Millis): void {
    place.late = this.#parts.timers.addTask(() => {
      const quiet = this.#quietTime(reader, place);
      if (this.#isLate(reader, place)) this.#setDeadlines();
      // A clock may not tell two moments apart that are closer than that.
      this.#watch(reader, place, quiet >= LATE_AFTER ? LATE_AFTER : Math.max(1, LATE_AFTER - quiet));
    }, delay);
  }

  /** For how long the reader has waited and no block of its piece has come; 0 when it does not wait. */
  #quietTime(reader: ContentReader, { waitsSince }: Place): Millis {
    const piece = this.#parts.layout.pieceIndex(this.#pieceAt(reader.position));
    if (waitsSince === null || piece === undefined) return 0;
    const cameAt = this.#parts.store.lastBlockAt(piece) ?? waitsSince;
    return this.#parts.timers.now() - Math.max(waitsSince, cameAt);
  }

  #isLate(reader: ContentReader, place: Place): boolean {
    if (place.waitsSince === null) return false;
    const { timers, rate, layout } = this.#parts;
    const enough = LATE_AFTER + (SLOW * layout.pieceLength * 1000) / Math.max(1, rate());
    return timers.now() - place.waitsSince >= enough || this.#quietTime(reader, place) >= LATE_AFTER;
  }

  #pieceAt(offset: number): number {
    return Math.floor(offset / this.#parts.layout.pieceLength);
  }

  /** How many pieces may have deadlines, or be kept. */
  get #budget(): number {
    const { pieceLength } = this.#parts.layout;
    return Math.max(2, Math.min(MAX_DUE, Math.floor(this.#options.kept / pieceLength)));
  }

  /** How many pieces are fetched ahead of the reader, the one at which it stands included. */
  #windowOf(reader: ContentReader): number {
    const { pieceLength } = this.#parts.layout;
    const bytes = Math.min(this.#options.window, END_LENGTH + GROWTH * reader.consumed);
    const share = Math.max(1, Math.floor(this.#budget / this.#places.size));
    return Math.min(share, Math.max(2, Math.floor(bytes / pieceLength)));
  }

  #addEnds({ begin, end }: ByteRun): void {
    if (end <= begin) return;
    const { layout, store } = this.#parts;
    const length = Math.min(END_LENGTH, (this.#budget * layout.pieceLength) / 4);
    // From the last piece backwards: the index of a container stands at the very end.
    for (let at = this.#pieceAt(end - 1); at >= this.#pieceAt(Math.max(begin, end - length)); at -= 1) {
      const piece = layout.pieceIndex(at);
      if (piece !== undefined && !store.have.has(piece)) this.#ends.add(piece);
    }
  }

  /**
   * Sets the deadlines anew: first what comes next for each reader, in turn, then the ends of files, then the rest of
   * the windows. What has no deadline any more is taken back.
   */
  #setDeadlines(): void {
    const { timers, store, layout } = this.#parts;
    const now = timers.now();
    const readers = [...this.#places].sort(([, a], [, b]) => (a.waitsSince ?? now) - (b.waitsSince ?? now));
    const heads = Math.max(1, Math.floor(END_LENGTH / layout.pieceLength));
    const windows = readers.map(([reader, place]) => {
      place.setAt = this.#pieceAt(reader.position);
      return this.#piecesOf(reader);
    });
    const due = new Set<PieceIndex>();
    const budget = this.#budget;
    const add = (pieces: Iterable<PieceIndex>): void => {
      for (const piece of pieces) if (due.size < budget) due.add(piece);
    };
    add(inTurn(windows.map((pieces) => pieces.slice(0, heads))));
    add(this.#ends);
    add(inTurn(windows.map((pieces) => pieces.slice(heads))));
    const undue = [...this.#due].filter((piece) => !due.has(piece) && !store.have.has(piece));
    this.#due = due;
    const late = readers.flatMap(([reader, place]) => {
      const piece = layout.pieceIndex(this.#pieceAt(reader.position));
      return piece !== undefined && this.#isLate(reader, place) ? [piece] : [];
    });
    this.#parts.setDeadlines(due, late, undue.length > 0);
    // In files the blocks that have come stay of use. In a cache they would take room from pieces that are needed.
    if (store.forgets) for (const piece of undue) this.#parts.discard(piece);
    this.#makeRoom();
  }

  #piecesOf(reader: ContentReader): PieceIndex[] {
    const { layout } = this.#parts;
    const pieces: PieceIndex[] = [];
    if (reader.position >= reader.end) return pieces;
    const first = this.#pieceAt(reader.position);
    const end = Math.min(first + this.#windowOf(reader), this.#pieceAt(reader.end - 1) + 1);
    for (let at = first; at < end; at += 1) {
      const piece = layout.pieceIndex(at);
      if (piece !== undefined) pieces.push(piece);
    }
    return pieces;
  }

  /** Forgets pieces until all pieces with deadlines have room. */
  #makeRoom(): void {
    if (!this.#parts.store.forgets) return;
    let others = 0;
    for (const piece of this.#kept) if (!this.#due.has(piece)) others += 1;
    if (this.#due.size + others <= this.#budget) return;
    const reading = new Set([...this.#places.values()].map((place) => place.reading));
    for (const piece of [...this.#kept]) {
      if (this.#due.size + others <= this.#budget) return;
      if (this.#due.has(piece) || reading.has(piece)) continue;
      this.#kept.delete(piece);
      others -= 1;
      this.#parts.forget(piece);
    }
  }
}

/** The first of each list, then the second of each, and so on. */
function* inTurn<T>(lists: readonly (readonly T[])[]): Generator<T> {
  const longest = lists.reduce((most, list) => Math.max(most, list.length), 0);
  for (let at = 0; at < longest; at += 1)
    for (const list of lists) {
      const item = list[at];
      if (item !== undefined) yield item;
    }
}
