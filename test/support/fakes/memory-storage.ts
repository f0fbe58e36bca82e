import type { Millis, Timers } from '../../../src/base/clock.js';
import { sha1 } from '../../../src/base/digest.js';
import { BtgetError } from '../../../src/base/failure.js';
import type { Random } from '../../../src/base/random.js';
import { ContentMap, type ContentSegment, PLACE_RULES, type PlaceRule } from '../../../src/disk/content-map.js';
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
  type FileIdentity,
  type FileRun,
  type FileSurvey,
  InconsistentHashes,
  type LeavesOutcome,
  type MakeOutcome,
  type PassOverOutcome,
  type PieceSlot,
  type Storage,
  type SurveyOutcome,
  type SyncOutcome,
} from '../../../src/disk/storage.js';
import { judgePiece } from '../../../src/disk/worker/judge-piece.js';
import { leavesOf } from '../../../src/metainfo/leaves.js';
import { merkleRoot } from '../../../src/metainfo/merkle.js';
import type { Metainfo, TorrentFile } from '../../../src/metainfo/metainfo.js';
import { type PieceIndex, PieceLayout } from '../../../src/metainfo/piece-layout.js';

export type StorageOperation =
  | 'survey'
  | 'commitPiece'
  | 'makeFiles'
  | 'writeBlock'
  | 'checkPiece'
  | 'hashBlocks'
  | 'readBlocks'
  | 'demoteFile'
  | 'restoreFile'
  | 'removePart'
  | 'adoptFiles'
  | 'finishFile'
  | 'confirmFiles'
  | 'releaseFile'
  | 'sync'
  | 'measureRoom'
  | 'removeBorderFile'
  | 'findCandidates'
  | 'hashCandidate'
  | 'copyCandidate';

export interface MemoryStorageOptions {
  /** The timers whose tasks give all answers but that of `close`, as in `OpenStorageOptions`; null: the disk's own. */
  readonly answers: Timers | null;
  /** How long each operation takes. Operations run one after another, as on one disk, when it is not zero. */
  readonly latency: Millis;
  /** `finishFile` replaces a foreign file. */
  readonly overwrite: boolean;
  /** The torrent's bytes, when all files exist from the start; else null. They are copied. */
  readonly content: Buffer | null;
  /** What an earlier storage of the torrent has left, or null. */
  readonly image: DiskImage | null;
  /** The selected files, or null for all. */
  readonly selected: ReadonlySet<number> | null;
  /** Free bytes, or null when the disk cannot tell. */
  readonly free: number | null;
  /** Files elsewhere on the disk, by path. A test may change them meanwhile. */
  readonly elsewhere: ReadonlyMap<string, Buffer>;
  /** Gets a line for each operation as it begins, such as 'commitPiece 3'; null for no log. */
  readonly log: string[] | null;
}

export const DEFAULT_MEMORY_STORAGE_OPTIONS: MemoryStorageOptions = {
  answers: null,
  latency: 0,
  overwrite: false,
  content: null,
  image: null,
  selected: null,
  free: null,
  elsewhere: new Map(),
  log: null,
};

const DONE = { ok: true } as const;

/** What lies on the disk under one name: `length` bytes of `bytes`. */
interface Body {
  readonly bytes: Buffer;
  length: number;
  changedAt: bigint;
  readonly inode: bigint;
  readonly bornAt: bigint;
}

/** A write that a power cut may undo. */
interface UnflushedWrite {
  readonly body: Body;
  readonly begin: number;
  /** The bytes before the write. */
  readonly bytes: Buffer;
}

/** What lies on a disk at one moment. A later storage can begin with it. */
export interface DiskImage {
  readonly files: readonly { readonly part: Body | null; readonly final: Body | null }[];
  readonly border: Body | null;
}

interface MemoryFile {
  readonly file: TorrentFile;
  /** What lies under its `.part` name. */
  part: Body | null;
  /** What lies under its own name. */
  final: Body | null;
  /** Whether it is a link that has been made. */
  isLinked: boolean;
}

/** A disk in memory. It keeps the contract of `Storage` and really hashes. A test can make it fail. */
export class MemoryStorage implements Storage {
  readonly #layout: PieceLayout;
  readonly #timers: Timers;
  readonly #options: MemoryStorageOptions;
  readonly #files: readonly MemoryFile[];
  readonly #map: ContentMap;
  /** The border file. */
  #border: Body | null;
  readonly #failures = new Map<StorageOperation, BtgetError[]>();
  #unflushed: UnflushedWrite[] = [];
  /** Files with writes since the last sync. */
  readonly #touched = new Set<number>();
  #inodes = 0n;
  #busyUntil: Millis = 0;
  #closed = false;

  constructor(metainfo: Metainfo, timers: Timers, options: MemoryStorageOptions) {
    this.#layout = new PieceLayout(metainfo);
    this.#timers = timers;
    this.#options = options;
    this.#map = new ContentMap(metainfo, this.#layout, options.selected);
    this.#border = copyOf(options.image?.border ?? null);
    this.#files = metainfo.files.map((file, index) => {
      const { part, final } = options.image?.files[index] ?? { part: null, final: null };
      // New inodes must differ from those of the older storage.
      for (const body of [part, final]) if (body !== null && body.inode > this.#inodes) this.#inodes = body.inode;
      return { file, part: copyOf(part), final: copyOf(final), isLinked: false };
    });
    const content = options.content;
    if (content === null) return;
    for (const [index, { file }] of this.#files.entries()) {
      if (isOnDisk(file)) this.putFile(index, content.subarray(file.begin, file.begin + file.length));
      this.#file(index).isLinked = file.symlink !== null;
    }
  }

  /** Puts bytes under the file's own name; they need not be the torrent's. */
  putFile(file: number, bytes: Buffer): void {
    this.#file(file).final = this.#createBody(Buffer.from(bytes), bytes.length);
  }

  /** Puts bytes under the file's `.part` name. */
  putPart(file: number, bytes: Buffer): void {
    const length = Math.max(bytes.length, this.#file(file).file.length);
    const body = this.#createBody(Buffer.alloc(length), bytes.length);
    bytes.copy(body.bytes);
    this.#file(file).part = body;
  }

  /** What lies on the disk now; or, with `powerCut`, after a power cut, which leaves some of the unflushed writes. */
  image(powerCut: Random | null): DiskImage {
    const copies = new Map<Body, Body>();
    const copied = (body: Body | null): Body | null => {
      const copy = copyOf(body);
      if (body !== null && copy !== null) copies.set(body, copy);
      return copy;
    };
    const files = this.#files.map(({ part, final }) => ({ part: copied(part), final: copied(final) }));
    const border = copied(this.#border);
    for (const { body, begin, bytes } of powerCut === null ? [] : this.#unflushed.toReversed()) {
      if (powerCut?.below(2) === 0) bytes.copy(copies.get(body)?.bytes ?? Buffer.alloc(0), begin);
    }
    return { files, border };
  }

  /** True when there is a border file. */
  get hasBorderFile(): boolean {
    return this.#border !== null;
  }

  /** True when the file exists under one of its names. */
  isThere(file: number): boolean {
    const { part, final } = this.#file(file);
    return part !== null || final !== null;
  }

  /** The bytes under the file's own name, or null. */
  finalBytes(file: number): Buffer | null {
    const body = this.#file(file).final;
    return body === null ? null : body.bytes.subarray(0, body.length);
  }

  /** All bytes of the torrent as the disk holds them, with zeros for missing bytes. */
  contents(): Buffer {
    const all = Buffer.alloc(Math.max(0, ...this.#files.map(({ file }) => file.begin + file.length)));
    this.#read(0, all);
    return all;
  }

  /** Flips all bits of `length` bytes from `begin` in the torrent, as a bad disk may. */
  corrupt(begin: number, length: number): void {
    for (const segment of this.#map.segments(begin, length)) {
      const body = segment.kind === 'zeros' ? null : this.#bodyOf(segment);
      if (body === null || segment.kind === 'zeros') continue;
      for (let at = segment.begin; at < Math.min(segment.begin + segment.length, body.length); at += 1)
        body.bytes[at] = (body.bytes[at] as number) ^ 0xff;
    }
  }

  /** Makes the next `times` operations of this kind fail. */
  failNext(operation: StorageOperation, failure: BtgetError, times = 1): void {
    const failures = this.#failures.get(operation) ?? [];
    for (let time = 0; time < times; time += 1) failures.push(failure);
    this.#failures.set(operation, failures);
  }

  survey(answered: (outcome: SurveyOutcome) => void): void {
    this.#run('survey', '', answered, () => {
      const files = this.#files.map(surveyOf);
      this.#map.surveyed(files, this.hasBorderFile);
      return { ok: true, files, hasBorderFile: this.hasBorderFile };
    });
  }

  commitPiece(piece: PieceIndex, slot: PieceSlot, answered: (outcome: CheckOutcome) => void): void {
    this.#run<CheckOutcome>('commitPiece', piece, answered, () => {
      const data = slot.data.subarray(0, this.#layout.lengthOf(piece));
      const outcome = this.#judge(piece, data);
      if (outcome.ok && outcome.matches) {
        this.#write(this.#layout.beginOf(piece), data);
        this.#map.settle(piece, 'kept');
      }
      return outcome;
    });
  }

  makeFiles(files: readonly number[], answered: (outcome: MakeOutcome) => void): void {
    this.#run<MakeOutcome>('makeFiles', files.join(' '), answered, () => {
      const made = new Map<number, FileIdentity>();
      for (const file of files) {
        const entry = this.#file(file);
        if (entry.part === null && entry.final === null) this.#createPart(entry);
        const { identity } = surveyOf(entry);
        if (identity !== null) made.set(file, identity);
      }
      return { ok: true, made };
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
    this.#run<CheckOutcome>('checkPiece', piece, answered, () => {
      const data = Buffer.alloc(this.#layout.lengthOf(piece));
      let outcome: CheckOutcome = { ok: true, matches: false };
      for (const rule of PLACE_RULES) {
        if (!this.#readBy(rule, this.#layout.beginOf(piece), data)) continue;
        outcome = this.#judge(piece, data);
        if (!outcome.ok) break;
        if (!outcome.matches) continue;
        this.#map.settle(piece, rule);
        break;
      }
      return outcome;
    });
  }

  hashBlocks(piece: PieceIndex, answered: (outcome: LeavesOutcome) => void): void {
    const { root, width } = this.#layout.proofOf(piece);
    if (root === null) throw new Error(`piece ${piece} has no hash tree`);
    this.#run<LeavesOutcome>('hashBlocks', piece, answered, () => {
      const content = Buffer.alloc(this.#layout.contentLengthOf(piece));
      const isThere = this.#read(this.#layout.beginOf(piece), content);
      const leaves = leavesOf(content);
      return isThere && merkleRoot(leaves, width, 0).equals(root)
        ? { ok: true, leaves }
        : { ok: false, failure: new BtgetError('io', `piece ${piece} is not on the disk any more`) };
    });
  }

  #judge(piece: PieceIndex, data: Buffer): CheckOutcome {
    const contentLength = this.#layout.contentLengthOf(piece);
    const { verdict, leaves } = judgePiece(data, { ...this.#layout.proofOf(piece), contentLength });
    if (verdict === 'inconsistent') return { ok: false, failure: new InconsistentHashes(piece) };
    const matches = verdict === 'right';
    return leaves === null ? { ok: true, matches } : { ok: true, matches, leaves: Buffer.from(leaves) };
  }

  readBlocks(reads: readonly BlockRead[], answered: (outcome: DoneOutcome) => void): void {
    const read = (): DoneOutcome => {
      for (const { piece, begin, into, inFiles } of reads) {
        into.fill(0);
        const from = this.#layout.beginOf(piece) + begin;
        const segments = this.#map.segmentsInFiles(from, into.length);
        if (inFiles === true ? this.#readSegments(segments, into) : this.#read(from, into)) continue;
        return { ok: false, failure: new BtgetError('io', `piece ${piece} is not on the disk`) };
      }
      return DONE;
    };
    // The thread that reads is not one of the threads that hash and write.
    this.#run<DoneOutcome>('readBlocks', reads.length, answered, read, 'aside');
  }

  demoteFile(file: number, keepsFinal: boolean, answered: (outcome: DoneOutcome) => void): void {
    this.#run<DoneOutcome>('demoteFile', file, answered, () => {
      const entry = this.#file(file);
      if (entry.final === null || entry.part !== null) {
        return { ok: false, failure: new BtgetError('io', `cannot take back file ${file}: it is not under its name`) };
      }
      const { bytes, length } = entry.final;
      const room = Buffer.alloc(Math.max(length, entry.file.length));
      bytes.copy(room, 0, 0, length);
      entry.part = { ...entry.final, bytes: room };
      if (!keepsFinal) entry.final = null;
      return DONE;
    });
  }

  restoreFile(file: number, answered: (outcome: DoneOutcome) => void): void {
    this.#run<DoneOutcome>('restoreFile', file, answered, () => {
      const entry = this.#file(file);
      if (entry.part === null || entry.final !== null) {
        return { ok: false, failure: new BtgetError('io', `cannot give file ${file} its name back`) };
      }
      const { bytes, length } = entry.part;
      entry.final = { ...entry.part, bytes: Buffer.from(bytes.subarray(0, length)) };
      entry.part = null;
      return DONE;
    });
  }

  /** On this disk no file has both names. */
  passOverParts(_files: readonly number[], _answered: (outcome: PassOverOutcome) => void): void {
    throw new Error('no file has a final name beside its part name');
  }

  useParts(): void {
    // This disk passes over no file.
  }

  useCopy(): void {
    throw new Error('nothing is linked in memory');
  }

  removePart(file: number, answered: (outcome: DoneOutcome) => void): void {
    this.#run<DoneOutcome>('removePart', file, answered, () => {
      this.#file(file).part = null;
      return DONE;
    });
  }

  adoptFiles(files: readonly AdoptedFile[], answered: (outcome: DoneOutcome) => void): void {
    this.#run<DoneOutcome>('adoptFiles', files.map(({ file }) => file).join(' '), answered, () => DONE);
  }

  finalName(file: number): string {
    return this.#file(file).file.path.join('/');
  }

  finishFile(file: number, answered: (outcome: DoneOutcome) => void): void {
    this.#run<DoneOutcome>('finishFile', file, answered, () => this.#finish(this.#file(file)));
  }

  /** Nobody changes files in memory. */
  confirmFiles(
    files: readonly number[],
    _isWhole: (file: number) => boolean,
    answered: (outcome: ConfirmOutcome) => void,
  ): void {
    this.#run<ConfirmOutcome>('confirmFiles', files.length, answered, () => ({ ok: true, files: [] }));
  }

  releaseFile(file: number | null, answered: (outcome: DoneOutcome) => void): void {
    this.#run<DoneOutcome>('releaseFile', file ?? 'border', answered, () => DONE);
  }

  sync(also: readonly number[], answered: (outcome: SyncOutcome) => void): void {
    this.#assertOpen();
    const begin = (): void => {
      const flushed = new Map<number, FileIdentity>();
      for (const file of [...this.#touched, ...also]) {
        const { identity } = surveyOf(this.#file(file));
        if (identity !== null) flushed.set(file, identity);
      }
      this.#touched.clear();
      const unflushed = new Set(this.#unflushed);
      this.#run<SyncOutcome>(
        'sync',
        also.join(' '),
        answered,
        () => {
          this.#unflushed = this.#unflushed.filter((write) => !unflushed.has(write));
          return { ok: true, flushed };
        },
        'aside',
      );
    };
    // Earlier operations end before the flush begins. Writes go on during the flush, and are not part of it.
    this.#timers.addTask(() => (this.#closed ? undefined : begin()), Math.max(0, this.#busyUntil - this.#timers.now()));
  }

  measureRoom(answered: (room: DiskRoom) => void): void {
    const allocated = this.#files.map((entry) => surveyOf(entry).length);
    this.#run(
      'measureRoom',
      '',
      (outcome) => {
        const fileSystemOf = this.#files.map(() => 0);
        const onOne = (free: number | null) => ({ fileSystemOf, fileSystems: [{ folder: '', free }] });
        if (outcome.ok) answered({ allocated, ...onOne(this.#options.free) });
        else answered({ allocated: [], ...onOne(null) });
      },
      () => DONE,
    );
  }

  /** Every file elsewhere lies below every folder. */
  findCandidates({ lengths }: CandidateSearch, answered: (outcome: CandidatesOutcome) => void): void {
    this.#run<CandidatesOutcome>('findCandidates', '', answered, () => {
      const found = [...this.#options.elsewhere].map(([path, { length }]) => ({ path, id: path, length }));
      const right = found.filter(({ length }) => lengths.includes(length));
      return { ok: true, found: right, rest: [], seen: found.length, unreadable: [], isCut: false };
    });
  }

  hashCandidate(piece: PieceIndex, { path }: Candidate, answered: (outcome: CandidateHashOutcome) => void): void {
    this.#run<CandidateHashOutcome>('hashCandidate', `${piece} ${path}`, answered, () => {
      const bytes = this.#options.elsewhere.get(path);
      const { root, width } = this.#layout.proofOf(piece);
      const length = root === null ? this.#layout.lengthOf(piece) : this.#layout.contentLengthOf(piece);
      const content = this.#map.segments(this.#layout.beginOf(piece), length).map((segment) => {
        if (segment.kind === 'zeros') return Buffer.alloc(segment.length);
        return bytes?.subarray(segment.begin, segment.begin + segment.length) ?? Buffer.alloc(0);
      });
      const data = Buffer.concat(content);
      if (bytes === undefined || data.length < length) return { ok: true, hash: null };
      return { ok: true, hash: root === null ? sha1(data) : merkleRoot(leavesOf(data), width, 0) };
    });
  }

  copyCandidate(
    { file, begin, length }: FileRun,
    { path }: Candidate,
    _mayShare: boolean,
    answered: (outcome: CopyOutcome) => void,
  ): void {
    this.#run<CopyOutcome>('copyCandidate', `${file} ${begin} ${path}`, answered, () => {
      const bytes = this.#options.elsewhere.get(path)?.subarray(begin, begin + length) ?? Buffer.alloc(0);
      this.#write(this.#file(file).file.begin + begin, bytes);
      return { ok: true, copied: bytes.length, isShared: false };
    });
  }

  removeBorderFile(answered: (outcome: DoneOutcome) => void): void {
    this.#run('removeBorderFile', '', answered, () => {
      this.#border = null;
      return DONE;
    });
  }

  close(answered: () => void): void {
    this.#assertOpen();
    this.#closed = true;
    this.#timers.addTask(answered, Math.max(0, this.#busyUntil - this.#timers.now()));
  }

  #finish(entry: MemoryFile): DoneOutcome {
    const { file, part, final } = entry;
    entry.isLinked = file.symlink !== null;
    if (file.padding || entry.isLinked) return DONE;
    const name = file.path.join('/');
    const made = part ?? (file.length === 0 && final?.length !== 0 ? this.#createBody(Buffer.alloc(0), 0) : null);
    const found = made ?? final;
    if (found === null || found.length < file.length) {
      return { ok: false, failure: new BtgetError('io', `cannot finish ${name}: it has ${found?.length ?? 0} bytes`) };
    }
    const ours = found.bytes.subarray(0, file.length);
    const foreign = made !== null && final !== null && !final.bytes.subarray(0, final.length).equals(ours);
    if (foreign && !this.#options.overwrite) {
      return { ok: false, failure: new BtgetError('foreign-file', `${name} exists and is not this torrent's`) };
    }
    const changedAt = found.length === file.length ? found.changedAt : this.#nowInNanoseconds();
    entry.final = { ...found, bytes: ours, length: file.length, changedAt };
    entry.part = null;
    this.#unflushed = this.#unflushed.filter(({ body }) => body !== found);
    return DONE;
  }

  #run<T extends { readonly ok: boolean }>(
    operation: StorageOperation,
    what: string | number,
    answered: (outcome: T | { readonly ok: false; readonly failure: BtgetError }) => void,
    work: () => T,
    order: 'in turn' | 'aside' = 'in turn',
  ): void {
    this.#assertOpen();
    this.#options.log?.push(`${operation} ${what}`.trim());
    const failure = this.#failures.get(operation)?.shift();
    const now = this.#timers.now();
    const end = (order === 'aside' ? now : Math.max(now, this.#busyUntil)) + this.#options.latency;
    this.#busyUntil = Math.max(this.#busyUntil, end);
    this.#timers.addTask(() => {
      const outcome = failure === undefined ? work() : ({ ok: false, failure } as const);
      this.#answer(() => answered(outcome));
    }, end - now);
  }

  #answer(task: () => void): void {
    const { answers } = this.#options;
    const answer = (): void => {
      if (!this.#closed) task();
    };
    if (answers === null) answer();
    else answers.addTask(answer, 0);
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
    for (const segment of this.#map.writeSegments(begin, data.length)) {
      const body = this.#bodyToWrite(segment);
      const { begin: to, length } = segment;
      this.#unflushed.push({ body, begin: to, bytes: Buffer.from(body.bytes.subarray(to, to + length)) });
      if (segment.kind === 'file') this.#touched.add(segment.file);
      body.changedAt = this.#nowInNanoseconds();
      data.copy(body.bytes, to, segment.from, segment.from + length);
      body.length = Math.max(body.length, to + length);
    }
  }

  #bodyToWrite(segment: Exclude<ContentSegment, { kind: 'zeros' }>): Body {
    if (segment.kind === 'border') {
      this.#border ??= this.#createBody(Buffer.alloc(this.#layout.pieceCount * this.#layout.pieceLength), 0);
      return this.#border;
    }
    const entry = this.#file(segment.file);
    return entry.part ?? this.#createPart(entry);
  }

  #createPart(entry: MemoryFile): Body {
    entry.part = this.#createBody(Buffer.alloc(entry.file.length), 0);
    return entry.part;
  }

  #createBody(bytes: Buffer, length: number): Body {
    this.#inodes += 1n;
    const now = this.#nowInNanoseconds();
    return { bytes, length, changedAt: now, inode: this.#inodes, bornAt: now };
  }

  #nowInNanoseconds(): bigint {
    return BigInt(Math.round(this.#timers.now() * 1e6));
  }

  /** False when some of the bytes are missing; they are zero then. */
  #read(begin: number, into: Buffer): boolean {
    return this.#readSegments(this.#map.segments(begin, into.length), into);
  }

  #readBy(rule: PlaceRule, begin: number, into: Buffer): boolean {
    return this.#readSegments(this.#map.segmentsBy(rule, begin, into.length), into);
  }

  #readSegments(segments: readonly ContentSegment[], into: Buffer): boolean {
    let whole = true;
    let from = 0;
    for (const segment of segments) {
      const target = into.subarray(from, from + segment.length).fill(0);
      from += segment.length;
      if (segment.kind === 'zeros') continue;
      const body = this.#bodyOf(segment);
      const end = Math.min(segment.begin + segment.length, body?.length ?? 0);
      if (end < segment.begin + segment.length) whole = false;
      body?.bytes.copy(target, 0, Math.min(segment.begin, end), end);
    }
    return whole;
  }

  #bodyOf(segment: Exclude<ContentSegment, { kind: 'zeros' }>): Body | null {
    if (segment.kind === 'border') return this.#border;
    const { part, final } = this.#file(segment.file);
    return part ?? final;
  }
}

/** Padding, links and empty files have no bytes on the disk. */
function isOnDisk(file: TorrentFile): boolean {
  return !file.padding && file.symlink === null && file.length > 0;
}

function surveyOf({ file, part, final, isLinked }: MemoryFile): FileSurvey {
  const body = part ?? final;
  const symlink = file.symlink === null ? {} : { symlink: isLinked ? ('right' as const) : ('absent' as const) };
  if (body === null) return { found: 'absent', length: 0, identity: null, bothNames: false, ...symlink };
  const { length, changedAt, inode, bornAt } = body;
  const identity: FileIdentity = { length, changedAt, inode, bornAt };
  return { found: part === null ? 'final' : 'part', length, identity, bothNames: false };
}

function copyOf(body: Body | null): Body | null {
  return body === null ? null : { ...body, bytes: Buffer.from(body.bytes) };
}
