import type { Timers } from '../base/clock.js';
import type {
  AdoptedFile,
  BlockRead,
  CheckOutcome,
  DiskRoom,
  DoneOutcome,
  MakeOutcome,
  PassOverOutcome,
  PieceSlot,
  Storage,
  SurveyOutcome,
  SyncOutcome,
} from '../disk/storage.js';
import type { PieceIndex } from '../metainfo/piece-layout.js';

/**
 * A storage whose answers come as tasks of one torrent's context: a bug in what they set off ends that torrent and
 * nothing else, and no answer reaches a torrent that has ended. Only `close` answers outside, because it follows that
 * end.
 */
export class GuardedStorage implements Storage {
  readonly #storage: Storage;
  readonly #timers: Timers;

  constructor(storage: Storage, timers: Timers) {
    this.#storage = storage;
    this.#timers = timers;
  }

  survey(answered: (outcome: SurveyOutcome) => void): void {
    this.#storage.survey(this.#guard(answered));
  }

  commitPiece(piece: PieceIndex, slot: PieceSlot, answered: (outcome: CheckOutcome) => void): void {
    this.#storage.commitPiece(piece, slot, this.#guard(answered));
  }

  makeFiles(files: readonly number[], answered: (outcome: MakeOutcome) => void): void {
    this.#storage.makeFiles(files, this.#guard(answered));
  }

  writeBlock(piece: PieceIndex, begin: number, data: Buffer, answered: (outcome: DoneOutcome) => void): void {
    this.#storage.writeBlock(piece, begin, data, this.#guard(answered));
  }

  checkPiece(piece: PieceIndex, answered: (outcome: CheckOutcome) => void): void {
    this.#storage.checkPiece(piece, this.#guard(answered));
  }

  readBlocks(reads: readonly BlockRead[], answered: (outcome: DoneOutcome) => void): void {
    this.#storage.readBlocks(reads, this.#guard(answered));
  }

  demoteFile(file: number, keepsFinal: boolean, answered: (outcome: DoneOutcome) => void): void {
    this.#storage.demoteFile(file, keepsFinal, this.#guard(answered));
  }

  restoreFile(file: number, answered: (outcome: DoneOutcome) => void): void {
    this.#storage.restoreFile(file, this.#guard(answered));
  }

  passOverParts(files: readonly number[], answered: (outcome: PassOverOutcome) => void): void {
    this.#storage.passOverParts(files, this.#guard(answered));
  }

  useParts(files: readonly number[]): void {
    this.#storage.useParts(files);
  }

  useCopy(file: number): void {
    this.#storage.useCopy(file);
  }

  removePart(file: number, answered: (outcome: DoneOutcome) => void): void {
    this.#storage.removePart(file, this.#guard(answered));
  }

  adoptFiles(files: readonly AdoptedFile[], answered: (outcome: DoneOutcome) => void): void {
    this.#storage.adoptFiles(files, this.#guard(answered));
  }

  finalName(file: number): string {
    return this.#storage.finalName(file);
  }

  finishFile(file: number, answered: (outcome: DoneOutcome) => void): void {
    this.#storage.finishFile(file, this.#guard(answered));
  }

  releaseFile(file: number | null, answered: (outcome: DoneOutcome) => void): void {
    this.#storage.releaseFile(file, this.#guard(answered));
  }

  sync(also: readonly number[], answered: (outcome: SyncOutcome) => void): void {
    this.#storage.sync(also, this.#guard(answered));
  }

  measureRoom(answered: (room: DiskRoom) => void): void {
    this.#storage.measureRoom(this.#guard(answered));
  }

  removeBorderFile(answered: (outcome: DoneOutcome) => void): void {
    this.#storage.removeBorderFile(this.#guard(answered));
  }

  close(answered: () => void): void {
    this.#storage.close(answered);
  }

  #guard<T>(answered: (outcome: T) => void): (outcome: T) => void {
    return (outcome) => {
      this.#timers.addTask(() => answered(outcome), 0);
    };
  }
}
