/**
 * A storage that tells a journal of everything that is written to it. It closes when the journal has ended.
 *
 * Once `close` is called, it passes no answer on. The disk still answers then, because the journal has to hear of the
 * writes that are under way. But most callers take their next step with each answer, so all calls pass through here.
 */
import type {
  AdoptedFile,
  BlockRead,
  Candidate,
  CandidateHashOutcome,
  CandidateSearch,
  CandidatesOutcome,
  CheckOutcome,
  ConfirmOutcome,
  CopyOutcome,
  DiskRoom,
  DoneOutcome,
  FileRun,
  LeavesOutcome,
  MakeOutcome,
  PassOverOutcome,
  PieceSlot,
  Storage,
  SurveyOutcome,
  SyncOutcome,
} from '../disk/storage.js';
import { BLOCK_LENGTH, type PieceIndex, type PieceLayout } from '../metainfo/piece-layout.js';
import { sumOf } from './journal-format.js';

/** A journal hears of everything that is written to a storage. */
export interface WriteJournal {
  bytesWritten(length: number): void;
  pieceWritten(piece: PieceIndex): void;
  /** Whether it wants to hear of blocks. */
  readonly keepsBlocks: boolean;
  /** A block of a piece that is not whole has been written; `sum` as in `sumOf`. */
  blockWritten(piece: PieceIndex, block: number, sum: number): void;
  /** The hash of the piece is wrong: at least one of its written blocks is wrong. */
  pieceWrong(piece: PieceIndex): void;
  /** The storage is about to close: no call that writes comes after this. */
  end(answered: () => void): void;
  /** The storage has closed, and nothing is under way in it. */
  closed(answered: () => void): void;
}

export class JournaledStorage implements Storage {
  readonly #storage: Storage;
  readonly #layout: PieceLayout;
  readonly #journal: WriteJournal;
  /** Only where the storage has it too. */
  readonly forgetPiece?: (piece: PieceIndex) => void;
  #isClosed = false;

  constructor(storage: Storage, layout: PieceLayout, journal: WriteJournal) {
    this.#storage = storage;
    this.#layout = layout;
    this.#journal = journal;
    if (storage.forgetPiece !== undefined) this.forgetPiece = (piece) => storage.forgetPiece?.(piece);
  }

  survey(answered: (outcome: SurveyOutcome) => void): void {
    this.#storage.survey(this.#untilClosed(answered));
  }

  commitPiece(piece: PieceIndex, slot: PieceSlot, answered: (outcome: CheckOutcome) => void): void {
    const told = this.#untilClosed(answered);
    this.#storage.commitPiece(piece, slot, (outcome) => {
      if (outcome.ok && outcome.matches) {
        this.#journal.pieceWritten(piece);
        this.#journal.bytesWritten(this.#layout.lengthOf(piece));
      }
      told(outcome);
    });
  }

  makeFiles(files: readonly number[], answered: (outcome: MakeOutcome) => void): void {
    this.#storage.makeFiles(files, this.#untilClosed(answered));
  }

  writeBlock(piece: PieceIndex, begin: number, data: Buffer, answered: (outcome: DoneOutcome) => void): void {
    const { length } = data;
    const block = begin / BLOCK_LENGTH;
    const isBlock = Number.isInteger(block) && length === this.#layout.blockLength(piece, block);
    // The caller may change `data` before the answer comes.
    const sum = isBlock && this.#journal.keepsBlocks ? sumOf(data) : null;
    const told = this.#untilClosed(answered);
    this.#storage.writeBlock(piece, begin, data, (outcome) => {
      if (outcome.ok && sum !== null) this.#journal.blockWritten(piece, block, sum);
      if (outcome.ok) this.#journal.bytesWritten(length);
      told(outcome);
    });
  }

  checkPiece(piece: PieceIndex, answered: (outcome: CheckOutcome) => void): void {
    const told = this.#untilClosed(answered);
    this.#storage.checkPiece(piece, (outcome) => {
      // This check makes a piece whole that was written block by block.
      if (outcome.ok && outcome.matches) this.#journal.pieceWritten(piece);
      else if (outcome.ok) this.#journal.pieceWrong(piece);
      told(outcome);
    });
  }

  hashBlocks(piece: PieceIndex, answered: (outcome: LeavesOutcome) => void): void {
    this.#storage.hashBlocks(piece, this.#untilClosed(answered));
  }

  readBlocks(reads: readonly BlockRead[], answered: (outcome: DoneOutcome) => void): void {
    this.#storage.readBlocks(reads, this.#untilClosed(answered));
  }

  demoteFile(file: number, keepsFinal: boolean, answered: (outcome: DoneOutcome) => void): void {
    this.#storage.demoteFile(file, keepsFinal, this.#untilClosed(answered));
  }

  restoreFile(file: number, answered: (outcome: DoneOutcome) => void): void {
    this.#storage.restoreFile(file, this.#untilClosed(answered));
  }

  passOverParts(files: readonly number[], answered: (outcome: PassOverOutcome) => void): void {
    this.#storage.passOverParts(files, this.#untilClosed(answered));
  }

  useParts(files: readonly number[]): void {
    this.#storage.useParts(files);
  }

  useCopy(file: number): void {
    this.#storage.useCopy(file);
  }

  removePart(file: number, answered: (outcome: DoneOutcome) => void): void {
    this.#storage.removePart(file, this.#untilClosed(answered));
  }

  adoptFiles(files: readonly AdoptedFile[], answered: (outcome: DoneOutcome) => void): void {
    this.#storage.adoptFiles(files, this.#untilClosed(answered));
  }

  finalName(file: number): string {
    return this.#storage.finalName(file);
  }

  finishFile(file: number, answered: (outcome: DoneOutcome) => void): void {
    this.#storage.finishFile(file, this.#untilClosed(answered));
  }

  confirmFiles(
    files: readonly number[],
    isWhole: (file: number) => boolean,
    answered: (outcome: ConfirmOutcome) => void,
  ): void {
    this.#storage.confirmFiles(files, isWhole, this.#untilClosed(answered));
  }

  releaseFile(file: number | null, answered: (outcome: DoneOutcome) => void): void {
    this.#storage.releaseFile(file, this.#untilClosed(answered));
  }

  sync(also: readonly number[], answered: (outcome: SyncOutcome) => void): void {
    this.#storage.sync(also, this.#untilClosed(answered));
  }

  measureRoom(answered: (room: DiskRoom) => void): void {
    this.#storage.measureRoom(this.#untilClosed(answered));
  }

  findCandidates(search: CandidateSearch, answered: (outcome: CandidatesOutcome) => void): void {
    this.#storage.findCandidates(search, this.#untilClosed(answered));
  }

  hashCandidate(piece: PieceIndex, candidate: Candidate, answered: (outcome: CandidateHashOutcome) => void): void {
    this.#storage.hashCandidate(piece, candidate, this.#untilClosed(answered));
  }

  copyCandidate(run: FileRun, candidate: Candidate, mayShare: boolean, answered: (outcome: CopyOutcome) => void): void {
    const told = this.#untilClosed(answered);
    this.#storage.copyCandidate(run, candidate, mayShare, (outcome) => {
      if (outcome.ok) this.#journal.bytesWritten(outcome.copied);
      told(outcome);
    });
  }

  removeBorderFile(answered: (outcome: DoneOutcome) => void): void {
    this.#storage.removeBorderFile(this.#untilClosed(answered));
  }

  close(answered: () => void): void {
    this.#isClosed = true;
    this.#journal.end(() => this.#storage.close(() => this.#journal.closed(answered)));
  }

  /**
   * Passes an answer on until `close` is called. The disk still answers after that, and the journal hears what has been
   * written; only the caller does not.
   */
  #untilClosed<T>(answered: (outcome: T) => void): (outcome: T) => void {
    return (outcome) => {
      if (!this.#isClosed) answered(outcome);
    };
  }
}
