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
  readonly file: JournalFile & { release(): void };
  readonly claim: TargetClaim;
  readonly keeper: JournalKeeper;
  readonly hold: TargetHold;
  /** False: the target is only read, so that nothing is written beside it either. */
  readonly mayWrite: boolean;
  /** Whether files grow under their part names. */
  readonly partNames: boolean;
  /** False: everything is hashed, whatever the journal says. */
  readonly trustsJournal: boolean;
  /** True: even when everything is there the torrent goes on, and may be started again. */
  readonly seeds: boolean;
  readonly warned: (code: string, message: string) => void;
}

/** A torrent's claim to its paths, against the other torrents of the process. */
export interface TargetClaim {
  /** Whom it waits for, or null. */
  readonly waitsFor: { readonly name: string; readonly path: string } | null;
  /** `granted` is called once, unless it ends first; `waits` before it if it is not at once. */
  begin(granted: () => void, waits: (holder: { readonly name: string; readonly path: string }) => void): void;
  end(): void;
}

/** What a torrent waits for before it looks at the disk: another one of this process, or another process. */
export interface Wait {
  readonly on: 'torrent' | 'lock';
  readonly message: string;
}

/** What was found when the torrent started. */
export interface Findings {
  /** What each file was like before it was looked at; null for one that is not there or not ours. */
  readonly files: readonly (FileIdentity | null)[];
  readonly verified: readonly PieceIndex[];
  /** Blocks of other pieces that are there and have proved it. */
  readonly unfinished: UnfinishedPieces;
  /** Files that are not there, and may be made under their part names. */
  readonly absent: readonly number[];
  /** Those of them that were hashed without any journal's word that they had been flushed. */
  readonly unflushed: readonly PieceIndex[];
  /** Something lies aside, so that verified pieces may be written once more, where they belong. */
  readonly hasBorderFile: boolean;
}

/** One torrent's progress from one start to the next, and its claim to the target meanwhile. */
export class Resume implements WriteJournal {
  readonly #parts: ResumeParts;
  #found: FoundJournal | null = null;
  #keepsJournal: boolean;
  #isStarted = false;
  /** No journal was there when it began. */
  #isNew = false;

  constructor(parts: ResumeParts) {
    this.#parts = parts;
    this.#keepsJournal = parts.mayWrite;
  }

  /** Claims the target, and reads what is written down of it. Fails with 'target-busy' only. */
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

  /** Why the torrent waits before it looks at anything, or null. */
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

  /** What to make of what is there. `possible` are the pieces that the files are long enough for. */
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
    // It may name any file as ours.
    if (mayBeForged(this.#found) && doubt?.about !== 'mode') return nothing;
    const { files } = metainfo;
    const writtenAt = this.#found.changedAt;
    const parts = { files, layout, random, survey, possible, contents, writtenAt, partNames };
    const belief = believe(parts, DEFAULT_BELIEF_OPTIONS);
    // Whose a file is has nothing to do with what is in it; and blocks are looked at one by one in any case.
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

  /** Nothing may be written to the files before this has answered. */
  begin({ files, absent, verified, unfinished, unflushed, hasBorderFile }: Findings, answered: () => void): void {
    const { keeper, file, metainfo, layout, seeds, partNames, warned } = this.#parts;
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
    if (verified.length === layout.pieceCount && !seeds && !hasBorderFile) {
      // Nothing is to come, and the journal goes when the last file has its name.
      keeper.begin({ rewrites: false, verified: [], unfinished, files: new Map(), unflushed: [] }, answered);
      return;
    }
    // Under a final name nothing but the journal tells a file that we began from somebody else's.
    const hasNames = !partNames && files.some((identity) => identity !== null);
    const rewrites = exists || verified.length > 0 || hasNames;
    const ofFiles = filesOfPieces(metainfo.files, layout, new Set(unflushed));
    const identities = identitiesOf(files);
    for (const file of absent) if (!identities.has(file)) identities.set(file, NOT_THERE);
    this.#isNew = !exists;
    keeper.begin({ rewrites, verified, unfinished, files: identities, unflushed: ofFiles }, answered);
  }

  /**
   * The disk is prepared, and pieces may come. Nothing but zeros may be written to files that were not there before
   * this has answered: after a kill nothing else tells that they are ours.
   */
  claim(answered: () => void): void {
    if (this.#keepsJournal) this.#parts.keeper.claim(answered);
    else answered();
  }

  /** What was done for the download is undone, and it ends: no journal is left that was not there before. */
  undone(): void {
    if (this.#isNew) this.#parts.keeper.complete();
  }

  /** Whether the journal's keeper has come to know this file as the one that it was asked to keep in mind. */
  knows(file: number, identity: FileIdentity): boolean {
    return this.#parts.keeper.knows(file, identity);
  }

  /** As `begin`, when some of what was verified is gone. */
  beginAgain({ files, verified }: Findings, answered: () => void): void {
    if (!this.#keepsJournal) {
      answered();
      return;
    }
    this.#parts.keeper.beginAgain(verified, identitiesOf(files), answered);
  }

  /** The torrent begins to exchange pieces. */
  started(): void {
    this.#isStarted = true;
    this.#parts.hold.started();
  }

  /**
   * What is written before the torrent begins to exchange pieces may be zeros that take the room of what is to come.
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

  /** All is done, and nothing is left to seed. */
  complete(): void {
    this.#parts.keeper.complete();
  }

  /** The torrent ends; the disk still has to take what memory holds. */
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

  /** The torrent's tasks run no more: whatever waits is answered at once, and what is written down stays as it is. */
  abandon(): void {
    this.#parts.keeper.abandon();
    this.#parts.hold.abandon();
    this.#parts.file.release();
    this.#parts.claim.end();
  }
}

/**
 * Those under part names: a forged journal must not make a whole file of ours one that may be written over.
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
