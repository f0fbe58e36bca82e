/**
 * Checks files that a user or a program has removed, cut or replaced while we had them. It finds out what is left of
 * them as at the start, by the same rules for what is ours. The torrent is paused meanwhile, so that nothing is written
 * to the files.
 */
import type { Millis, Timers } from '../../base/clock.js';
import type { BtgetError } from '../../base/failure.js';
import { isSameInode } from '../../disk/same-file.js';
import type { ConfirmedFile, FileIdentity, FileLost, FileSurvey } from '../../disk/storage.js';
import { type PieceIndex, piecesOfFile } from '../../metainfo/piece-layout.js';
import { SharedPieces } from '../../metainfo/shared-pieces.js';
import type { StorageWrapper } from '../../pieces/storage-wrapper.js';
import type { Belief } from '../../resume/belief.js';
import type { Resume } from '../../resume/resume.js';
import { ExistingData, type ExistingDataFound, type ExistingDataParts } from '../existing/existing-data.js';

/** How often we look whether the disk still finishes files. */
const PATIENCE: Millis = 100;
/** How many files are released at once. */
const RELEASED_AT_ONCE = 256;

export interface LostFilesParts extends Omit<ExistingDataParts, 'resume' | 'prepares' | 'checking' | 'pieceFound'> {
  readonly timers: Timers;
  readonly store: Pick<StorageWrapper, 'have' | 'doubt' | 'trust'>;
  readonly resume: Pick<Resume, 'beginAgain' | 'knows'>;
  /** Whether the disk finishes no file at the moment. */
  readonly isIdle: () => boolean;
  /** Whether the file was whole in this run. Then it is ours, as long as it is the same file. */
  readonly wasWhole: (file: number) => boolean;
  /**
   * The check is over. `found` names all pieces that are verified now. Those of `doubted` were verified before, and the
   * others among them are gone.
   */
  readonly checked: (found: ExistingDataFound, doubted: ReadonlySet<PieceIndex>) => void;
  readonly failed: (failure: BtgetError) => void;
}

/** What a check believes by. */
interface Grounds {
  readonly survey: readonly FileSurvey[];
  /** The pieces that the files are long enough for. */
  readonly possible: readonly PieceIndex[];
  /** The pieces that were verified when the check began. */
  readonly had: ReadonlySet<PieceIndex>;
  /** Those of them that have bytes in lost files. */
  readonly doubted: ReadonlySet<PieceIndex>;
  /** Files that are still the ones that we had, lost or not. */
  readonly ours: ReadonlyMap<number, FileIdentity>;
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
      this.#whenIdle(() => this.#confirm());
    }
    return true;
  }

  stop(): void {
    this.#stopped = true;
    this.#check?.stop();
  }

  #whenIdle(goOn: () => void): void {
    if (this.#stopped) return;
    if (this.#parts.isIdle()) goOn();
    else this.#parts.timers.addTask(() => this.#whenIdle(goOn), PATIENCE);
  }

  /**
   * Looks which other files are lost too: whoever moves a folder away takes more than the file that we wrote to. After
   * this a survey speaks of the files that we have, or of strangers' in their places.
   */
  #confirm(): void {
    const { metainfo, storage, wasWhole } = this.#parts;
    storage.confirmFiles([...metainfo.files.keys()], wasWhole, (outcome) => {
      if (this.#stopped) return;
      if (!outcome.ok) {
        this.#failed(outcome.failure);
        return;
      }
      for (const { lost } of outcome.files) if (lost !== null) this.add(lost);
      this.#release([...this.#lost], 0, oursIn(outcome.files, wasWhole));
    });
  }

  #release(files: readonly (number | null)[], begin: number, ours: ReadonlyMap<number, FileIdentity>): void {
    const some = files.slice(begin, begin + RELEASED_AT_ONCE);
    let due = some.length;
    let refusal: BtgetError | null = null;
    if (due === 0) this.#survey(files, ours);
    for (const file of some) {
      this.#parts.storage.releaseFile(file, (outcome) => {
        if (this.#stopped) return;
        due -= 1;
        if (!outcome.ok) refusal ??= outcome.failure;
        if (due > 0) return;
        if (refusal === null) this.#release(files, begin + RELEASED_AT_ONCE, ours);
        else this.#failed(refusal);
      });
    }
  }

  #survey(files: readonly (number | null)[], ours: ReadonlyMap<number, FileIdentity>): void {
    const { store, layout, resume } = this.#parts;
    const had = new Set([...layout.pieceIndices()].filter((piece) => store.have.has(piece)));
    const doubted = new Set([...this.#piecesOf(files)].filter((piece) => had.has(piece)));
    this.#check = new ExistingData(
      {
        ...this.#parts,
        prepares: false,
        checking: () => undefined,
        pieceFound: () => undefined,
        resume: {
          open: (answered) => answered({ ok: true }),
          believe: (survey, possible) => this.#believe({ survey, possible, had, doubted, ours }),
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
        this.#whenIdle(() => this.#checked(files, outcome, had, doubted));
      },
    );
    this.#check.begin();
  }

  #checked(
    files: readonly (number | null)[],
    found: ExistingDataFound,
    had: ReadonlySet<PieceIndex>,
    doubted: ReadonlySet<PieceIndex>,
  ): void {
    const { store, layout, checked } = this.#parts;
    const proved = new Set(found.verified);
    // A piece for which its files are too short was neither believed nor hashed.
    const gone = [...had].filter((piece) => !proved.has(piece));
    // A piece that was being written when the check began is not in it.
    const isThere = (piece: PieceIndex): boolean => store.have.has(piece) && (proved.has(piece) || !had.has(piece));
    const verified = [...layout.pieceIndices()].filter(isThere);
    for (const file of files) this.#lost.delete(file);
    if (this.#lost.size === 0) store.trust();
    this.#isBusy = false;
    checked({ ...found, verified }, new Set([...doubted, ...gone]));
  }

  /** The pieces of other files are believed. The pieces of lost files have to prove themselves. */
  #believe({ survey, possible, had, doubted, ours }: Grounds): Belief {
    const { resume, options } = this.#parts;
    const known = new Set<number>();
    const strange = new Set<PieceIndex>();
    for (const [file, { found, identity }] of survey.entries()) {
      const then = ours.get(file);
      const isOurs = then !== undefined && identity !== null && isSameInode(then, identity);
      // A whole file that another program has moved to its part name, and a part that it has cut.
      const isInJournal = identity !== null && resume.knows(file, identity);
      if (isOurs || (isInJournal && (found === 'part' || !options.partNames))) known.add(file);
      // It was lost after we had looked whether it is.
      if (then !== undefined && !isOurs) for (const piece of this.#piecesOf([file])) strange.add(piece);
    }
    const gone = this.#piecesAside();
    const isBelieved = (piece: PieceIndex): boolean => had.has(piece) && !doubted.has(piece) && !strange.has(piece);
    return {
      believed: possible.filter(isBelieved),
      doubted: [],
      doubtedFor: 'their files',
      gone,
      unknown: possible.filter((piece) => had.has(piece) && !isBelieved(piece) && !gone.has(piece)),
      known,
      // A file that was only cut is right as far as it goes. So a wrong piece shows that a copy took its place.
      unproved: new Set([...known].filter((file) => this.#lost.has(file) && survey[file]?.found === 'final')),
      unfinished: new Map(),
    };
  }

  /**
   * The pieces that lost files share with files that are not selected. The border file has them as a whole, so their
   * hashes say nothing of the lost files, and only a write puts their bytes there.
   */
  #piecesAside(): ReadonlySet<number> {
    const { metainfo, layout, content } = this.#parts;
    if (content.isAll) return new Set();
    const shared = new SharedPieces(metainfo.files, layout);
    const selected = [...this.#lost].filter((file) => file !== null && content.files.has(file));
    return new Set([...this.#piecesOf(selected)].filter((piece) => shared.has(piece)));
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

/** The files that we write to or have made whole, as they are now; without those that are gone. */
function oursIn(
  files: readonly ConfirmedFile[],
  wasWhole: (file: number) => boolean,
): ReadonlyMap<number, FileIdentity> {
  const ours = new Map<number, FileIdentity>();
  for (const { file, identity, isWritten } of files)
    if (identity !== null && (isWritten || wasWhole(file))) ours.set(file, identity);
  return ours;
}
