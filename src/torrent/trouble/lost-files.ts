/**
 * Checks files that a user or a program has removed, cut or replaced while we had them. It finds out what is left of
 * them as at the start, by the same rules for what is ours. The torrent is paused meanwhile, so that nothing is written
 * to the files.
 */
import type { Millis, Timers } from '../../base/clock.js';
import type { BtgetError } from '../../base/failure.js';
import type { FileLost, FileSurvey } from '../../disk/storage.js';
import { type PieceIndex, piecesOfFile } from '../../metainfo/piece-layout.js';
import type { StorageWrapper } from '../../pieces/storage-wrapper.js';
import type { Belief } from '../../resume/belief.js';
import type { Resume } from '../../resume/resume.js';
import { ExistingData, type ExistingDataFound, type ExistingDataParts } from '../existing/existing-data.js';

/** How often we look whether the disk still finishes files. */
const PATIENCE: Millis = 100;

export interface LostFilesParts extends Omit<ExistingDataParts, 'resume' | 'prepares' | 'checking' | 'pieceFound'> {
  readonly timers: Timers;
  readonly store: Pick<StorageWrapper, 'have' | 'doubt' | 'trust'>;
  readonly resume: Pick<Resume, 'beginAgain' | 'knows'>;
  /** Whether the disk finishes no file at the moment. */
  readonly isIdle: () => boolean;
  /** Whether the file was whole in this run. Then it is ours under both of its names. */
  readonly wasWhole: (file: number) => boolean;
  /** The check is over. The pieces of `doubted` were verified before; those that `found` does not name are gone. */
  readonly checked: (found: ExistingDataFound, doubted: ReadonlySet<PieceIndex>) => void;
  readonly failed: (failure: BtgetError) => void;
}

export class LostFiles {
  readonly #parts: LostFilesParts;
  /** Lost files, by index in the metainfo; null stands for the border file. */
  readonly #lost = new Set<number | null>();
  #check: ExistingData | null = null;
  #isBusy = false;
  #stopped = false;

  constructor(parts: LostFilesParts) {
    this.#parts = parts;
  }

  get isEmpty(): boolean {
    return this.#lost.size === 0;
  }

  /** The file is lost. From now on nothing of it is served. */
  add({ file }: FileLost): void {
    this.#lost.add(file);
    this.#parts.store.doubt(this.#piecesOf([file]));
  }

  /** Begins to check what is left of the lost files. False when no file is lost. */
  check(): boolean {
    if (this.#lost.size === 0) return false;
    if (!this.#isBusy) {
      this.#isBusy = true;
      this.#whenIdle();
    }
    return true;
  }

  stop(): void {
    this.#stopped = true;
    this.#check?.stop();
  }

  #whenIdle(): void {
    if (this.#stopped) return;
    if (this.#parts.isIdle()) this.#release([...this.#lost], 0);
    else this.#parts.timers.addTask(() => this.#whenIdle(), PATIENCE);
  }

  #release(files: readonly (number | null)[], next: number): void {
    const file = files[next];
    if (file === undefined) {
      this.#survey(files);
      return;
    }
    this.#parts.storage.releaseFile(file, (outcome) => {
      if (this.#stopped) return;
      if (outcome.ok) this.#release(files, next + 1);
      else this.#failed(outcome.failure);
    });
  }

  #survey(files: readonly (number | null)[]): void {
    const { store, resume } = this.#parts;
    const doubted = new Set([...this.#piecesOf(files)].filter((piece) => store.have.has(piece)));
    this.#check = new ExistingData(
      {
        ...this.#parts,
        prepares: false,
        checking: () => undefined,
        pieceFound: () => undefined,
        resume: {
          open: (answered) => answered({ ok: true }),
          believe: (survey, possible) => this.#believe(survey, possible, doubted),
          begin: (findings, answered) => resume.beginAgain(findings, answered),
          claim: (answered) => answered(),
          undone: () => undefined,
        },
      },
      (outcome) => {
        if (!outcome.ok) {
          this.#failed(outcome.failure);
          return;
        }
        for (const file of files) this.#lost.delete(file);
        if (this.#lost.size === 0) store.trust();
        this.#isBusy = false;
        this.#parts.checked(outcome, doubted);
      },
    );
    this.#check.begin();
  }

  /** The pieces of other files are believed. The pieces of lost files have to prove themselves. */
  #believe(survey: readonly FileSurvey[], possible: readonly PieceIndex[], doubted: ReadonlySet<PieceIndex>): Belief {
    const { have } = this.#parts.store;
    const known = new Set<number>();
    for (const [file, { found, identity }] of survey.entries()) {
      const isKnown = identity !== null && this.#parts.resume.knows(file, identity);
      if (this.#lost.has(file) ? found === 'part' && isKnown : found === 'part' || this.#parts.wasWhole(file))
        known.add(file);
    }
    return {
      believed: possible.filter((piece) => have.has(piece) && !doubted.has(piece)),
      doubted: [],
      doubtedFor: 'their files',
      unknown: possible.filter((piece) => doubted.has(piece)),
      known,
      unfinished: new Map(),
    };
  }

  #failed(failure: BtgetError): void {
    this.#isBusy = false;
    this.#parts.failed(failure);
  }

  #piecesOf(files: readonly (number | null)[]): ReadonlySet<PieceIndex> {
    const { metainfo, layout } = this.#parts;
    const pieces = new Set<PieceIndex>();
    for (const index of files) {
      // The border file may hold bytes of pieces at the ends of all files.
      if (index === null) return new Set(layout.pieceIndices());
      const file = metainfo.files[index];
      if (file === undefined) continue;
      const { first, end } = piecesOfFile(file, layout);
      for (let at = first; at < end; at += 1) {
        const piece = layout.pieceIndex(at);
        if (piece !== undefined) pieces.add(piece);
      }
    }
    return pieces;
  }
}
