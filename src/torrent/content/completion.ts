import type { Task, Timers } from '../../base/clock.js';
import type { BtgetError } from '../../base/failure.js';
import type { Storage } from '../../disk/storage.js';
import type { Metainfo } from '../../metainfo/metainfo.js';
import type { PieceIndex, PieceLayout } from '../../metainfo/piece-layout.js';
import type { TorrentEvents } from '../status.js';
import { inDir, type SeedGoal, type TorrentOptions } from '../torrent-options.js';
import { FileFinisher } from './file-finisher.js';
import { FileProgress } from './file-progress.js';
import type { WantedContent } from './wanted-content.js';

/** Pieces found on the disk that are gone through in one turn of the loop: each may end as many files as it is long. */
const PIECES_A_TURN = 256;

export interface CompletionParts {
  readonly timers: Timers;
  readonly metainfo: Metainfo;
  readonly layout: PieceLayout;
  readonly storage: Pick<Storage, 'finishFile' | 'finalName'>;
  /** Whose files are finished and told of. */
  readonly content: Pick<WantedContent, 'files'>;
  readonly options: TorrentOptions;
  readonly events: Pick<TorrentEvents, 'fileDone' | 'done' | 'goalReached'>;
  /** Bytes that are wanted and not verified. */
  readonly amountLeft: () => number;
  /** Uploaded ÷ size of what is wanted. */
  readonly ratio: () => number;
  /** The disk refused something; `retry` tries it again. */
  readonly diskFailed: (failure: BtgetError) => void;
  readonly diskWorked: () => void;
}

/** From verified pieces to whole files, from whole files to done, and from done to the seed goal. Each is told once. */
export class Completion {
  readonly #parts: CompletionParts;
  #files: FileProgress;
  /** Files that were told of. */
  readonly #told = new Set<number>();
  readonly #finisher: FileFinisher;
  #goalWatch: SeedGoalWatch | null = null;
  /** Everything that was found on the disk has been gone through. */
  #begun = false;
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
   * The check is over. `whole` are the files that have their name already; a torrent that only seeds names no others.
   */
  begin(verified: readonly PieceIndex[], whole: ReadonlySet<number>): void {
    const toFinish = this.#wanted(this.#files.wholeAtOnce);
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
   * Some files are no longer what they were: begins again with what is verified now, when nothing is under way. What
   * was told is not told again.
   */
  beginAgain(verified: readonly PieceIndex[], whole: ReadonlySet<number>): void {
    this.#files = new FileProgress(this.#parts.metainfo.files, this.#parts.layout);
    this.#finisher.forget();
    this.begin(verified, whole);
  }

  /** The disk is at work on no file. */
  get isIdle(): boolean {
    return this.#begun && this.#finisher.isIdle;
  }

  /** The disk refuses to finish some file. */
  get isRefused(): boolean {
    return this.#finisher.isRefused;
  }

  /** Whether the file was whole at some time of this run. */
  wasWhole(file: number): boolean {
    return this.#told.has(file);
  }

  /** Tries again what the disk refused. False when it refused nothing. */
  retry(): boolean {
    return this.#finisher.retry();
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

  #tellIfDone(): void {
    if (!this.#begun || this.#doneTold || this.#parts.amountLeft() > 0 || !this.#finisher.isDone) return;
    this.#doneTold = true;
    const { timers, options, events, ratio } = this.#parts;
    events.done();
    if (options.seedGoal === null) events.goalReached();
    else this.#goalWatch = new SeedGoalWatch(timers, options.seedGoal, ratio, () => events.goalReached());
  }
}

// How often the ratio is looked at.
const PERIOD = 500;

/** Watches a complete torrent until it has given enough, then says so once. */
class SeedGoalWatch {
  readonly #timers: Timers;
  readonly #goal: SeedGoal;
  /** Uploaded ÷ size of the torrent. */
  readonly #ratio: () => number;
  readonly #reached: () => void;
  readonly #beganAt: number;
  #task: Task;

  constructor(timers: Timers, goal: SeedGoal, ratio: () => number, reached: () => void) {
    this.#timers = timers;
    this.#goal = goal;
    this.#ratio = ratio;
    this.#reached = reached;
    this.#beganAt = timers.now();
    this.#task = timers.addTask(() => this.#look(), 0);
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
