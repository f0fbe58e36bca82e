/**
 * Cares for a torrent whose disk refuses something: pauses the torrent, checks files that were lost, and lets it go on.
 */
import type { BtgetError } from '../../base/failure.js';
import { FileLost } from '../../disk/storage.js';
import type { PieceIndex } from '../../metainfo/piece-layout.js';
import type { Completion } from '../content/completion.js';
import type { ContentProgress } from '../content/wanted-content.js';
import type { ExistingDataFound } from '../existing/existing-data.js';
import type { JoinedSwarm } from '../join-swarm.js';
import { DEFAULT_DISK_PAUSE_OPTIONS, DiskPause } from './disk-pause.js';
import { LostFiles, type LostFilesParts } from './lost-files.js';

export interface DiskCareParts
  extends Omit<LostFilesParts, 'store' | 'isIdle' | 'wasWhole' | 'checked' | 'failed' | 'warned'> {
  readonly swarm: Pick<JoinedSwarm, 'store' | 'downloader' | 'connecter'>;
  readonly completion: Completion;
  readonly progress: ContentProgress;
  /** Pieces are gone, so that peers are needed again. */
  readonly piecesLost: () => void;
  readonly warned: (code: string, message: string) => void;
  /** The disk will not recover, or we cannot know what it holds: the torrent ends. */
  readonly failed: (failure: BtgetError) => void;
}

export class DiskCare {
  readonly #parts: DiskCareParts;
  readonly #pause: DiskPause;
  readonly #lost: LostFiles;
  /** The torrent waits until we know what is left of lost files, and not until the disk works. */
  #isLookingAtFiles = false;

  constructor(parts: DiskCareParts) {
    this.#parts = parts;
    const { swarm, completion } = parts;
    this.#lost = new LostFiles({
      ...parts,
      store: swarm.store,
      isIdle: () => completion.isIdle,
      wasWhole: (file) => completion.wasWhole(file),
      checked: (found, doubted) => this.#checked(found, doubted),
      failed: (failure) => this.refused(failure),
    });
    this.#pause = new DiskPause(
      {
        timers: parts.timers,
        hold: (held) => swarm.store.hold(held),
        isClear: () => this.#lost.isEmpty && !completion.isRefused,
        retry: () => this.#retry(),
        paused: (failure) => {
          this.#isLookingAtFiles = failure instanceof FileLost;
          const what = this.#isLookingAtFiles ? 'looking at what is there' : 'waiting for the disk';
          parts.warned(failure.code, `${failure.message}; ${what}`);
        },
        resumed: () => {
          completion.retry();
          parts.warned('resumed', this.#isLookingAtFiles ? 'going on' : 'the disk works again; going on');
        },
        failed: (failure) => parts.failed(failure),
      },
      DEFAULT_DISK_PAUSE_OPTIONS,
    );
  }

  /** The last failure of the disk; null while the disk works. */
  get failure(): BtgetError | null {
    return this.#pause.failure;
  }

  /** Whether a file is lost, and what is left of it has not been checked. */
  get isLost(): boolean {
    return !this.#lost.isEmpty;
  }

  /** The disk has refused something. */
  refused(failure: BtgetError): void {
    if (failure instanceof FileLost) this.#lost.add(failure);
    this.#pause.refused(failure);
  }

  /** The disk has done something that the torrent asked for. */
  worked(): void {
    this.#pause.worked();
  }

  stop(): void {
    this.#pause.stop();
    this.#lost.stop();
  }

  #retry(): boolean {
    if (this.#lost.check()) return true;
    const { swarm, completion } = this.#parts;
    // Whole pieces come first, because writing them frees memory.
    const writes = swarm.store.retry();
    return completion.retry() || writes;
  }

  #checked(found: ExistingDataFound, doubted: ReadonlySet<PieceIndex>): void {
    const { swarm, completion, progress, options, piecesLost, warned } = this.#parts;
    const mayWrite = options.mode === 'download';
    const { downloader, connecter } = swarm;
    const verified = new Set<number>(found.verified);
    const gone = [...doubted].filter((piece) => !verified.has(piece));
    for (const piece of gone) {
      downloader.lost(piece);
      progress.pieceLost(piece);
      if (!mayWrite) downloader.setWanted(piece, false);
    }
    const count = gone.length === 1 ? '1 piece is' : `${gone.length} pieces are`;
    if (gone.length > 0) warned('pieces-lost', `${count} gone and ${mayWrite ? 'fetched again' : 'no longer served'}`);
    completion.beginAgain(found.verified, found.whole);
    connecter.piecesLost(gone, doubted);
    if (gone.length > 0 && mayWrite) piecesLost();
    this.#pause.worked();
  }
}
