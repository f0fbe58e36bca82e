/**
 * Finds out from verified pieces which files are whole, gives these their names, and finds out when the download is
 * done and when the seed goal is reached. Each of these is reported once.
 */
import type { Millis, Task, Timers } from '../../base/clock.js';
import type { BtgetError } from '../../base/failure.js';
import type { Storage } from '../../disk/storage.js';
import type { Metainfo } from '../../metainfo/metainfo.js';
import type { PieceIndex, PieceLayout } from '../../metainfo/piece-layout.js';
import type { SeedGoalStatus, TorrentEvents } from '../status.js';
import { inDir, type SeedGoal, type TorrentOptions } from '../torrent-options.js';
import { FileFinisher } from './file-finisher.js';
import { FileProgress } from './file-progress.js';
import type { WantedContent } from './wanted-content.js';

/** How many found pieces are handled in one turn of the loop: each may complete as many files as it has bytes. */
const PIECES_A_TURN = 256;

export interface CompletionParts {
  readonly timers: Timers;
  readonly metainfo: Metainfo;
  readonly layout: PieceLayout;
  readonly storage: Pick<Storage, 'finishFile' | 'finalName' | 'confirmFiles'>;
  /** Only its files are finished and reported. */
  readonly content: Pick<WantedContent, 'files'>;
  readonly options: TorrentOptions;
  readonly events: Pick<TorrentEvents, 'fileDone' | 'done' | 'goalReached'>;
  /** Wanted bytes that are not verified. */
  readonly amountLeft: () => number;
  /** Whether a file is lost, and what is left of it has not been checked. */
  readonly isLost: () => boolean;
  /** Uploaded bytes ÷ bytes of the wanted files. */
  readonly ratio: () => number;
  /** The disk refused to finish a file, or to look at one; `retry` tries it again. Or a file is lost. */
  readonly diskFailed: (failure: BtgetError) => void;
  readonly diskWorked: () => void;
}

export class Completion {
  readonly #parts: CompletionParts;
  #files: FileProgress;
  /** Files that were reported as done. */
  readonly #told = new Set<number>();
  readonly #finisher: FileFinisher;
  #goalWatch: SeedGoalWatch | null = null;
  /** All pieces that were found on the disk have been handled. */
  #begun = false;
  /** The last look at the files, before the download is done. */
  #look: 'none' | 'under way' | 'refused' = 'none';
  #doneTold = false;
  #stopped = false;

  constructor(parts: CompletionParts) {
    this.#parts = parts;
    this.#files = new FileProgress(parts.metainfo.files, parts.layout);
    this.#finisher = new FileFinisher({
      finishFile: (file, answered) => parts.storage.finishFile(file, answered),
      finished: (file) => {
        this.#tellFile(file);
        parts.diskWorked();
        this.#tellIfDone();
      },
      failed: parts.diskFailed,
    });
  }

  /**
   * Begins after the check. `whole` are the files that have their final name already. A torrent that only seeds gives
   * no other file its name.
   */
  begin(verified: readonly PieceIndex[], whole: ReadonlySet<number>): void {
    const { options } = this.#parts;
    const toFinish: number[] = [];
    for (const file of this.#wanted(this.#files.wholeAtOnce)) {
      // An empty file may lie behind a link of the user, through which nothing is written. Without part names one of
      // ours has its final name before it is flushed.
      if (options.partNames && whole.has(file)) this.#tellFile(file);
      else toFinish.push(file);
    }
    let next = 0;
    const goOn = (): void => {
      if (this.#stopped) return;
      for (const piece of verified.slice(next, next + PIECES_A_TURN)) {
        for (const file of this.#wanted(this.#files.pieceVerified(piece))) {
          if (whole.has(file)) this.#tellFile(file);
          else toFinish.push(file);
        }
      }
      next += PIECES_A_TURN;
      if (next < verified.length) {
        this.#parts.timers.addTask(goOn, 0);
        return;
      }
      this.#begun = true;
      if (this.#parts.options.mode === 'download') this.#finisher.finish(toFinish);
      this.#tellIfDone();
    };
    goOn();
  }

  /**
   * Begins again with the pieces that are verified now, after some files have changed. The caller must call this only
   * when `isIdle`. Nothing is reported a second time.
   */
  beginAgain(verified: readonly PieceIndex[], whole: ReadonlySet<number>): void {
    this.#begun = false;
    this.#look = 'none';
    this.#files = new FileProgress(this.#parts.metainfo.files, this.#parts.layout);
    this.#finisher.forget();
    this.begin(verified, whole);
  }

  /** Whether the disk finishes no file and looks at none at the moment. */
  get isIdle(): boolean {
    return this.#begun && this.#finisher.isIdle && this.#look !== 'under way';
  }

  /** Whether the disk has refused to finish a file, or to look at one. */
  get isRefused(): boolean {
    return this.#finisher.isRefused || this.#look === 'refused';
  }

  /** Whether the file was whole at some time in this run. */
  wasWhole(file: number): boolean {
    return this.#told.has(file);
  }

  /** How far the seed goal is; null while it is not pursued. */
  get seedGoal(): SeedGoalStatus | null {
    return this.#goalWatch?.status ?? null;
  }

  /** Tries again what the disk refused. False when there is nothing to try. */
  retry(): boolean {
    const finishes = this.#finisher.retry();
    if (this.#look !== 'refused') return finishes;
    this.#look = 'none';
    this.#tellIfDone();
    return finishes || this.#isLooking;
  }

  pieceVerified(piece: PieceIndex): void {
    this.#finisher.finish(this.#wanted(this.#files.pieceVerified(piece)));
  }

  stop(): void {
    this.#stopped = true;
    this.#goalWatch?.stop();
  }

  #wanted(files: readonly number[]): number[] {
    return files.filter((file) => this.#parts.content.files.has(file));
  }

  #tellFile(index: number): void {
    const { metainfo, storage, options, events } = this.#parts;
    const file = metainfo.files[index];
    if (file === undefined || this.#told.has(index)) return;
    this.#told.add(index);
    events.fileDone(file, inDir(storage.finalName(index), options.dir));
  }

  /** Whether there is nothing left to do but to look once more. */
  get #isAllThere(): boolean {
    const { amountLeft, isLost } = this.#parts;
    return this.#begun && amountLeft() === 0 && this.#finisher.isDone && !isLost();
  }

  get #isLooking(): boolean {
    return this.#look === 'under way';
  }

  #tellIfDone(): void {
    if (this.#doneTold || this.#isLooking || !this.#isAllThere) return;
    // A torrent that only seeds has written nothing, and has looked at all its files before.
    if (this.#parts.options.mode === 'seed') this.#tellDone();
    else this.#lookAgain();
  }

  /**
   * Nothing was written to a file since it got its name, and perhaps nothing was read: only this look tells whether
   * another program has removed, cut or replaced it meanwhile.
   */
  #lookAgain(): void {
    const { storage, content, diskFailed, diskWorked } = this.#parts;
    this.#look = 'under way';
    storage.confirmFiles([...content.files], isWhole, (outcome) => {
      if (this.#stopped) return;
      if (!outcome.ok) {
        this.#look = 'refused';
        diskFailed(outcome.failure);
        return;
      }
      this.#look = 'none';
      const lost = outcome.files.flatMap((file) => file.lost ?? []);
      for (const failure of lost) diskFailed(failure);
      if (lost.length > 0 || !this.#isAllThere) return;
      diskWorked();
      this.#tellDone();
    });
  }

  #tellDone(): void {
    this.#doneTold = true;
    const { timers, options, events, ratio } = this.#parts;
    events.done();
    if (options.seedGoal === null) events.goalReached();
    else this.#goalWatch = new SeedGoalWatch(timers, options.seedGoal, ratio, () => events.goalReached());
  }
}

/** Every file is, when the download is done. */
const isWhole = (): boolean => true;

/** How often the ratio is compared with the goal. */
const PERIOD: Millis = 500;

/** Watches a complete torrent until it has reached its seed goal, then says so once. */
class SeedGoalWatch {
  readonly #timers: Timers;
  readonly #goal: SeedGoal;
  /** Uploaded bytes ÷ bytes of the wanted files. */
  readonly #ratio: () => number;
  readonly #reached: () => void;
  readonly #beganAt: Millis;
  #task: Task;

  constructor(timers: Timers, goal: SeedGoal, ratio: () => number, reached: () => void) {
    this.#timers = timers;
    this.#goal = goal;
    this.#ratio = ratio;
    this.#reached = reached;
    this.#beganAt = timers.now();
    this.#task = timers.addTask(() => this.#look(), 0);
  }

  get status(): SeedGoalStatus {
    const { ratio, time } = this.#goal;
    const seeded = this.#timers.now() - this.#beganAt;
    return { ratio, timeLeft: time === null ? null : Math.ceil(Math.max(0, time - seeded) / 1000) };
  }

  stop(): void {
    this.#task.cancel();
  }

  #look(): void {
    const { ratio, time } = this.#goal;
    const seeded = this.#timers.now() - this.#beganAt;
    if ((ratio !== null && this.#ratio() >= ratio) || (time !== null && seeded >= time)) {
      this.#reached();
      return;
    }
    const wait = time === null ? PERIOD : Math.min(PERIOD, time - seeded);
    if (ratio !== null || time !== null) this.#task = this.#timers.addTask(() => this.#look(), wait);
  }
}
