/** A torrent's bytes in files: what to write and to hash goes to workers, what to read is read here. */
import type { Timers } from '../base/clock.js';
import type { BtgetError } from '../base/failure.js';
import type { Metainfo } from '../metainfo/metainfo.js';
import type { PieceIndex, PieceLayout } from '../metainfo/piece-layout.js';
import type { FileWrite, HashSource, StoragePlace, Told, Work, WorkKind } from './file-disk-protocol.js';
import { decodeFailure, type FailureMessage, LostName } from './file-failure.js';
import type { HashQueue } from './file-hash-queue.js';
import { FileMap, type FileSegment } from './file-map.js';
import { StorageNames } from './file-names.js';
import type { ReadOperations } from './file-operations.js';
import type { FileAddress, FileReadPool } from './file-read-pool.js';
import { type FileReaderParts, readBlocks } from './file-reader.js';
import type { WorkerThread } from './file-worker-thread.js';
import {
  type BlockRead,
  type CheckOutcome,
  type DoneOutcome,
  FileLost,
  type FileSurvey,
  type PieceSlot,
  type Storage,
  type SurveyOutcome,
  type SyncOutcome,
} from './storage.js';

/** What all torrents of a process share. */
export interface SharedDisk {
  readonly timers: Timers;
  readonly writer: Pick<WorkerThread, 'ask' | 'started'>;
  readonly hashing: Pick<HashQueue, 'add' | 'drop' | 'closeFiles'> & {
    readonly running: SharedDisk['writer'] | undefined;
  };
  readonly readPool: FileReadPool;
  readonly readOperations: ReadOperations;
}

export interface FileStorageParts {
  readonly metainfo: Metainfo;
  readonly layout: PieceLayout;
  readonly place: StoragePlace;
  /** Takes the place of the torrent's name on the disk, or null. */
  readonly output: string | null;
  readonly disk: SharedDisk;
}

// The writer surveys that many files in one go, so that another torrent's pieces need not wait for a survey of 100,000.
const SURVEY_COUNT = 1000;

const ABSENT: FileSurvey = { found: 'absent', length: 0, identity: null, finalBeside: false };
const DONE: DoneOutcome = { ok: true };

/** After `close` nothing is answered but `close` itself. */
export class FileStorage implements Storage {
  readonly #metainfo: Metainfo;
  readonly #layout: PieceLayout;
  readonly #place: StoragePlace;
  readonly #disk: SharedDisk;
  readonly #names: StorageNames;
  readonly #map: FileMap;
  readonly #reading: FileReaderParts;
  /** Some piece went to the files block by block. */
  #written = false;
  /** Answers of the writer and of reads that are due. */
  #due = 0;
  #closed: { readonly answered: () => void } | null = null;

  constructor({ metainfo, layout, place, output, disk }: FileStorageParts) {
    this.#metainfo = metainfo;
    this.#layout = layout;
    this.#place = place;
    this.#disk = disk;
    this.#names = new StorageNames(metainfo.files, output);
    this.#map = new FileMap(metainfo.files);
    this.#reading = {
      layout,
      map: this.#map,
      pool: disk.readPool,
      operations: disk.readOperations,
      addressOf: (file) => this.#addressOf(file),
    };
  }

  survey(answered: (outcome: SurveyOutcome) => void): void {
    const { files } = this.#metainfo;
    const real = files.flatMap((file, index) => (file.padding || file.symlink !== null ? [] : [index]));
    const found: FileSurvey[] = files.map(() => ABSENT);
    // Which thread looks does not matter, and starting one takes longer than looking at a thousand files.
    const { writer, hashing } = this.#disk;
    const thread = writer.started ? writer : (hashing.running ?? writer);
    const next = (begin: number): void => {
      const some = real.slice(begin, begin + SURVEY_COUNT);
      if (some.length === 0) {
        this.#later(() => answered({ ok: true, files: found }));
        return;
      }
      const names = some.map((index) => this.#names.of(index));
      this.#askOf(thread, 'survey', { place: this.#place, names }, [], (told) => {
        if (!told.ok) {
          this.#later(() => answered({ ok: false, failure: decodeFailure(told.failure) }));
          return;
        }
        some.forEach((index, at) => {
          found[index] = told.value[at] ?? ABSENT;
        });
        next(begin + SURVEY_COUNT);
      });
    };
    next(0);
  }

  commitPiece(piece: PieceIndex, slot: PieceSlot, answered: (outcome: CheckOutcome) => void): void {
    const data = slot.data.subarray(0, this.#layout.lengthOf(piece));
    const shared = data.buffer instanceof SharedArrayBuffer;
    const request = {
      place: this.#place,
      writes: this.#writes(this.#layout.beginOf(piece), data.length),
      // Posting a view of unshared memory would copy all of it, not only the view.
      data: shared ? data : new Uint8Array(data),
      hash: new Uint8Array(this.#layout.hashOf(piece)),
    };
    this.#ask('commit', request, [], (told) =>
      this.#later(() => answered(told.ok ? { ok: true, matches: told.value } : this.#failed(told))),
    );
  }

  writeBlock(piece: PieceIndex, begin: number, data: Buffer, answered: (outcome: DoneOutcome) => void): void {
    this.#written = true;
    const copy = new Uint8Array(data);
    const writes = this.#writes(this.#layout.beginOf(piece) + begin, data.length);
    this.#askToDo('write', { place: this.#place, writes, data: copy }, [copy.buffer], answered);
  }

  checkPiece(piece: PieceIndex, answered: (outcome: CheckOutcome) => void): void {
    const { root } = this.#place;
    const segments = this.#map.segments(this.#layout.beginOf(piece), this.#layout.lengthOf(piece));
    const sources = segments.map((segment): HashSource => {
      if (segment.kind === 'zeros') return segment;
      const { part, final } = this.#names.of(segment.file);
      return { kind: 'file', root, paths: [part, final], begin: segment.begin, length: segment.length };
    });
    this.#refuseWhenClosed();
    this.#disk.hashing.add(this, { sources, pieceLength: this.#layout.pieceLength }, (answer) => {
      this.#later(() => {
        if (answer.kind === 'failed') {
          answered({ ok: false, failure: decodeFailure(answer.failure) });
          return;
        }
        const matches = answer.kind === 'hashed' && this.#layout.hashOf(piece).equals(answer.hashes);
        if (matches || !this.#written) answered({ ok: true, matches });
        else this.#inspect(segments, answered);
      });
    });
  }

  /** What was written and is wrong on the disk may be somebody's doing who is no peer. */
  #inspect(segments: readonly FileSegment[], answered: (outcome: CheckOutcome) => void): void {
    const names = segments.flatMap((segment) => (segment.kind === 'zeros' ? [] : [this.#names.of(segment.file)]));
    this.#ask('inspect', { place: this.#place, names }, [], (told) =>
      this.#later(() => answered(told.ok ? { ok: true, matches: false } : this.#failed(told))),
    );
  }

  readBlocks(reads: readonly BlockRead[], answered: (outcome: DoneOutcome) => void): void {
    this.#refuseWhenClosed();
    this.#due += 1;
    readBlocks(this.#reading, reads, (failure) => {
      this.#later(() => answered(failure === null ? DONE : { ok: false, failure }));
      this.#gotDue();
    });
  }

  demoteFile(file: number, answered: (outcome: DoneOutcome) => void): void {
    this.#askToDo('demote', { place: this.#place, names: this.#names.of(file) }, [], answered);
  }

  finishFile(file: number, answered: (outcome: DoneOutcome) => void): void {
    const told = this.#metainfo.files[file];
    if (told === undefined) throw new Error(`no file has the index ${file}`);
    if (told.padding) {
      this.#later(() => answered(DONE));
      return;
    }
    const { length, executable } = told;
    const request = {
      place: this.#place,
      names: this.#names.of(file),
      length,
      executable,
      link: this.#names.linkTarget(file),
    };
    this.#askToDo('finish', request, [], (outcome) => {
      // The part may be gone in favour of a file with the same bytes: what was opened under that name is let go of.
      this.#disk.readPool.forget(this.#addressOf(file));
      answered(outcome);
    });
  }

  releaseFile(file: number, answered: (outcome: DoneOutcome) => void): void {
    this.#disk.readPool.forget(this.#addressOf(file));
    this.#askToDo('release', { place: this.#place, names: this.#names.of(file) }, [], answered);
  }

  sync(also: readonly number[], answered: (outcome: SyncOutcome) => void): void {
    const named = also.map((file) => ({ file, names: this.#names.of(file) }));
    this.#ask('sync', { place: this.#place, also: named }, [], (told) =>
      this.#later(() => answered(told.ok ? { ok: true, flushed: told.value } : this.#failed(told))),
    );
  }

  close(answered: () => void): void {
    this.#refuseWhenClosed();
    this.#closed = { answered };
    this.#disk.hashing.drop(this);
    // One more, so that closing goes the same way whether something is due or not.
    this.#due += 1;
    this.#gotDue();
  }

  #finishClosing(answered: () => void): void {
    const { readPool, hashing, writer, timers } = this.#disk;
    readPool.forgetAll(this.#place.id);
    hashing.closeFiles(() => {
      const closed = (): void => {
        timers.addTask(answered, 0);
      };
      if (writer.started) writer.ask('closeStorage', { place: this.#place }, [], closed);
      else closed();
    });
  }

  #askToDo<K extends 'write' | 'demote' | 'finish' | 'release'>(
    kind: K,
    request: Work[K]['request'],
    moved: readonly ArrayBuffer[],
    answered: (outcome: DoneOutcome) => void,
  ): void {
    this.#ask(kind, request, moved, (told) => this.#later(() => answered(told.ok ? DONE : this.#failed(told))));
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
    thread.ask(kind, request, moved, (told) => {
      answered(told);
      this.#gotDue();
    });
  }

  #gotDue(): void {
    this.#due -= 1;
    if (this.#due === 0 && this.#closed !== null) this.#finishClosing(this.#closed.answered);
  }

  #later(task: () => void): void {
    this.#disk.timers.addTask(() => {
      if (this.#closed === null) task();
    }, 0);
  }

  #refuseWhenClosed(): void {
    if (this.#closed !== null) throw new Error('something was asked of a storage that is closed');
  }

  #writes(begin: number, length: number): FileWrite[] {
    const writes: FileWrite[] = [];
    let from = 0;
    for (const segment of this.#map.segments(begin, length)) {
      if (segment.kind === 'file') {
        writes.push({
          file: segment.file,
          names: this.#names.of(segment.file),
          begin: segment.begin,
          from,
          length: segment.length,
        });
      }
      from += segment.length;
    }
    return writes;
  }

  #failed(told: { readonly failure: FailureMessage }): { readonly ok: false; readonly failure: BtgetError } {
    const failure = decodeFailure(told.failure);
    if (!(failure instanceof LostName)) return { ok: false, failure };
    const file = this.#metainfo.files.findIndex((_, index) => this.#names.of(index).part === failure.part);
    return { ok: false, failure: new FileLost(file, failure.code, failure.message) };
  }

  #addressOf(file: number): FileAddress {
    return { storage: this.#place.id, root: this.#place.root, names: this.#names.of(file) };
  }
}
