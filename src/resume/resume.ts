/**
 * What one torrent needs to go on where its last run stopped: its journal, and its claim to the target while it runs.
 * It claims the target in `open` and gives it back in `closed` or `abandon`.
 */
import type { Timers } from '../base/clock.js';
import type { Random } from '../base/random.js';
import type { DoneOutcome, FileIdentity, FileSurvey } from '../disk/storage.js';
import { type FoundJournal, type JournalFile, mayBeForged } from '../disk/target.js';
import type { Metainfo } from '../metainfo/metainfo.js';
import { filesOfPieces, type PieceIndex, type PieceLayout } from '../metainfo/piece-layout.js';
import { type Belief, believe, DEFAULT_BELIEF_OPTIONS, unfinishedIn } from './belief.js';
import type { JournalOwner, UnfinishedPieces } from './journal-format.js';
import type { JournalKeeper } from './journal-keeper.js';
import type { WriteJournal } from './journaled-storage.js';
import { NOT_THERE } from './own-journal.js';
import { isJournal, readJournal } from './read-journal.js';
import type { TargetHold } from './target-hold.js';

export interface ResumeParts {
  readonly timers: Timers;
  readonly random: Random;
  readonly metainfo: Metainfo;
  readonly layout: PieceLayout;
  readonly owner: JournalOwner;
  readonly file: JournalFile & { release(): void; readonly othersPath: string | null };
  readonly claim: TargetClaim;
  readonly keeper: JournalKeeper;
  readonly hold: TargetHold;
  /** False: the torrent only reads the target, so it writes no journal beside it either. */
  readonly mayWrite: boolean;
  /** Whether the file is one of the selection. */
  readonly isWanted: (file: number) => boolean;
  /** Whether files grow under their part names. */
  readonly partNames: boolean;
  /** False: everything is hashed, whatever the journal says. */
  readonly trustsJournal: boolean;
  /** True: the torrent goes on when everything is there, and may be started again, so the journal is kept. */
  readonly seeds: boolean;
  readonly warned: (code: string, message: string) => void;
}

/** A torrent's claim to its paths. It keeps other torrents of the process off them. */
export interface TargetClaim {
  /** The torrent that it waits for, and a path that both have; null while it does not wait. */
  readonly waitsFor: { readonly name: string; readonly path: string } | null;
  /** Calls `granted` once, unless the claim ends first. When it has to wait, it calls `waits` before. */
  begin(granted: () => void, waits: (holder: { readonly name: string; readonly path: string }) => void): void;
  end(): void;
}

/** What a torrent waits for before it looks at the disk: another torrent of this process, or another process. */
export interface Wait {
  readonly on: 'torrent' | 'lock';
  readonly message: string;
}

/** What the disk held when the torrent started. */
export interface Findings {
  /** The identity of each file before it was read; null when the file is not there or not ours. */
  readonly files: readonly (FileIdentity | null)[];
  readonly verified: readonly PieceIndex[];
  /** Blocks of other pieces that are on the disk and have proved themselves. */
  readonly unfinished: UnfinishedPieces;
  /** Files that are not there, and that the download may make under their part names. */
  readonly absent: readonly number[];
  /** Files that are not selected, that the journal of an earlier run names as ours, and that are not whole. */
  readonly leftBegun: readonly number[];
  /** Verified pieces that were hashed, and of which no journal says that they were flushed. */
  readonly unflushed: readonly PieceIndex[];
  /** There is a border file, so verified pieces may be written once more, to where they belong. */
  readonly hasBorderFile: boolean;
}

export class Resume implements WriteJournal {
  readonly #parts: ResumeParts;
  #found: FoundJournal | null = null;
  #keepsJournal: boolean;
  #isStarted = false;
  /** There was no journal when this run began. */
  #isNew = false;
  #leavesBegun = false;

  constructor(parts: ResumeParts) {
    this.#parts = parts;
    this.#keepsJournal = parts.mayWrite;
  }

  /** Claims the target, then reads its journal. Fails with 'target-busy' only. */
  open(answered: (outcome: DoneOutcome) => void): void {
    const { claim, timers, warned } = this.#parts;
    let hasWaited = false;
    claim.begin(
      () =>
        timers.addTask(() => {
          if (hasWaited) warned('resumed', 'its turn has come; going on');
          this.#hold(answered);
        }, 0),
      (holder) => {
        hasWaited = true;
        warned('waiting', turnSentence(holder));
      },
    );
  }

  /** The path of the journal of another torrent of the same name, when one lies beside the files; else null. */
  get othersJournal(): string | null {
    return this.#parts.file.othersPath;
  }

  /** What the torrent waits for before it looks at the disk, or null. */
  get waitsFor(): Wait | null {
    const { claim, hold } = this.#parts;
    if (claim.waitsFor !== null) return { on: 'torrent', message: turnSentence(claim.waitsFor) };
    return hold.waitsFor === null ? null : { on: 'lock', message: hold.waitsFor };
  }

  #hold(answered: (outcome: DoneOutcome) => void): void {
    const { hold, file, timers, mayWrite, warned } = this.#parts;
    hold.begin(mayWrite, (outcome) => {
      if (!outcome.ok) {
        answered(outcome);
        return;
      }
      file.read((reading) => {
        timers.addTask(() => {
          if (reading.ok) this.#found = reading.found;
          else {
            this.#keepsJournal = false;
            if (mayWrite) warned('no-journal', `no resume journal is kept: ${reading.failure.message}`);
          }
          answered({ ok: true });
        }, 0);
      });
    });
  }

  /** Decides what to believe of the journal. `possible` are the pieces that the files are long enough for. */
  believe(survey: readonly FileSurvey[], possible: readonly PieceIndex[]): Belief {
    const { metainfo, layout, owner, random, partNames, trustsJournal } = this.#parts;
    const nothing = {
      believed: [],
      doubted: [],
      doubtedFor: 'their files',
      unknown: possible,
      known: new Set<number>(),
      unfinished: new Map(),
    } as const;
    const contents = this.#found === null ? null : readJournal(this.#found.bytes, owner);
    if (this.#found === null || contents === null) return nothing;
    if (trustsJournal && possible.length > 0) this.#sayDoubt(this.#found);
    const { doubt } = this.#found;
    // A forged journal may name any file as ours.
    if (mayBeForged(this.#found) && doubt?.about !== 'mode') return nothing;
    const { files } = metainfo;
    const writtenAt = this.#found.changedAt;
    const parts = { files, layout, random, survey, possible, contents, writtenAt, partNames };
    const belief = believe(parts, DEFAULT_BELIEF_OPTIONS);
    // The journal may still say which files are ours. That says nothing of their bytes. And every block has to prove
    // itself in any case.
    const known = doubt?.about === 'mode' ? partsOf(belief.known, survey) : belief.known;
    if (!trustsJournal || doubt !== null) return { ...nothing, known, unfinished: unfinishedIn(contents, layout) };
    return belief;
  }

  #sayDoubt({ doubt }: FoundJournal): void {
    if (doubt === null) return;
    const { file, warned } = this.#parts;
    warned(
      'journal-not-believed',
      `everything is hashed, since another user may have put ${file.path} there: it ${doubt.why}`,
    );
  }

  /** Begins the journal of this run. The caller must write nothing to the files before this has answered. */
  begin(findings: Findings, answered: () => void): void {
    const { files, absent, leftBegun, verified, unfinished, unflushed, hasBorderFile } = findings;
    const { keeper, file, metainfo, layout, seeds, partNames, warned } = this.#parts;
    this.#leavesBegun = leftBegun.length > 0;
    if (this.#found !== null && !isJournal(this.#found.bytes)) {
      this.#keepsJournal = false;
      warned('no-journal', `no resume journal is kept: ${file.path} exists and is none`);
    }
    if (!this.#keepsJournal) {
      answered();
      return;
    }
    const exists = this.#found !== null;
    this.#found = null;
    if (verified.length === layout.pieceCount && !seeds && !hasBorderFile && !this.#leavesBegun) {
      // Nothing is left to fetch. The journal of the last run is removed when the last file has its name.
      keeper.begin({ rewrites: false, verified: [], unfinished, files: new Map(), unflushed: [] }, answered);
      return;
    }
    // When files grow under their final names, only the journal tells a file that we began from a stranger's.
    const hasNames = !partNames && files.some((identity) => identity !== null);
    const rewrites = exists || verified.length > 0 || hasNames;
    const ofFiles = filesOfPieces(metainfo.files, layout, new Set(unflushed));
    const identities = identitiesOf(files);
    for (const file of absent) if (!identities.has(file)) identities.set(file, NOT_THERE);
    this.#isNew = !exists;
    keeper.begin({ rewrites, verified, unfinished, files: identities, unflushed: ofFiles }, answered);
  }

  /**
   * Writes down which files are ours. Until this has answered, the caller must write only zeros to files that were not
   * there before: after a kill only the journal tells that they are ours.
   */
  claim(answered: () => void): void {
    if (this.#keepsJournal) this.#parts.keeper.claim(answered);
    else answered();
  }

  /** The download has failed before it began, and all is undone: a journal that this run made is removed at the end. */
  undone(): void {
    if (this.#isNew) this.#parts.keeper.complete();
  }

  /** Whether this is the file that the journal has under this index: inode and birth are the same. */
  knows(file: number, identity: FileIdentity): boolean {
    return this.#parts.keeper.knows(file, identity);
  }

  /**
   * As `begin`, but for a torrent that runs already and has lost verified pieces. It has written to no file outside its
   * selection, so what was written down of these stays true, and none of them is ours that was not before.
   */
  beginAgain({ files, verified }: Findings, answered: () => void): void {
    if (!this.#keepsJournal) {
      answered();
      return;
    }
    const { keeper, isWanted } = this.#parts;
    const identities = new Map<number, FileIdentity>();
    for (const [file, identity] of identitiesOf(files)) {
      const record = isWanted(file) ? identity : keeper.recordOf(file, identity);
      if (record !== null) identities.set(file, record);
    }
    keeper.beginAgain(verified, identities, answered);
  }

  /** The torrent begins to exchange pieces. */
  started(): void {
    this.#isStarted = true;
    this.#parts.hold.started();
  }

  /**
   * Blocks that are written before the torrent exchanges pieces may be zeros that only take up room on the disk.
   */
  get keepsBlocks(): boolean {
    return this.#isStarted && this.#keepsJournal;
  }

  bytesWritten(length: number): void {
    this.#parts.keeper.bytesWritten(length);
  }

  pieceWritten(piece: PieceIndex): void {
    this.#parts.keeper.pieceWritten(piece);
  }

  blockWritten(piece: PieceIndex, block: number, sum: number): void {
    this.#parts.keeper.blockWritten(piece, block, sum);
  }

  pieceWrong(piece: PieceIndex): void {
    this.#parts.keeper.pieceWrong(piece);
  }

  /**
   * Whether files of an earlier run stay as they are, begun and not selected in this one. Then what is kept beside the
   * download stays when this run is done: the run that wants them goes on with it.
   */
  get leavesBegun(): boolean {
    return this.#leavesBegun;
  }

  /** The download is complete and nothing is left to seed. */
  complete(): void {
    if (!this.#leavesBegun) this.#parts.keeper.complete();
  }

  /** The torrent is about to end. The disk still has to write what memory holds. */
  closing(): void {
    this.#parts.keeper.closing();
  }

  end(answered: () => void): void {
    this.#parts.keeper.end(answered);
  }

  closed(answered: () => void): void {
    const { hold, file, claim } = this.#parts;
    hold.end(() => {
      file.release();
      claim.end();
      answered();
    });
  }

  /**
   * The torrent's context has ended, so its tasks no longer run. Calls that wait are answered at once, and the journal
   * stays as it is.
   */
  abandon(): void {
    this.#parts.keeper.abandon();
    this.#parts.hold.abandon();
    this.#parts.file.release();
    this.#parts.claim.end();
  }
}

/**
 * Those files in `known` that lie under part names. A forged journal must not let us write over a user's whole file.
 */
function partsOf(known: ReadonlySet<number>, survey: readonly FileSurvey[]): ReadonlySet<number> {
  return new Set([...known].filter((file) => survey[file]?.found === 'part' && !survey[file].bothNames));
}

function identitiesOf(files: Findings['files']): Map<number, FileIdentity> {
  const identities = new Map<number, FileIdentity>();
  for (const [index, identity] of files.entries()) if (identity !== null) identities.set(index, identity);
  return identities;
}

function turnSentence({ name, path }: { readonly name: string; readonly path: string }): string {
  return `waiting for ${name}, which is at work on ${path} too`;
}
