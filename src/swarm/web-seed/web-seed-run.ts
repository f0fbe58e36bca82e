import type { Millis, Task, Timers } from '../../base/clock.js';
import type { BlockSpan } from '../../disk/storage.js';
import { Measure } from '../../measure/measure.js';
import { BLOCK_LENGTH, type PieceIndex, type PieceLayout } from '../../metainfo/piece-layout.js';
import type { BlockAsker, PieceSet } from '../download/block-asker.js';
import type { RateLimiter, RateWaiter } from '../rate-limiter.js';
import { BlockAssembler } from './block-assembler.js';
import type { FetchRange, RangeEnd, RangeFetch, RangeHead } from './fetch-range.js';
import type { FileRange, FileRanges } from './file-ranges.js';
import { faultOfEnd, judgeHead, type SeedFault } from './range-answer.js';
import type { WebSeed } from './web-seed.js';

/** What a run needs of its owner, the WebSeeds. */
export interface RunOwner {
  readonly timers: Timers;
  readonly layout: PieceLayout;
  readonly fileRanges: FileRanges;
  readonly limiter: RateLimiter;
  readonly fetchRange: FetchRange;
  /** Bytes of a file. */
  lengthOf(file: number): number;
  /** There is room for the blocks of a piece. When not, the run is told by `roomAgain`. */
  makeRoom(piece: PieceIndex): boolean;
  blockCameIn(run: WebSeedRun, span: BlockSpan, block: Buffer): boolean;
  howManyAsked(run: WebSeedRun): number;
  giveUpPiece(run: WebSeedRun, piece: PieceIndex): void;
  /** Claims more blocks of the file, all of them behind byte `from` of it. */
  claimBehind(run: WebSeedRun, file: number, from: number): readonly BlockSpan[];
  /** The run is over. What it still owes will not come. */
  ended(run: WebSeedRun): void;
}

/** A server that sends less than it says is asked for the rest after this time, this many times in a row. */
const RETRY_DELAY: Millis = 1_000;
const MAX_RETRIES = 3;
/**
 * An answer that brought this many bytes has not failed, however it ended, and the rest is asked for at once. It is a
 * block, so a server that cuts each answer short costs no more requests than the run has blocks.
 */
const FAIR_LENGTH = BLOCK_LENGTH;
/** An answer of the whole file must bring more, and the rest waits: we read again each time what we have. */
const FAIR_LENGTH_OF_WHOLE = 1024 * 1024;
/** What comes sooner than this stays with the run, even when a peer or another seed has nothing to do. */
const SOON: Millis = 500;
/** The rate of a run is the mean over this time: a short pause of the server does not change it much, its end does. */
const RATE_PERIOD: Millis = 5_000;

/**
 * Fetches a run of blocks from one web seed, over one connection: a request for each file that the run touches. Bytes
 * become blocks as they come. When there is no room for a piece, or the rate is used up, the connection is paused. A
 * socket may give far more at once than a low limit lets in. What is too much waits, so that no run goes into debt by
 * more than a block.
 */
export class WebSeedRun implements BlockAsker, RateWaiter {
  readonly sender: WebSeed;
  /** Bytes of useful blocks that came. */
  total = 0;
  /** How long it has waited for heads. */
  waited: Millis = 0;
  /** When it began. */
  readonly begunAt: Millis;
  /** Bytes of all kinds that came. Its clock stands still while we hold the server back. */
  readonly #measure = new Measure({ period: RATE_PERIOD, headStart: 0 }, 0);
  /** Since when we hold the server back; null when we do not. Before that it was held back for `#held`. */
  #heldSince: Millis | null = null;
  #held: Millis = 0;
  readonly #owner: RunOwner;
  readonly #assembler: BlockAssembler;
  readonly #ranges: FileRange[];
  #range: FileRange | null = null;
  /** Offset in the file of the next byte that we take. */
  #position = 0;
  /** How many bytes of the answer we drop before that. */
  #skip = 0;
  /** Where in the file the answer says that it ends: behind its last byte. */
  #answerEnd = 0;
  /** The server sends the whole file, and not the range alone. */
  #isWhole = false;
  #hasHead = false;
  #fetch: RangeFetch | null = null;
  #askedAt: Millis = 0;
  /** Bytes that came and wait for room, or until the limit lets them in. */
  #rest: Buffer[] = [];
  #waitsForRoom = false;
  /** Answers in a row that have failed. */
  #retries = 0;
  /** Bytes of this answer that were of use. */
  #gained = 0;
  /** We ask for the rest at once. A server that has just gone down, and may come back, answers nothing to that. */
  #isHasty = false;
  #retryTask: Task | null = null;
  /** What was told of the end of a fetch while bytes of it waited for room. */
  #afterRest: RangeEnd | null = null;
  #isOver = false;
  /** The file that is read as a whole, however far away the range is; null for none. */
  readonly #wholeFile: number | null;

  constructor(sender: WebSeed, owner: RunOwner, wholeFile: number | null) {
    this.sender = sender;
    this.#wholeFile = wholeFile;
    this.#owner = owner;
    this.#assembler = new BlockAssembler(owner.layout);
    this.#ranges = [];
    this.begunAt = owner.timers.now();
  }

  /** Fetches these blocks, which were claimed for the run. */
  begin(spans: readonly BlockSpan[]): void {
    this.#add(spans);
    this.#next();
  }

  /** There is room for pieces again, perhaps. */
  roomAgain(): void {
    if (!this.#waitsForRoom) return;
    this.#waitsForRoom = false;
    this.#goOn();
  }

  rateAllows(): void {
    this.#goOn();
  }

  blockCameFromElsewhere(): void {
    if (this.#owner.howManyAsked(this) === 0) this.end();
  }

  /** Whether the limit alone keeps it from going on. */
  get isLimited(): boolean {
    return this.#owner.limiter.holds(this);
  }

  /** Bytes that have come. */
  get arrived(): number {
    return this.#measure.total;
  }

  /** How long the server could send: the time in which we held it back does not count. */
  get time(): Millis {
    const now = this.#owner.timers.now();
    return (this.#heldSince ?? now) - this.begunAt - this.#held;
  }

  /** What the server sends of late, in bytes a second of `time`. */
  get rate(): number {
    return this.#measure.rate(this.time);
  }

  /** Bytes that are still to come. */
  get leftLength(): number {
    return this.#assembler.leftLength + this.#skip;
  }

  /** How long what is left takes at this rate. */
  get timeLeft(): Millis {
    return (this.leftLength * 1000) / this.rate;
  }

  /** Whether a piece that is still to come is in `has`. */
  owesSomeOf(has: PieceSet): boolean {
    return this.#assembler.left.some(({ piece }) => has.has(piece));
  }

  /** Whether nothing is left but the piece that is coming. */
  get isAtLastPiece(): boolean {
    const { left } = this.#assembler;
    return left[0]?.piece === left.at(-1)?.piece;
  }

  /**
   * Gives back half of the pieces, of which `has` holds some, when they will not come soon. False when there are none.
   */
  giveWay(has: PieceSet): boolean {
    const elapsed = this.#owner.timers.now() - this.begunAt;
    // A server that has sent nothing yet is given the time that an answer may take.
    const isSoon = this.total === 0 ? elapsed < 2 * SOON : (this.#assembler.leftLength * elapsed) / this.total < SOON;
    return !isSoon && this.giveHalf(has);
  }

  /** Gives back half of the pieces behind the one that is coming, if `has` holds some of the half. */
  giveHalf(has: PieceSet): boolean {
    const left = this.#assembler.left;
    const [current] = left;
    if (current === undefined || this.#isOver) return false;
    const pieces = [...new Set(left.map(({ piece }) => piece))].filter((piece) => piece !== current.piece);
    const kept = pieces.slice(0, Math.floor(pieces.length / 2));
    const given = pieces.slice(kept.length);
    if (given.length === 0 || !given.some((piece) => has.has(piece))) return false;
    this.#assembler.cut(left.findIndex(({ piece }) => piece === given[0]));
    for (const piece of given) this.#owner.giveUpPiece(this, piece);
    return true;
  }

  /** Ends the run when none of its pieces is needed now. */
  endUndue(isDue: (piece: PieceIndex) => boolean): void {
    if (!this.#assembler.left.some(({ piece }) => isDue(piece))) this.end();
  }

  /** Ends the run. */
  end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#fetch?.cancel();
    this.#fetch = null;
    this.#retryTask?.cancel();
    this.#dropRest();
    this.#owner.limiter.leave(this);
    if (this.#wholeFile !== null) this.sender.readWhole(this.#wholeFile);
    this.#owner.ended(this);
  }

  #add(spans: readonly BlockSpan[]): void {
    this.#assembler.add(spans);
    this.#ranges.push(...this.#owner.fileRanges.rangesOf(spans));
  }

  #next(): void {
    this.#fetch = null;
    const range = this.#ranges.shift();
    if (range === undefined || this.#assembler.current === undefined) {
      this.end();
      return;
    }
    this.#range = range;
    this.#position = range.begin;
    this.#retries = 0;
    this.#isHasty = false;
    this.#ask(range);
  }

  #ask({ file, end }: FileRange): void {
    const url = this.sender.urlOf(file);
    if (url === null) {
      this.#fail({ of: 'file', host: null, wait: null, message: 'it has no url there' });
      return;
    }
    this.#hasHead = false;
    this.#isWhole = false;
    this.#skip = 0;
    this.#gained = 0;
    this.#askedAt = this.#owner.timers.now();
    const { source } = this.sender.named;
    this.#fetch = this.#owner.fetchRange({ url, source, begin: this.#position, end }, this.#owner.timers, {
      gotHead: (head) => this.#gotHead(head),
      gotData: (bytes) => this.#gotData(bytes),
      ended: (outcome) => this.#ended(outcome),
    });
  }

  #gotHead(head: RangeHead): void {
    const range = this.#range;
    if (this.#isOver || range === null) return;
    this.#hasHead = true;
    this.waited += this.#owner.timers.now() - this.#askedAt;
    const length = this.#owner.lengthOf(range.file);
    const asked = { begin: this.#position, end: range.end, length };
    const verdict = judgeHead(head, asked);
    if (verdict.kind === 'no-ranges' && this.#wholeFile === range.file) {
      this.#skip = this.#position;
      this.#answerEnd = length;
      this.#isWhole = true;
    } else if (verdict.kind === 'no-ranges') {
      this.sender.givesNoRanges(range.file);
      this.end();
    } else if (verdict.kind === 'fault') this.#fail(verdict.fault);
    else {
      this.#skip = verdict.skip;
      this.#answerEnd = verdict.end;
      this.#isWhole = head.status === 200;
    }
  }

  #gotData(bytes: Buffer): void {
    if (this.#isOver) return;
    this.#measure.add(bytes.length, this.time);
    this.#rest.push(bytes);
    if (this.#heldSince === null) this.#drain();
    // The request may have begun while we hold the server back.
    else this.#fetch?.pause();
    // What waits outlives the call, and the bytes do not.
    const last = this.#rest.pop();
    if (last !== undefined) this.#rest.push(Buffer.from(last));
  }

  #ended(outcome: RangeEnd): void {
    const range = this.#range;
    if (this.#isOver || range === null) return;
    if (this.#rest.length > 0) {
      // The bytes that wait come first.
      this.#afterRest = outcome;
      return;
    }
    if (!this.#hasHead && !this.#isHasty) this.#fail(faultOfEnd(outcome));
    else this.#answered(outcome.kind === 'whole' ? 'the answer is too short' : outcome.message);
  }

  /** An answer is over. `trouble` says what is wrong with it when it is not enough. */
  #answered(trouble: string): void {
    const range = this.#range as FileRange;
    this.#fetch = null;
    if (this.#position === range.end) {
      this.#next();
      return;
    }
    const isFair = this.#gained >= (this.#isWhole ? FAIR_LENGTH_OF_WHOLE : FAIR_LENGTH);
    this.#retries = isFair ? 0 : this.#retries + 1;
    this.#isHasty = isFair && !this.#isWhole;
    if (this.#isHasty) this.#ask(range);
    else if (this.#retries > MAX_RETRIES) this.#fail({ of: 'file', host: null, wait: 'doubling', message: trouble });
    else this.#retryTask = this.#owner.timers.addTask(() => this.#ask(range), RETRY_DELAY);
  }

  /** Makes blocks of the bytes that have come, as far as there is room and the limit lets them in. */
  #drain(): void {
    const { limiter } = this.#owner;
    let allowance = limiter.allowance();
    while (this.#rest.length > 0 && allowance > 0) {
      const bytes = this.#rest[0] as Buffer;
      const taken = this.#take(bytes);
      if (taken === null || this.#isOver) return;
      limiter.spend(taken);
      allowance -= taken;
      if (taken === bytes.length) this.#rest.shift();
      else this.#rest[0] = bytes.subarray(taken);
    }
    if (allowance <= 0) {
      this.#hold();
      limiter.wait(this);
    }
    const outcome = this.#afterRest;
    if (outcome === null || this.#rest.length > 0) return;
    this.#afterRest = null;
    this.#ended(outcome);
  }

  /** How many bytes were taken; null when they must wait, or the run or its request is over. */
  #take(bytes: Buffer): number | null {
    if (this.#skip > 0) {
      const dropped = Math.min(this.#skip, bytes.length);
      this.#skip -= dropped;
      return dropped;
    }
    const range = this.#range as FileRange;
    const room = Math.min(range.end, this.#answerEnd) - this.#position;
    if (room === 0) {
      this.#gotMore();
      return null;
    }
    const span = this.#assembler.current;
    if (span === undefined) {
      this.end();
      return null;
    }
    if (!this.#owner.makeRoom(span.piece)) {
      this.#waitsForRoom = true;
      this.#hold();
      return null;
    }
    const { taken, block } = this.#assembler.feed(bytes.length > room ? bytes.subarray(0, room) : bytes);
    this.#position += taken;
    this.#gained += taken;
    if (block !== null) this.#gotBlock(span, block, range.file);
    if (this.#position === range.end && this.#isWhole && !this.#isOver) this.#extend(range);
    return taken;
  }

  #gotBlock(span: BlockSpan, block: Buffer, file: number): void {
    this.sender.worked(file);
    if (!this.#owner.blockCameIn(this, span, block)) return;
    this.total += block.length;
    this.sender.measure.add(block.length, this.#owner.timers.now());
  }

  /** The server sends the file to its end: we go on with what else we lack of it. */
  #extend({ file, end }: FileRange): void {
    if (this.#ranges.length === 0) this.#add(this.#owner.claimBehind(this, file, end));
    const [next] = this.#ranges;
    if (next === undefined || next.file !== file) return;
    this.#ranges.shift();
    this.#skip = next.begin - end;
    this.#range = next;
    this.#position = next.begin;
  }

  /** The answer is longer than what we want of it, or than it says. */
  #gotMore(): void {
    this.#fetch?.cancel();
    this.#dropRest();
    this.#afterRest = null;
    this.#answered('the answer is too short');
  }

  /** What came and is of no use has come all the same. */
  #dropRest(): void {
    for (const { length } of this.#rest) this.#owner.limiter.spend(length);
    this.#rest = [];
  }

  #hold(): void {
    this.#heldSince ??= this.#owner.timers.now();
    this.#fetch?.pause();
  }

  /** Goes on with what has come. When nothing of it must wait, the server may send again. */
  #goOn(): void {
    const { limiter, timers } = this.#owner;
    if (this.#isOver || this.#waitsForRoom) return;
    this.#drain();
    if (this.#isOver || this.#waitsForRoom || limiter.holds(this)) return;
    if (this.#heldSince !== null) this.#held += timers.now() - this.#heldSince;
    this.#heldSince = null;
    this.#fetch?.resume();
  }

  #fail(fault: SeedFault): void {
    this.sender.failed(this.#range?.file ?? null, fault);
    this.end();
  }
}
