import type { Timers } from '../base/clock.js';
import type { BtgetError } from '../base/failure.js';
import type { Storage } from '../disk/storage.js';
import type { Metainfo } from '../metainfo/metainfo.js';
import type { PieceIndex, PieceLayout } from '../metainfo/piece-layout.js';
import { FileProgress } from '../pieces/file-progress.js';
import { FileFinisher } from './file-finisher.js';
import { filePath } from './file-path.js';
import { SeedGoalWatch } from './seed-goal-watch.js';
import type { TorrentEvents } from './status.js';
import type { TorrentOptions } from './torrent-options.js';

export interface CompletionParts {
  readonly timers: Timers;
  readonly metainfo: Metainfo;
  readonly layout: PieceLayout;
  readonly storage: Pick<Storage, 'finishFile'>;
  readonly options: TorrentOptions;
  readonly events: Pick<TorrentEvents, 'fileDone' | 'done' | 'goalReached'>;
  /** Bytes that are wanted and not verified. */
  readonly amountLeft: () => number;
  /** Uploaded ÷ size of the torrent. */
  readonly ratio: () => number;
  readonly failed: (failure: BtgetError) => void;
}

/** From verified pieces to whole files, from whole files to done, and from done to the seed goal. Each is told once. */
export class Completion {
  readonly #parts: CompletionParts;
  readonly #files: FileProgress;
  readonly #finisher: FileFinisher;
  #goalWatch: SeedGoalWatch | null = null;
  #doneTold = false;

  constructor(parts: CompletionParts) {
    this.#parts = parts;
    this.#files = new FileProgress(parts.metainfo.files, parts.layout);
    this.#finisher = new FileFinisher({
      finishFile: (file, answered) => parts.storage.finishFile(file, answered),
      finished: (file) => {
        this.#tellFile(file);
        this.#tellIfDone();
      },
      failed: parts.failed,
    });
  }

  /** The check is over. `whole` are the files that have their name already; a torrent that only seeds names no others. */
  begin(verified: readonly PieceIndex[], whole: ReadonlySet<number>): void {
    const toFinish = [...this.#files.wholeAtOnce];
    for (const piece of verified) {
      for (const file of this.#files.pieceVerified(piece)) {
        if (whole.has(file)) this.#tellFile(file);
        else toFinish.push(file);
      }
    }
    if (this.#parts.options.mode === 'download') this.#finisher.finish(toFinish);
    this.#tellIfDone();
  }

  pieceVerified(piece: PieceIndex): void {
    this.#finisher.finish(this.#files.pieceVerified(piece));
  }

  stop(): void {
    this.#goalWatch?.stop();
  }

  #tellFile(index: number): void {
    const { metainfo, options, events } = this.#parts;
    const file = metainfo.files[index];
    if (file !== undefined) events.fileDone(file, filePath(file, options));
  }

  #tellIfDone(): void {
    if (this.#doneTold || this.#parts.amountLeft() > 0 || !this.#finisher.isDone) return;
    this.#doneTold = true;
    const { timers, options, events, ratio } = this.#parts;
    events.done();
    if (options.seedGoal === null) events.goalReached();
    else this.#goalWatch = new SeedGoalWatch(timers, options.seedGoal, ratio, () => events.goalReached());
  }
}
