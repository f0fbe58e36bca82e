import type { Millis, Timers } from '../../src/base/clock.js';
import { sha1 } from '../../src/base/digest.js';
import { BtgetError } from '../../src/base/failure.js';
import type {
  BlockRead,
  CheckOutcome,
  DoneOutcome,
  FileSurvey,
  PieceSlot,
  Storage,
  SurveyOutcome,
} from '../../src/disk/storage.js';
import type { Metainfo, TorrentFile } from '../../src/metainfo/metainfo.js';
import { type PieceIndex, PieceLayout } from '../../src/metainfo/piece-layout.js';

export type StorageOperation =
  | 'survey'
  | 'commitPiece'
  | 'writeBlock'
  | 'checkPiece'
  | 'readBlocks'
  | 'demoteFile'
  | 'finishFile'
  | 'sync';

export interface MemoryStorageOptions {
  /** How long each operation takes. They run one after another when it is not zero, as on one disk. */
  readonly latency: Millis;
  /** finishFile replaces a foreign file. */
  readonly overwrite: boolean;
  /** The torrent's bytes when all files are there from the start, or null. They are copied. */
  readonly content: Buffer | null;
  /** One line for each operation as it begins, such as 'commitPiece 3'; null keeps no log. */
  readonly log: string[] | null;
}

export const DEFAULT_MEMORY_STORAGE_OPTIONS: MemoryStorageOptions = {
  latency: 0,
  overwrite: false,
  content: null,
  log: null,
};

const DONE = { ok: true } as const;

/** What lies on the disk under one name: `length` bytes of `bytes`. */
interface Body {
  readonly bytes: Buffer;
  length: number;
}

interface MemoryFile {
  readonly file: TorrentFile;
  /** Under its `.part` name. */
  part: Body | null;
  /** Under its own name. */
  final: Body | null;
}

/** A disk in memory. It keeps the contract, hashes for real, and does what a test tells it to do wrong. */
export class MemoryStorage implements Storage {
  readonly #layout: PieceLayout;
  readonly #timers: Timers;
  readonly #options: MemoryStorageOptions;
  readonly #files: readonly MemoryFile[];
  readonly #failures = new Map<StorageOperation, BtgetError[]>();
  #busyUntil: Millis = 0;
  #closed = false;

  constructor(metainfo: Metainfo, timers: Timers, options: MemoryStorageOptions) {
    this.#layout = new PieceLayout(metainfo);
    this.#timers = timers;
    this.#options = options;
    this.#files = metainfo.files.map((file) => ({ file, part: null, final: null }));
    const content = options.content;
    if (content === null) return;
    for (const [index, { file }] of this.#files.entries()) {
      if (isOnDisk(file)) this.putFile(index, content.subarray(file.begin, file.begin + file.length));
    }
  }

  /** Bytes lie under the file's own name, whether they are the torrent's or a stranger's. */
  putFile(file: number, bytes: Buffer): void {
    this.#file(file).final = { bytes: Buffer.from(bytes), length: bytes.length };
  }

  /** Bytes lie under the file's `.part` name. */
  putPart(file: number, bytes: Buffer): void {
    const length = Math.max(bytes.length, this.#file(file).file.length);
    const body = { bytes: Buffer.alloc(length), length: bytes.length };
    bytes.copy(body.bytes);
    this.#file(file).part = body;
  }

  /** What lies under the file's own name, or null. */
  finalBytes(file: number): Buffer | null {
    const body = this.#file(file).final;
    return body === null ? null : body.bytes.subarray(0, body.length);
  }

  /** All bytes of the torrent as the disk holds them, zeros where there are none. */
  contents(): Buffer {
    const all = Buffer.alloc(this.#layout.length);
    this.#read(0, all);
    return all;
  }

  /** Turns over the bits of `length` bytes from `begin` in the torrent, as a bad disk does. */
  corrupt(begin: number, length: number): void {
    this.#eachBody(begin, length, (body, from, size) => {
      for (let at = from; at < Math.min(from + size, body.length); at += 1)
        body.bytes[at] = (body.bytes[at] as number) ^ 0xff;
    });
  }

  /** The next `times` operations of this kind fail. */
  failNext(operation: StorageOperation, failure: BtgetError, times = 1): void {
    const failures = this.#failures.get(operation) ?? [];
    for (let time = 0; time < times; time += 1) failures.push(failure);
    this.#failures.set(operation, failures);
  }

  survey(answered: (outcome: SurveyOutcome) => void): void {
    this.#run('survey', '', answered, () => ({ ok: true, files: this.#files.map(surveyOf) }));
  }

  commitPiece(piece: PieceIndex, slot: PieceSlot, answered: (outcome: CheckOutcome) => void): void {
    this.#run('commitPiece', piece, answered, () => {
      const data = slot.data.subarray(0, this.#layout.lengthOf(piece));
      const matches = sha1(data).equals(this.#layout.hashOf(piece));
      if (matches) this.#write(this.#layout.beginOf(piece), data);
      return { ok: true, matches };
    });
  }

  writeBlock(piece: PieceIndex, begin: number, data: Buffer, answered: (outcome: DoneOutcome) => void): void {
    const copy = Buffer.from(data);
    this.#run('writeBlock', `${piece} ${begin}`, answered, () => {
      this.#write(this.#layout.beginOf(piece) + begin, copy);
      return DONE;
    });
  }

  checkPiece(piece: PieceIndex, answered: (outcome: CheckOutcome) => void): void {
    this.#run('checkPiece', piece, answered, () => {
      const data = Buffer.alloc(this.#layout.lengthOf(piece));
      const whole = this.#read(this.#layout.beginOf(piece), data);
      return { ok: true, matches: whole && sha1(data).equals(this.#layout.hashOf(piece)) };
    });
  }

  readBlocks(reads: readonly BlockRead[], answered: (outcome: DoneOutcome) => void): void {
    this.#run<DoneOutcome>('readBlocks', reads.length, answered, () => {
      for (const { piece, begin, into } of reads) {
        into.fill(0);
        if (this.#read(this.#layout.beginOf(piece) + begin, into)) continue;
        return { ok: false, failure: new BtgetError('io', `piece ${piece} is not on the disk`) };
      }
      return DONE;
    });
  }

  demoteFile(file: number, answered: (outcome: DoneOutcome) => void): void {
    this.#run<DoneOutcome>('demoteFile', file, answered, () => {
      const entry = this.#file(file);
      if (entry.final === null || entry.part !== null) {
        return { ok: false, failure: new BtgetError('io', `cannot take back file ${file}: it is not under its name`) };
      }
      this.putPart(file, entry.final.bytes.subarray(0, entry.final.length));
      entry.final = null;
      return DONE;
    });
  }

  finishFile(file: number, answered: (outcome: DoneOutcome) => void): void {
    this.#run<DoneOutcome>('finishFile', file, answered, () => this.#finish(this.#file(file)));
  }

  sync(answered: (outcome: DoneOutcome) => void): void {
    this.#run('sync', '', answered, () => DONE);
  }

  close(answered: () => void): void {
    this.#assertOpen();
    this.#closed = true;
    this.#timers.addTask(answered, Math.max(0, this.#busyUntil - this.#timers.now()));
  }

  #finish(entry: MemoryFile): DoneOutcome {
    const { file, part, final } = entry;
    if (file.padding || file.symlink !== null) return DONE;
    const name = file.path.join('/');
    const made = part ?? (file.length === 0 && final?.length !== 0 ? { bytes: Buffer.alloc(0), length: 0 } : null);
    const found = made ?? final;
    if (found === null || found.length < file.length) {
      return { ok: false, failure: new BtgetError('io', `cannot finish ${name}: it has ${found?.length ?? 0} bytes`) };
    }
    const ours = found.bytes.subarray(0, file.length);
    const foreign = made !== null && final !== null && !final.bytes.subarray(0, final.length).equals(ours);
    if (foreign && !this.#options.overwrite) {
      return { ok: false, failure: new BtgetError('foreign-file', `${name} exists and is not this torrent's`) };
    }
    entry.final = { bytes: ours, length: file.length };
    entry.part = null;
    return DONE;
  }

  #run<T extends { readonly ok: boolean }>(
    operation: StorageOperation,
    what: string | number,
    answered: (outcome: T | { readonly ok: false; readonly failure: BtgetError }) => void,
    work: () => T,
  ): void {
    this.#assertOpen();
    this.#options.log?.push(`${operation} ${what}`.trim());
    const failure = this.#failures.get(operation)?.shift();
    const now = this.#timers.now();
    this.#busyUntil = Math.max(now, this.#busyUntil) + this.#options.latency;
    this.#timers.addTask(() => {
      const outcome = failure === undefined ? work() : ({ ok: false, failure } as const);
      if (!this.#closed) answered(outcome);
    }, this.#busyUntil - now);
  }

  #assertOpen(): void {
    if (this.#closed) throw new Error('the storage is closed');
  }

  #file(file: number): MemoryFile {
    const entry = this.#files[file];
    if (entry === undefined) throw new Error(`there is no file ${file}`);
    return entry;
  }

  #write(begin: number, data: Buffer): void {
    for (const entry of this.#files) {
      const { from, to } = overlap(entry.file, begin, data.length);
      if (from >= to) continue;
      const body = entry.part ?? this.#createPart(entry);
      const at = from - entry.file.begin;
      data.copy(body.bytes, at, from - begin, to - begin);
      body.length = Math.max(body.length, at + to - from);
    }
  }

  #createPart(entry: MemoryFile): Body {
    entry.part = { bytes: Buffer.alloc(entry.file.length), length: 0 };
    return entry.part;
  }

  /** False when some of the bytes are not there; they are zero then. */
  #read(begin: number, into: Buffer): boolean {
    let whole = true;
    for (const entry of this.#files) {
      const { from, to } = overlap(entry.file, begin, into.length);
      if (from >= to) continue;
      const body = entry.part ?? entry.final;
      const end = Math.min(to, entry.file.begin + (body?.length ?? 0));
      if (end < to) whole = false;
      if (body !== null && end > from)
        body.bytes.copy(into, from - begin, from - entry.file.begin, end - entry.file.begin);
    }
    return whole;
  }

  #eachBody(begin: number, length: number, visit: (body: Body, from: number, length: number) => void): void {
    for (const entry of this.#files) {
      const { from, to } = overlap(entry.file, begin, length);
      const body = entry.part ?? entry.final;
      if (body !== null && from < to) visit(body, from - entry.file.begin, to - from);
    }
  }
}

/** Padding, links and empty files have no bytes on the disk. */
function isOnDisk(file: TorrentFile): boolean {
  return !file.padding && file.symlink === null && file.length > 0;
}

function overlap(file: TorrentFile, begin: number, length: number): { from: number; to: number } {
  if (!isOnDisk(file)) return { from: 0, to: 0 };
  return { from: Math.max(file.begin, begin), to: Math.min(file.begin + file.length, begin + length) };
}

function surveyOf({ part, final }: MemoryFile): FileSurvey {
  if (part !== null) return { found: 'part', length: part.length, finalBeside: final !== null };
  if (final !== null) return { found: 'final', length: final.length, finalBeside: false };
  return { found: 'absent', length: 0, finalBeside: false };
}
