import type { Millis, Task, Timers } from '../../base/clock.js';
import type { BlockSpan } from '../../disk/storage.js';
import type { Metainfo, TorrentFile } from '../../metainfo/metainfo.js';
import type { PieceIndex, PieceLayout } from '../../metainfo/piece-layout.js';
import type { SourcedUrl } from '../../net/url-rule.js';
import type { OtherSources, PieceSet } from '../download/block-asker.js';
import type { Downloader } from '../download/downloader.js';
import type { RateLimiter } from '../rate-limiter.js';
import type { FetchRange } from './fetch-range.js';
import { FileRanges } from './file-ranges.js';
import { WebSeed } from './web-seed.js';
import { type RunOwner, WebSeedRun } from './web-seed-run.js';

/** What WebSeeds are joined with. */
export interface WebSeedsParts {
  readonly timers: Timers;
  readonly layout: PieceLayout;
  readonly metainfo: Pick<Metainfo, 'files' | 'isFolder'>;
  readonly downloader: Downloader;
  readonly limiter: RateLimiter;
  readonly fetchRange: FetchRange;
  /** Told in a sentence what is wrong with a seed. */
  readonly told: (message: string) => void;
}

/** The web seeds of a torrent at one moment. */
export interface WebSeedsStatus {
  /** How many the torrent has. */
  readonly known: number;
  /** How many are being asked. */
  readonly inUse: number;
  /** Useful bytes that came from all of them in this run. */
  readonly received: number;
  /** What was last wrong with one of them, in a sentence without secrets; null when nothing was. */
  readonly fault: string | null;
}

export const NO_WEB_SEEDS: WebSeedsStatus = { known: 0, inUse: 0, received: 0, fault: null };

/** How web seeds are used. */
export interface WebSeedsOptions {
  /** How many seeds are asked at the same time. */
  readonly maxActive: number;
  /** The least length of a run, in bytes. */
  readonly minRun: number;
  /** The greatest length of a run, in bytes; one piece may be longer. */
  readonly maxRun: number;
  /** A run is as long as what the seed sends in this time. */
  readonly runTime: Millis;
  /** A seed gets a second run when it is at least this fast, in bytes a second. */
  readonly fastRate: number;
  /** A seed also gets a second run when it makes us wait for more than this share of the time, 0 to 1. */
  readonly waitShare: number;
  /** A run is not judged by what other seeds could do before it has had this time. */
  readonly patience: Millis;
  /** A seed keeps its place for this time, however slow it is. */
  readonly placeTime: Millis;
  /** A seed that is slower than this (bytes a second) makes way for others. */
  readonly floorRate: number;
}

export const DEFAULT_WEB_SEEDS_OPTIONS: WebSeedsOptions = {
  maxActive: 4,
  minRun: 1024 * 1024,
  maxRun: 16 * 1024 * 1024,
  runTime: 10_000,
  fastRate: 8 * 1024 * 1024,
  waitShare: 0.2,
  patience: 2_000,
  placeTime: 10_000,
  floorRate: 4 * 1024,
};

const MIN_WAIT: Millis = 1_000;

/** A run that a seed might take over from. */
interface Candidate {
  readonly run: WebSeedRun;
  readonly timeLeft: Millis;
}

/** Peers with nothing to do ask often whether something was given back. */
const GIVE_WAY_INTERVAL: Millis = 100;

/**
 * The web seeds of a torrent. Each is asked for long runs of pieces that nobody has begun; the peers are asked for the
 * rare ones. When a peer finds nothing to ask for, the seeds give back what they will not send soon. When a seed finds
 * nothing to ask for, or no place, it takes over from another one that it would be quicker than.
 */
export class WebSeeds implements OtherSources {
  readonly #parts: WebSeedsParts;
  readonly #options: WebSeedsOptions;
  readonly #seeds: readonly WebSeed[];
  readonly #runs = new Set<WebSeedRun>();
  readonly #owner: RunOwner;
  #wakeTask: Task | null = null;
  #isRunning = false;
  /** How many runs have begun. */
  #turn = 0;
  #total = 0;
  #fault: string | null = null;
  /** Until then nothing is given back. */
  #keepsUntil: Millis = Number.NEGATIVE_INFINITY;

  constructor(seeds: readonly SourcedUrl[], parts: WebSeedsParts, options: WebSeedsOptions) {
    this.#parts = parts;
    this.#options = options;
    const { timers, layout, metainfo, downloader, limiter, fetchRange } = parts;
    const fileRanges = new FileRanges(layout, metainfo.files);
    const told = (message: string): void => {
      this.#fault = message;
      parts.told(message);
    };
    const convicted = (seed: WebSeed): void => this.#endRunsOf(seed);
    this.#seeds = seeds.map((named) => new WebSeed(named, { timers, layout, metainfo, fileRanges, told, convicted }));
    this.#owner = {
      ...{ timers, layout, fileRanges, limiter, fetchRange },
      lengthOf: (file) => (metainfo.files[file] as TorrentFile).length,
      makeRoom: (piece) => downloader.makeRoom(piece),
      blockCameIn: (run, span, block) => this.#blockCameIn(run, span, block),
      howManyAsked: (run) => downloader.howManyAsked(run),
      giveUpPiece: (run, piece) => downloader.giveUpPiece(run, piece),
      claimBehind: (run, file, from) => this.#claimBehind(run, file, from),
      ended: (run) => this.#ended(run),
    };
  }

  get status(): WebSeedsStatus {
    return { known: this.#seeds.length, inUse: this.#inUse, received: this.#total, fault: this.#fault };
  }

  /** Whether a seed sends, and the limit holds it back. */
  get isLimited(): boolean {
    return [...this.#runs].some((run) => run.isLimited);
  }

  begin(): void {
    if (this.#seeds.length === 0) return;
    this.#isRunning = true;
    this.requestMore();
  }

  /** Ends everything under way. */
  stop(): void {
    this.#isRunning = false;
    this.#wakeTask?.cancel();
    this.#wakeTask = null;
    for (const run of [...this.#runs]) run.end();
  }

  /** We may be in another network, where those may be reached that could not be until now. */
  networkChanged(): void {
    for (const seed of this.#seeds) seed.networkChanged();
    this.requestMore();
  }

  requestMore(): void {
    if (!this.#isRunning) return;
    for (const run of [...this.#runs]) run.roomAgain();
    const now = this.#parts.timers.now();
    const awake = inTurn(this.#seeds.filter(({ restsUntil }) => restsUntil <= now));
    const waiting = this.#startRuns(awake.filter(({ makesWay }) => !makesWay));
    // A slow seed is better than none.
    if (this.#runs.size === 0) this.#startRuns(awake.filter(({ makesWay }) => makesWay));
    for (const seed of waiting) this.#takeOver(seed);
    this.#parts.downloader.gotNothing(this);
    this.#wakeLater(waiting.length > 0 && this.#runs.size > 0);
  }

  endUndue(isDue: (piece: PieceIndex) => boolean): void {
    for (const run of [...this.#runs]) run.endUndue(isDue);
  }

  giveWay(has: PieceSet): boolean {
    const now = this.#parts.timers.now();
    if (this.#runs.size === 0 || now < this.#keepsUntil) return false;
    for (const run of this.#runs) if (run.giveWay(has)) return true;
    this.#keepsUntil = now + GIVE_WAY_INTERVAL;
    return false;
  }

  get #inUse(): number {
    return this.#seeds.filter(({ running }) => running > 0).length;
  }

  /** Returns those that have nothing to do: they find nothing to ask for, or no place. */
  #startRuns(seeds: readonly WebSeed[]): readonly WebSeed[] {
    let active = this.#inUse;
    for (const seed of seeds) {
      if (seed.running === 0 && active >= this.#options.maxActive) continue;
      while (seed.running < seed.maxRuns && this.#startRun(seed)) if (seed.running === 1) active += 1;
    }
    return seeds.filter(({ running }) => running === 0);
  }

  /** Has `seed`, which has nothing to do, take over from the run that has the longest to go. */
  #takeOver(seed: WebSeed): void {
    const { maxActive, patience, placeTime, floorRate } = this.#options;
    const lacksPlace = this.#inUse >= maxActive;
    // Another one may just have lost its place.
    if (!lacksPlace && this.#startRun(seed)) return;
    const candidates = [...this.#runs]
      .filter((run) => run.sender !== seed && run.time >= patience)
      .map((run) => ({ run, timeLeft: run.timeLeft }))
      .sort((a, b) => (a.timeLeft === b.timeLeft ? 0 : b.timeLeft - a.timeLeft));
    if (candidates.length === 0) return;
    const usable = [seed.usable, ...seed.rangeless.map((file) => seed.usableOfWhole(file, 0))];
    // What a seed can do that has not shown it is worth a try.
    const gains = ({ run, timeLeft }: Candidate, share: number): boolean =>
      timeLeft > patience + (share * run.leftLength * 1000) / (seed.rate ?? Number.POSITIVE_INFINITY);
    // Seeds that are about equally fast do not take over from each other in turn.
    const beaten = candidates.filter((each) => gains(each, 2) && usable.some((has) => each.run.owesSomeOf(has)));
    const old = beaten.filter(({ run }) => run.time >= placeTime);
    // All of the slow ones at once: a server that gives only whole files passes what they hold once.
    const slow = new Set(old.filter(({ run }) => run.rate < floorRate).map(({ run }) => run.sender));
    const [loser] = old.filter(({ timeLeft }) => timeLeft > placeTime);
    const [last] = beaten.filter(({ run }) => run.isAtLastPiece);
    const givesHalf = (each: Candidate): boolean => gains(each, 0.5) && usable.some((has) => each.run.giveHalf(has));
    for (const each of slow) {
      each.makeWay();
      this.#endRunsOf(each);
    }
    if (slow.size > 0 || (!lacksPlace && candidates.some(givesHalf))) this.#startRun(seed);
    else if (lacksPlace && loser !== undefined) {
      this.#endRunsOf(loser.run.sender);
      this.#startRun(seed);
    } else if (!lacksPlace && last !== undefined) {
      last.run.end();
      this.#startRun(seed);
    }
  }

  #endRunsOf(seed: WebSeed): void {
    for (const run of [...this.#runs]) if (run.sender === seed) run.end();
  }

  #startRun(seed: WebSeed): boolean {
    const { downloader, timers } = this.#parts;
    const { minRun, maxRun, runTime } = this.#options;
    const length = Math.min(maxRun, Math.max(minRun, (seed.measure.rate(timers.now()) * runTime) / 1000));
    let run = new WebSeedRun(seed, this.#owner, null);
    let spans = downloader.claim(run, seed.usable, length, 'longest');
    for (const file of seed.rangeless) {
      if (spans.length > 0) break;
      run = new WebSeedRun(seed, this.#owner, file);
      spans = downloader.claim(run, seed.usableOfWhole(file, 0), length, 'first');
    }
    if (spans.length === 0) return false;
    this.#runs.add(run);
    seed.running += 1;
    this.#turn += 1;
    seed.turn = this.#turn;
    run.begin(spans);
    return true;
  }

  #claimBehind(run: WebSeedRun, file: number, from: number): readonly BlockSpan[] {
    return this.#parts.downloader.claim(run, run.sender.usableOfWhole(file, from), this.#options.minRun, 'first');
  }

  #blockCameIn(run: WebSeedRun, { piece, begin }: BlockSpan, block: Buffer): boolean {
    if (this.#parts.downloader.blockCameIn(run, piece, begin, block) !== 'wanted') return false;
    this.#total += block.length;
    return true;
  }

  #ended(run: WebSeedRun): void {
    if (!this.#runs.delete(run)) return;
    const { sender } = run;
    sender.running -= 1;
    const elapsed = Math.max(1, this.#parts.timers.now() - run.begunAt);
    const isFast = (run.total * 1000) / elapsed >= this.#options.fastRate;
    if (run.total > 0 && (isFast || run.waited / elapsed > this.#options.waitShare)) sender.wantsSecondRun();
    if (this.#showsRate(run)) sender.showed(run.rate, this.#options.floorRate);
    this.#parts.downloader.giveUp(run);
    if (this.#isRunning) this.#wakeIn(0);
  }

  /** Whether the run was long enough to show what its seed can do: little of its time is that of a request. */
  #showsRate({ sender, time, arrived }: WebSeedRun): boolean {
    const { patience, minRun } = this.#options;
    return time >= patience || arrived >= minRun / 4 || (sender.rate === null && arrived > 0);
  }

  /** Wakes us when a seed or a file may be tried again, and to judge what is under way when a seed waits for it. */
  #wakeLater(isAwaited: boolean): void {
    const now = this.#parts.timers.now();
    const next = isAwaited ? now : Math.min(...this.#seeds.map(({ changesAt }) => changesAt));
    if (next === Number.POSITIVE_INFINITY) return;
    this.#wakeIn(Math.max(MIN_WAIT, next - now));
  }

  #wakeIn(delay: Millis): void {
    this.#wakeTask?.cancel();
    this.#wakeTask = this.#parts.timers.addTask(() => {
      this.#wakeTask = null;
      this.requestMore();
    }, delay);
  }
}

/**
 * The seeds in the order in which they get places: the fast ones, those that have not shown what they can do, the
 * others; each kind in turn. One of those that have not shown it goes before the fast ones, unless one is under way:
 * else the fast ones would wait for all of them.
 */
function inTurn(seeds: readonly WebSeed[]): readonly WebSeed[] {
  const fastest = Math.max(...seeds.map(({ rate }) => rate ?? 0));
  const sorted = [...seeds].sort((a, b) => a.turn - b.turn);
  const fast = sorted.filter(({ rate }) => rate !== null && 2 * rate >= fastest);
  const slow = sorted.filter(({ rate }) => rate !== null && 2 * rate < fastest);
  const untried = sorted.filter(({ rate }) => rate === null);
  const isTrying = untried.some(({ running }) => running > 0);
  const first = isTrying ? [] : untried.splice(0, 1);
  return [...first, ...fast, ...untried, ...slow];
}
