import type { Random } from '../base/random.js';
import type { PieceIndex } from '../metainfo/piece-layout.js';
import { type Bitfield, fullBitfield } from '../wire/bitfield.js';
import { type AvailabilityBuckets, firstPiece, nextCommonWord, withoutFirst } from './availability-buckets.js';
import { type RunChoice, UntouchedPieces, type UntouchedRun } from './untouched-pieces.js';

/** In which order a PiecePicker chooses pieces. */
export interface PiecePickerOptions {
  /**
   * How many pieces are fetched in random order before rarest first: at first we need any whole piece soon, to have
   * something to give.
   */
  readonly randomFirst: number;
  /** Fetches the pieces in order, from the first, whatever their availability. */
  readonly sequential: boolean;
  /** Chooses only pieces that have a deadline. */
  readonly onDemand: boolean;
}

export const DEFAULT_PIECE_PICKER_OPTIONS: PiecePickerOptions = { randomFirst: 4, sequential: false, onDemand: false };

const UNTOUCHED = 0;
/** Started, and some block may be asked for. */
const OPEN = 1;
/** Started, and no block may be asked for. */
const FULL = 2;
const HAD = 3;

/** How many open pieces are looked at to find the best one. There are rarely more. */
const OPEN_LIMIT = 64;

/**
 * Chooses the next piece to ask for. It knows how many peers have each piece, but knows no peer.
 *
 * Every piece is untouched, open, full or had, and is wanted or not. Only wanted pieces are chosen. An open piece comes
 * first, because a piece is of no use until it is whole. Then comes the rarest of the untouched pieces. Of equally rare
 * pieces one is chosen at random, so that clients that see the same swarm do not all want the same piece.
 *
 * Pieces that someone is about to read have deadlines, and come before all others, in the order of the deadlines. A
 * piece is late when its reader waits for it: then the same blocks may be asked of several peers.
 *
 * Seeds are counted apart, because they do not change which piece is the rarest. A choice costs the same for any number
 * of peers and pieces. Only for a peer that has little that we want, the bitfields are scanned, 32 pieces a step.
 */
export class PiecePicker {
  readonly #options: PiecePickerOptions;
  readonly #random: Random;
  readonly #states: Uint8Array;
  readonly #buckets: AvailabilityBuckets;
  readonly #wanted: Bitfield;
  /** Wanted and not had. */
  readonly #missing: Bitfield;
  /** Wanted and untouched. */
  readonly #untouched: UntouchedPieces;
  /** Wanted and open. */
  readonly #open: PieceIndex[] = [];
  readonly #openPlaces = new Map<PieceIndex, number>();
  /** Pieces with a deadline, the earliest first. */
  #due = new Set<PieceIndex>();
  /** Those of them that a reader waits for. */
  #late = new Set<PieceIndex>();
  #seeds = 0;
  #completeCount = 0;
  #lookedAt = 0;

  constructor(pieceCount: number, options: PiecePickerOptions, random: Random) {
    this.#options = options;
    this.#random = random;
    this.#states = new Uint8Array(pieceCount);
    this.#wanted = fullBitfield(pieceCount);
    this.#missing = fullBitfield(pieceCount);
    this.#untouched = new UntouchedPieces(pieceCount, random);
    this.#buckets = this.#untouched.buckets;
  }

  /** How many pieces we have, wanted or not. */
  get completeCount(): number {
    return this.#completeCount;
  }

  /** Whether some block may be asked for, of an open piece or of an untouched piece that some peer has. */
  get hasSomethingToAskFor(): boolean {
    if (this.#options.onDemand) {
      for (const piece of this.#due)
        if (this.isOffered(piece) || (this.isUntouched(piece) && this.availability(piece) > 0)) return true;
      return false;
    }
    const unavailable = this.#seeds === 0 ? this.#buckets.bucket(0).length : 0;
    return this.#open.length > 0 || this.#buckets.size > unavailable;
  }

  get hasDeadlines(): boolean {
    return this.#due.size > 0;
  }

  /** Pieces that we lack and that a reader waits for. */
  get latePieces(): Iterable<PieceIndex> {
    return this.#late;
  }

  /** The cost of `next`, for tests: how many pieces, buckets and words it has looked at since the beginning. */
  get lookedAt(): number {
    return this.#lookedAt + this.#untouched.lookedAt;
  }

  /** A peer that has the pieces `has` joined. */
  peerJoined(has: Bitfield): void {
    if (has.isComplete) {
      this.#seeds += 1;
      return;
    }
    for (let word = 0; word < has.wordCount; word += 1) {
      for (let bits = has.word(word); bits !== 0; bits = withoutFirst(bits)) {
        this.#buckets.increment(firstPiece(word, bits));
      }
    }
  }

  /** A peer left. Undoes `peerJoined` and each `gotHave` since then; `has` must be what the peer has as it leaves. */
  peerLeft(has: Bitfield): void {
    if (has.isComplete) {
      // A peer that became complete by its haves is counted piece by piece, the other complete peers are counted as
      // seeds. The sums are the same whichever of them leaves. So we count down the seeds first, and the pieces only
      // when no seed is left.
      if (this.#seeds > 0) this.#seeds -= 1;
      else this.#buckets.decrementAll();
      return;
    }
    for (let word = 0; word < has.wordCount; word += 1) {
      for (let bits = has.word(word); bits !== 0; bits = withoutFirst(bits)) {
        this.#buckets.decrement(firstPiece(word, bits));
      }
    }
  }

  /** A peer that joined has one more piece. */
  gotHave(piece: PieceIndex): void {
    this.#buckets.increment(piece);
  }

  /** A peer that has the pieces `has` says that it lost one of them. */
  lostByPeer(has: Bitfield, piece: PieceIndex): void {
    if (!has.isComplete) {
      this.#buckets.decrement(piece);
      return;
    }
    // A seed is not counted piece by piece. From now on this peer is no seed, so its pieces are counted.
    this.peerLeft(has);
    const left = has.copy();
    left.clear(piece);
    this.peerJoined(left);
  }

  /** How many of the peers that joined have the piece. */
  availability(piece: PieceIndex): number {
    return this.#buckets.countOf(piece) + this.#seeds;
  }

  isWanted(piece: PieceIndex): boolean {
    return this.#wanted.has(piece);
  }

  /** Wanted, and no block of it has been asked for. */
  isUntouched(piece: PieceIndex): boolean {
    return this.#untouched.has(piece);
  }

  /** Wanted, started, and some block may be asked for. */
  isOffered(piece: PieceIndex): boolean {
    return this.#openPlaces.has(piece);
  }

  /**
   * A wanted piece that the peer has and we lack; undefined when there is none. It is the same piece until we have it.
   */
  interestingPiece(peerHas: Bitfield): PieceIndex | undefined {
    if (this.#missing.isEmpty) return undefined;
    const word = nextCommonWord(peerHas, this.#missing, 0, this.#missing.wordCount);
    return word < 0 ? undefined : firstPiece(word, peerHas.word(word) & this.#missing.word(word));
  }

  /** Says whether the piece is wanted. Unwanted pieces are never chosen. At first all pieces are wanted. */
  setWanted(piece: PieceIndex, wanted: boolean): void {
    if (this.#wanted.has(piece) === wanted) return;
    this.#leave(piece);
    if (wanted) this.#wanted.set(piece);
    else this.#wanted.clear(piece);
    this.#enter(piece);
  }

  /**
   * From now on these pieces have deadlines, the earliest first, and no others. `late`: those that a reader waits for.
   * Pieces that we have or do not want are passed over.
   */
  setDeadlines(due: Iterable<PieceIndex>, late: Iterable<PieceIndex>): void {
    this.#due = new Set(due);
    this.#late = new Set();
    for (const piece of late) if (this.#missing.has(piece)) this.#late.add(piece);
  }

  /** Whether we lack the piece and a reader waits for it. */
  isLate(piece: PieceIndex): boolean {
    return this.#late.has(piece);
  }

  /** Whether blocks of the piece are asked for at present: it has a deadline, or needs none. */
  isDue(piece: PieceIndex): boolean {
    return !this.#options.onDemand || this.#due.has(piece);
  }

  /** Whether one block may be asked of several peers in endgame. On demand, only readers that wait are worth that. */
  mayRepeat(piece: PieceIndex): boolean {
    return !this.#options.onDemand || this.#late.has(piece);
  }

  /** The first block of an untouched piece is asked for. */
  startPiece(piece: PieceIndex): void {
    this.#change(piece, UNTOUCHED, OPEN);
  }

  /** No block of the started piece may be asked for. The piece is not chosen until `blocksFreed`. */
  blocksRanOut(piece: PieceIndex): void {
    this.#change(piece, OPEN, FULL);
  }

  blocksFreed(piece: PieceIndex): void {
    this.#change(piece, FULL, OPEN);
  }

  /** A started piece is untouched again. */
  abandonPiece(piece: PieceIndex): void {
    const state = this.#states[piece] as number;
    this.#change(piece, state === OPEN ? OPEN : FULL, UNTOUCHED);
  }

  /** We have the piece, whatever state it was in. It is not chosen any more. */
  completePiece(piece: PieceIndex): void {
    if (this.#states[piece] === HAD) return;
    this.#change(piece, this.#states[piece] as number, HAD);
    this.#completeCount += 1;
    this.#late.delete(piece);
  }

  /** We had the piece, but the disk lost it. The piece is untouched again. */
  losePiece(piece: PieceIndex): void {
    this.#change(piece, HAD, UNTOUCHED);
    this.#completeCount -= 1;
  }

  /**
   * The piece to ask a peer for. `peerHas` are the pieces of the peer; they must have been counted by `peerJoined` and
   * `gotHave`. Undefined when the peer has no piece that may be asked for. Of the untouched pieces, the `suggested`
   * ones come first.
   */
  next(peerHas: Bitfield, suggested: readonly PieceIndex[] = []): PieceIndex | undefined {
    const due = this.#nextDue(peerHas, 'untouched or offered');
    if (due !== undefined || this.#options.onDemand) return due;
    return this.#nextOpen(peerHas) ?? this.#nextSuggested(peerHas, suggested) ?? this.#nextUntouched(peerHas);
  }

  /**
   * The pieces to ask a source for that gives a long run at a time and has the pieces `has`: the earliest run of
   * untouched pieces with deadlines; else the longest run of untouched pieces, or the first one, as `choice` says or
   * because all pieces are fetched in order. Undefined when there is none.
   */
  nextRun(has: Bitfield, choice: RunChoice): UntouchedRun | undefined {
    const due = this.#nextDue(has, 'untouched');
    if (due !== undefined) return { begin: due, length: this.#dueRunFrom(due, has) };
    if (this.#options.onDemand) return undefined;
    return this.#untouched.run(has, this.#options.sequential ? 'first' : choice);
  }

  /** An open piece in `has`, the first of a few; undefined when there is none. */
  nextOpen(has: Bitfield): PieceIndex | undefined {
    for (const piece of this.#due) if (this.isOffered(piece) && has.has(piece)) return piece;
    return this.#options.onDemand ? undefined : this.#nextOpen(has);
  }

  /** Throws when an invariant is broken. For tests. */
  check(): void {
    this.#untouched.check();
    let had = 0;
    for (let word = 0; word < this.#wanted.wordCount; word += 1) {
      for (let bits = fullBitfield(this.#wanted.length).word(word); bits !== 0; bits = withoutFirst(bits)) {
        const piece = firstPiece(word, bits);
        const state = this.#states[piece];
        const wanted = this.#wanted.has(piece);
        if (state === HAD) had += 1;
        const right =
          this.#missing.has(piece) === (wanted && state !== HAD) &&
          this.#untouched.has(piece) === (wanted && state === UNTOUCHED) &&
          this.#openPlaces.has(piece) === (wanted && state === OPEN);
        if (!right)
          throw new Error(`piece ${piece} (state ${state}, ${wanted ? '' : 'not '}wanted) is in the wrong place`);
      }
    }
    if (had !== this.#completeCount) throw new Error(`${had} pieces had, ${this.#completeCount} counted`);
    for (const [place, piece] of this.#open.entries()) {
      if (this.#openPlaces.get(piece) !== place) throw new Error(`open piece ${piece} is not where it says`);
    }
    if (this.#open.length !== this.#openPlaces.size) throw new Error('open pieces are in two minds');
  }

  /** Of the pieces in `has` that are `wanted`, the one with the earliest deadline. */
  #nextDue(has: Bitfield, wanted: 'untouched' | 'untouched or offered'): PieceIndex | undefined {
    for (const piece of this.#due) {
      this.#lookedAt += 1;
      if ((this.isUntouched(piece) || (wanted !== 'untouched' && this.isOffered(piece))) && has.has(piece))
        return piece;
    }
    return undefined;
  }

  #dueRunFrom(begin: PieceIndex, has: Bitfield): number {
    let end: number = begin + 1;
    // The numbers may reach behind the last piece, which has no deadline.
    while (this.#due.has(end as PieceIndex) && this.isUntouched(end as PieceIndex) && has.has(end as PieceIndex))
      end += 1;
    return end - begin;
  }

  #nextSuggested(peerHas: Bitfield, suggested: readonly PieceIndex[]): PieceIndex | undefined {
    if (this.#options.sequential) return undefined;
    return suggested.find((piece) => peerHas.has(piece) && this.#untouched.has(piece));
  }

  #nextUntouched(peerHas: Bitfield): PieceIndex | undefined {
    if (this.#options.sequential) return this.#untouched.first(peerHas);
    if (this.#completeCount < this.#options.randomFirst) return this.#untouched.any(peerHas);
    return this.#untouched.rarest(peerHas);
  }

  #nextOpen(peerHas: Bitfield): PieceIndex | undefined {
    const open = this.#open;
    if (open.length === 0) return undefined;
    let place = this.#random.below(open.length);
    let best: PieceIndex | undefined;
    const tries = Math.min(open.length, OPEN_LIMIT);
    for (let tried = 0; tried < tries; tried += 1) {
      const piece = open[place] as PieceIndex;
      if (peerHas.has(piece) && (best === undefined || this.#comesBefore(piece, best))) best = piece;
      place = place + 1 === open.length ? 0 : place + 1;
    }
    this.#lookedAt += tries;
    return best;
  }

  #comesBefore(piece: PieceIndex, other: PieceIndex): boolean {
    if (this.#options.sequential) return piece < other;
    return this.#buckets.countOf(piece) < this.#buckets.countOf(other);
  }

  #change(piece: PieceIndex, from: number, to: number): void {
    if (this.#states[piece] !== from) throw new Error(`piece ${piece} is in state ${this.#states[piece]}, not ${from}`);
    this.#leave(piece);
    this.#states[piece] = to;
    this.#enter(piece);
  }

  #leave(piece: PieceIndex): void {
    if (!this.#wanted.has(piece)) return;
    this.#missing.clear(piece);
    if (this.#states[piece] === UNTOUCHED) {
      this.#untouched.remove(piece);
    } else if (this.#states[piece] === OPEN) {
      const place = this.#openPlaces.get(piece) as number;
      const last = this.#open.pop() as PieceIndex;
      if (last !== piece) {
        this.#open[place] = last;
        this.#openPlaces.set(last, place);
      }
      this.#openPlaces.delete(piece);
    }
  }

  #enter(piece: PieceIndex): void {
    if (!this.#wanted.has(piece)) return;
    if (this.#states[piece] !== HAD) this.#missing.set(piece);
    if (this.#states[piece] === UNTOUCHED) {
      this.#untouched.insert(piece);
    } else if (this.#states[piece] === OPEN) {
      this.#openPlaces.set(piece, this.#open.length);
      this.#open.push(piece);
    }
  }
}
