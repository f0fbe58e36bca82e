import type { Timers } from '../../base/clock.js';
import type { BtgetError } from '../../base/failure.js';
import type { Metainfo } from '../../metainfo/metainfo.js';
import type { PieceIndex, PieceLayout } from '../../metainfo/piece-layout.js';
import type { ContentSegment } from '../content-map.js';
import { decodeFailure, type FailureMessage, LostName } from '../failure.js';
import type { FileWrite, ReadPlace, StoragePlace, Told, Work, WorkKind } from '../protocol.js';
import {
  type AdoptedFile,
  type BlockRead,
  type Candidate,
  type CandidateHashOutcome,
  type CandidateSearch,
  type CandidatesOutcome,
  type CheckOutcome,
  type ConfirmOutcome,
  type CopyOutcome,
  type DiskRoom,
  type DoneOutcome,
  FileLost,
  type FileRun,
  type LeavesOutcome,
  type MakeOutcome,
  type PassOverOutcome,
  type PieceSlot,
  type Storage,
  type SurveyOutcome,
  type SurveyRefused,
  type SyncOutcome,
} from '../storage.js';
import type { RootAnchor, RootAnchors } from '../system/anchor.js';
import type { ReadOperations } from '../system/operations.js';
import { type BlockReaderParts, readBlocks } from './block-reader.js';
import { confirmFiles } from './confirm.js';
import type { HashQueue } from './hash-queue.js';
import { judgedOutcome, PieceChecker } from './piece-checker.js';
import type { PieceCommits } from './piece-commits.js';
import { FilePlaces } from './places.js';
import { commitProofOf } from './proof-of.js';
import type { FileAddress, FileReadPool, ReadHome } from './read-pool.js';
import { measureRoom, passOverParts, type SurveyParts, surveyInBatches } from './survey.js';
import type { WorkerThread } from './worker-thread.js';

/** What all torrents of a process share. */
export interface SharedDisk {
  readonly timers: Timers;
  readonly writer: Pick<WorkerThread, 'ask' | 'started'>;
  /** Has pieces judged, and written by `writer`. */
  readonly commits: Pick<PieceCommits, 'commit' | 'afterPieces'>;
  readonly hashing: Pick<HashQueue, 'add' | 'findCandidates' | 'drop' | 'closeFiles'> & {
    readonly running: SharedDisk['writer'] | undefined;
  };
  readonly readPool: FileReadPool;
  readonly readOperations: ReadOperations;
  readonly anchors: RootAnchors;
}

export interface FileStorageParts {
  /** Where answers come. Only `close` answers on the timers of the disk. */
  readonly timers: Timers;
  readonly metainfo: Metainfo;
  readonly layout: PieceLayout;
  readonly place: StoragePlace;
  /** The name that takes the place of the torrent's name on the disk, or null. */
  readonly output: string | null;
  readonly selected: ReadonlySet<number> | null;
  readonly disk: SharedDisk;
}

const DONE: DoneOutcome = { ok: true };

/** After a call of `close`, nothing but that call is answered. */
export class FileStorage implements Storage {
  readonly #timers: Timers;
  readonly #metainfo: Metainfo;
  readonly #layout: PieceLayout;
  readonly #place: StoragePlace & { readonly anchor: RootAnchor };
  readonly #disk: SharedDisk;
  readonly #places: FilePlaces;
  readonly #home: ReadHome;
  readonly #reading: BlockReaderParts;
  readonly #looking: SurveyParts;
  readonly #checker: PieceChecker;
  /** Whether some piece was written block by block. */
  #written = false;
  /** How many answers of workers and of reads are due. */
  #due = 0;
  #closed: { readonly answered: () => void } | null = null;

  constructor({ timers, metainfo, layout, place: given, output, selected, disk }: FileStorageParts) {
    const place = { ...given, anchor: disk.anchors.take(given.root) };
    this.#timers = timers;
    this.#metainfo = metainfo;
    this.#layout = layout;
    this.#place = place;
    this.#disk = disk;
    this.#places = new FilePlaces(metainfo, layout, place, output, selected);
    this.#home = { id: place.id, place, find: (address, answered) => this.#findFile(address, answered) };
    this.#reading = {
      layout,
      map: this.#places.map,
      pool: disk.readPool,
      operations: disk.readOperations,
      addressOf: (segment) => this.#addressOf(segment),
    };
    this.#checker = new PieceChecker({
      layout,
      places: this.#places,
      hash: (job, answered) => disk.hashing.add(this, job, (answer) => this.#later(() => answered(answer))),
    });
    this.#looking = {
      files: metainfo.files,
      place,
      places: this.#places,
      ask: (kind, request, answered) => {
        // A survey takes several requests, and `close` may come between two of them.
        if (this.#closed !== null) return;
        // Any thread can look, and to start one takes longer than to look at a thousand files.
        const { writer, hashing } = disk;
        this.#askOf(writer.started ? writer : (hashing.running ?? writer), kind, request, [], answered);
      },
    };
  }

  survey(answered: (outcome: SurveyOutcome) => void, refused: SurveyRefused | null = null): void {
    this.#refuseWhenClosed();
    surveyInBatches(this.#looking, (outcome) => this.#later(() => answered(outcome)), refused);
  }

  measureRoom(answered: (room: DiskRoom) => void): void {
    this.#refuseWhenClosed();
    measureRoom(this.#looking, (room) => this.#later(() => answered(room)));
  }

  commitPiece(piece: PieceIndex, slot: PieceSlot, answered: (outcome: CheckOutcome) => void): void {
    const data = slot.data.subarray(0, this.#layout.lengthOf(piece));
    const shared = data.buffer instanceof SharedArrayBuffer;
    const writes = this.#places.writes(this.#layout.beginOf(piece), data.length);
    const committed = {
      place: this.#place,
      writes,
      // Posting a view of unshared memory would copy all of it, not only the view.
      data: shared ? data : new Uint8Array(data),
      proof: commitProofOf(this.#layout, piece),
    };
    this.#refuseWhenClosed();
    this.#due += 1;
    this.#disk.commits.commit(committed, (told) => {
      if (told.ok && told.value.verdict === 'right') {
        this.#places.map.settle(piece, 'kept');
        this.#wrote(writes);
      }
      this.#later(() => answered(told.ok ? judgedOutcome(piece, told.value) : this.#failed(told)));
      this.#gotDue();
    });
  }

  makeFiles(files: readonly number[], answered: (outcome: MakeOutcome) => void): void {
    const named = files.map((file) => ({ file, names: this.#places.names.of(file) }));
    this.#ask('make', { place: this.#place, files: named }, [], (told) => {
      if (told.ok) for (const file of files) this.#places.written(file);
      this.#later(() => answered(told.ok ? { ok: true, made: told.value } : this.#failed(told)));
    });
  }

  writeBlock(piece: PieceIndex, begin: number, data: Buffer, answered: (outcome: DoneOutcome) => void): void {
    this.#written = true;
    const copy = new Uint8Array(data);
    const writes = this.#places.writes(this.#layout.beginOf(piece) + begin, data.length);
    this.#askToDo('write', { place: this.#place, writes, data: copy }, [copy.buffer], answered, () =>
      this.#wrote(writes),
    );
  }

  #wrote(writes: readonly FileWrite[]): void {
    for (const { file } of writes) this.#places.written(file);
  }

  checkPiece(piece: PieceIndex, answered: (outcome: CheckOutcome) => void): void {
    this.#refuseWhenClosed();
    this.#checker.check(piece, (outcome) => {
      if (outcome.ok && !outcome.matches) this.#inspect(piece, outcome, answered);
      else answered(outcome);
    });
  }

  findCandidates(search: CandidateSearch, answered: (outcome: CandidatesOutcome) => void): void {
    this.#refuseWhenClosed();
    this.#due += 1;
    this.#disk.hashing.findCandidates(search, (told) => {
      this.#later(() => answered(told.ok ? { ok: true, ...told.value } : this.#failed(told)));
      this.#gotDue();
    });
  }

  hashCandidate(piece: PieceIndex, candidate: Candidate, answered: (outcome: CandidateHashOutcome) => void): void {
    this.#refuseWhenClosed();
    this.#checker.hashCandidate(piece, candidate, answered);
  }

  copyCandidate(run: FileRun, candidate: Candidate, mayShare: boolean, answered: (outcome: CopyOutcome) => void): void {
    this.#written = true;
    const names = this.#places.names.of(run.file);
    this.#ask('copyCandidate', { place: this.#place, names, run, candidate, mayShare }, [], (told) => {
      if (told.ok) this.#places.written(run.file);
      this.#later(() => answered(told.ok ? { ok: true, ...told.value } : this.#failed(told)));
    });
  }

  /**
   * A piece that was written is wrong on the disk. The cause may be another program that changed a file, and no peer:
   * the worker can tell.
   */
  #inspect(piece: PieceIndex, found: CheckOutcome, answered: (outcome: CheckOutcome) => void): void {
    if (!this.#written) {
      answered(found);
      return;
    }
    const writes = this.#places.writes(this.#layout.beginOf(piece), this.#layout.lengthOf(piece));
    this.#ask('inspect', { place: this.#place, names: writes.map(({ names }) => names) }, [], (told) =>
      this.#later(() => answered(told.ok ? found : this.#failed(told))),
    );
  }

  hashBlocks(piece: PieceIndex, answered: (outcome: LeavesOutcome) => void): void {
    this.#refuseWhenClosed();
    this.#checker.hashBlocks(piece, answered);
  }

  readBlocks(reads: readonly BlockRead[], answered: (outcome: DoneOutcome) => void): void {
    this.#refuseWhenClosed();
    this.#due += 1;
    readBlocks(this.#reading, reads, (failure) => {
      this.#later(() => answered(failure === null ? DONE : { ok: false, failure }));
      this.#gotDue();
    });
  }

  demoteFile(file: number, keepsFinal: boolean, answered: (outcome: DoneOutcome) => void): void {
    const request = { place: this.#place, names: this.#places.names.of(file), keepsFinal };
    this.#askToDo('demote', request, [], answered, () => this.#places.written(file));
  }

  restoreFile(file: number, answered: (outcome: DoneOutcome) => void): void {
    const request = { place: this.#place, names: this.#places.names.of(file) };
    this.#askToDo('restore', request, [], answered, () => this.#places.restored(file));
  }

  passOverParts(files: readonly number[], answered: (outcome: PassOverOutcome) => void): void {
    this.#refuseWhenClosed();
    for (const file of files) this.#forgetOpen(file);
    this.#places.names.passOver(files);
    // Without part names a final name does not say that nothing of the file lies aside.
    if (this.#place.partNames) this.#places.map.passOver(files);
    passOverParts(this.#looking, files, (outcome) => this.#later(() => answered(outcome)));
  }

  useParts(files: readonly number[]): void {
    for (const file of files) this.#forgetOpen(file);
    this.#places.names.usePart(files);
    this.#places.map.usePart(files);
  }

  useCopy(file: number): void {
    this.#forgetOpen(file);
    this.#places.copied(file);
  }

  /** Any segment of the file will do, since an open file is known by its final name alone. */
  #forgetOpen(file: number): void {
    this.#disk.readPool.forget(this.#addressOf({ kind: 'file', file, begin: 0, length: 0 }));
  }

  #addressOf(segment: Exclude<ContentSegment, { kind: 'zeros' }>): FileAddress {
    const file = segment.kind === 'border' ? null : segment.file;
    return { home: this.#home, file, names: this.#places.namesIn(segment), link: this.#places.linkOf(segment) };
  }

  /** Called when a file is opened for reading, not for each block. */
  #findFile({ file, names, link }: FileAddress, answered: (places: readonly ReadPlace[]) => void): void {
    const places = (ours: string | null): readonly ReadPlace[] => this.#places.readPlaces(file, names, link, ours);
    if (!this.#places.isWritten(file) || this.#closed !== null) answered(places(null));
    else
      this.#ask('identifyOurs', { place: this.#place, names }, [], (told) =>
        answered(places(told.ok ? told.value : null)),
      );
  }

  removePart(file: number, answered: (outcome: DoneOutcome) => void): void {
    const { part } = this.#places.names.of(file);
    this.#askToDo('remove', { place: this.#place, names: { part, final: part } }, [], answered, () =>
      this.#places.partRemoved(file),
    );
  }

  adoptFiles(files: readonly AdoptedFile[], answered: (outcome: DoneOutcome) => void): void {
    const named = files.map((file) => ({ ...file, names: this.#places.names.of(file.file) }));
    this.#askToDo('adopt', { place: this.#place, files: named }, [], answered, () => {
      for (const { file } of files) this.#places.written(file);
    });
  }

  finalName(file: number): string {
    return this.#places.names.of(file).final;
  }

  finishFile(file: number, answered: (outcome: DoneOutcome) => void): void {
    const listed = this.#metainfo.files[file];
    if (listed === undefined) throw new Error(`no file has the index ${file}`);
    if (listed.padding) {
      this.#later(() => answered(DONE));
      return;
    }
    const { length, executable } = listed;
    const request = {
      place: this.#place,
      names: this.#places.names.of(file),
      length,
      executable,
      link: this.#places.names.linkTarget(file),
    };
    this.#ask('finish', request, [], (told) => {
      // The part may have been removed in favour of a file with the same bytes. What was opened under that name is let
      // go.
      this.#forgetOpen(file);
      if (told.ok) this.#places.finished(file, told.value);
      this.#later(() => answered(told.ok ? DONE : this.#failed(told)));
    });
  }

  confirmFiles(
    files: readonly number[],
    isWhole: (file: number) => boolean,
    answered: (outcome: ConfirmOutcome) => void,
  ): void {
    this.#refuseWhenClosed();
    confirmFiles(this.#looking, files, isWhole, (outcome) => this.#later(() => answered(outcome)));
  }

  releaseFile(file: number | null, answered: (outcome: DoneOutcome) => void): void {
    const names = this.#places.namesOf(file);
    this.#disk.readPool.forget({ home: this.#home, file, names, link: null });
    this.#places.released(file);
    this.#askToDo('release', { place: this.#place, names }, [], answered);
  }

  sync(also: readonly number[], answered: (outcome: SyncOutcome) => void): void {
    const named = also.map((file) => ({ file, names: this.#places.names.of(file) }));
    this.#ask('sync', { place: this.#place, also: named }, [], (told) =>
      this.#later(() => answered(told.ok ? { ok: true, flushed: told.value } : this.#failed(told))),
    );
  }

  removeBorderFile(answered: (outcome: DoneOutcome) => void): void {
    this.#askToDo('remove', { place: this.#place, names: this.#places.borderNames }, [], answered, () =>
      this.#places.released(null),
    );
  }

  close(answered: () => void): void {
    this.#refuseWhenClosed();
    this.#closed = { answered };
    this.#disk.hashing.drop(this);
    // One more, so that closing goes the same way whether an answer is due or not.
    this.#due += 1;
    this.#gotDue();
  }

  #finishClosing(answered: () => void): void {
    const { readPool, hashing, writer, timers, anchors } = this.#disk;
    readPool.forgetAll(this.#place.id);
    anchors.release(this.#place.root);
    hashing.closeFiles(() => {
      const closed = (): void => {
        timers.addTask(answered, 0);
      };
      if (writer.started) writer.ask('closeStorage', { place: this.#place }, [], closed);
      else closed();
    });
  }

  #askToDo<K extends 'write' | 'demote' | 'restore' | 'adopt' | 'remove' | 'release'>(
    kind: K,
    request: Work[K]['request'],
    moved: readonly ArrayBuffer[],
    answered: (outcome: DoneOutcome) => void,
    /** Called before the answer, when the request succeeded. */
    done: () => void = () => undefined,
  ): void {
    this.#ask(kind, request, moved, (told) => {
      if (told.ok) done();
      this.#later(() => answered(told.ok ? DONE : this.#failed(told)));
    });
  }

  #ask<K extends WorkKind>(
    kind: K,
    request: Work[K]['request'],
    moved: readonly ArrayBuffer[],
    answered: (told: Told<Work[K]['answer']>) => void,
  ): void {
    this.#askOf(this.#disk.writer, kind, request, moved, answered);
  }

  #askOf<K extends WorkKind>(
    thread: SharedDisk['writer'],
    kind: K,
    request: Work[K]['request'],
    moved: readonly ArrayBuffer[],
    answered: (told: Told<Work[K]['answer']>) => void,
  ): void {
    this.#refuseWhenClosed();
    this.#due += 1;
    this.#disk.commits.afterPieces(this.#place, () =>
      thread.ask(kind, request, moved, (told) => {
        answered(told);
        this.#gotDue();
      }),
    );
  }

  #gotDue(): void {
    this.#due -= 1;
    if (this.#due === 0 && this.#closed !== null) this.#finishClosing(this.#closed.answered);
  }

  #later(task: () => void): void {
    this.#timers.addTask(() => {
      if (this.#closed === null) task();
    }, 0);
  }

  #failed(told: { readonly failure: FailureMessage }): { readonly ok: false; readonly failure: BtgetError } {
    const failure = decodeFailure(told.failure);
    if (!(failure instanceof LostName)) return { ok: false, failure };
    return { ok: false, failure: new FileLost(this.#places.fileOf(failure.part), failure.code, failure.message) };
  }

  #refuseWhenClosed(): void {
    if (this.#closed !== null) throw new Error('something was asked of a storage that is closed');
  }
}
