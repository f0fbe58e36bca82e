import { bufferOf } from '../../base/bytes.js';
import type { Timers } from '../../base/clock.js';
import { BtgetError } from '../../base/failure.js';
import type { Metainfo, TorrentFile } from '../../metainfo/metainfo.js';
import type { PieceIndex, PieceLayout } from '../../metainfo/piece-layout.js';
import { decodeFailure } from '../failure.js';
import type { HashJob } from '../protocol.js';
import type {
  BlockRead,
  CandidateHashOutcome,
  CandidatesOutcome,
  CheckOutcome,
  ConfirmOutcome,
  CopyOutcome,
  DiskRoom,
  DoneOutcome,
  LeavesOutcome,
  MakeOutcome,
  PassOverOutcome,
  PieceSlot,
  Storage,
  SurveyOutcome,
  SyncOutcome,
} from '../storage.js';
import type { NamelessFile } from '../system/nameless-file.js';
import { verdictOf } from '../verdict.js';
import { PieceDigests } from '../worker/piece-digests.js';
import { judgedOutcome } from './piece-checker.js';
import { commitProofOf } from './proof-of.js';
import type { WorkerThread } from './worker-thread.js';

export interface CacheStorageParts {
  /** Where answers come. Only `close` answers on the timers of the disk. */
  readonly timers: Timers;
  readonly diskTimers: Timers;
  readonly metainfo: Pick<Metainfo, 'files'>;
  readonly layout: PieceLayout;
  /** Judges pieces. */
  readonly judge: Pick<WorkerThread, 'ask'>;
  /** Opens the file that holds the pieces. Called before the first of them is written. Throws a failure of the disk. */
  readonly openFile: () => NamelessFile;
}

const DONE: DoneOutcome = { ok: true };

/** A piece that was written block by block is read back in steps of this length. Bytes. */
const STEP = 1024 * 1024;

/**
 * Keeps pieces for as long as they are needed. They lie in the cells of one file, each as long as a piece. A piece that
 * is forgotten leaves its cell to another one. So the file is as long as the most pieces that were kept at one time.
 * There are no files of the torrent: nothing is found, named or left behind.
 */
export class CacheStorage implements Storage {
  readonly #parts: CacheStorageParts;
  readonly #layout: PieceLayout;
  readonly #cells = new Map<PieceIndex, number>();
  readonly #free: number[] = [];
  #file: NamelessFile | null = null;
  /** How many answers of the worker and of the system are due. */
  #due = 0;
  #closed: { readonly answered: () => void } | null = null;

  constructor(parts: CacheStorageParts) {
    this.#parts = parts;
    this.#layout = parts.layout;
  }

  /** How many cells the file has. */
  get cellCount(): number {
    return this.#cells.size + this.#free.length;
  }

  forgetPiece(piece: PieceIndex): void {
    const cell = this.#cells.get(piece);
    if (cell === undefined) return;
    this.#cells.delete(piece);
    this.#free.push(cell);
  }

  commitPiece(piece: PieceIndex, slot: PieceSlot, answered: (outcome: CheckOutcome) => void): void {
    const data = slot.data.subarray(0, this.#layout.lengthOf(piece));
    const shared = data.buffer instanceof SharedArrayBuffer;
    const proof = commitProofOf(this.#layout, piece);
    this.#begin();
    // Posting a view of unshared memory would copy all of it, not only the view.
    this.#parts.judge.ask('judge', { data: shared ? data : new Uint8Array(data), proof }, [], (told) => {
      if (!told.ok) this.#end(() => answered({ ok: false, failure: decodeFailure(told.failure) }));
      else if (told.value.verdict !== 'right') this.#end(() => answered(judgedOutcome(piece, told.value)));
      else {
        this.#write(piece, 0, data, (outcome) => {
          this.#end(() => answered(outcome.ok ? judgedOutcome(piece, told.value) : outcome));
        });
      }
    });
  }

  writeBlock(piece: PieceIndex, begin: number, data: Buffer, answered: (outcome: DoneOutcome) => void): void {
    this.#begin();
    this.#write(piece, begin, Buffer.from(data), (outcome) => this.#end(() => answered(outcome)));
  }

  checkPiece(piece: PieceIndex, answered: (outcome: CheckOutcome) => void): void {
    const { sha1, root } = this.#layout.proofOf(piece);
    this.#digest(piece, this.#layout.lengthOf(piece), (failure, digests) => {
      if (failure !== null) {
        answered({ ok: false, failure });
        return;
      }
      if (digests === null) {
        answered({ ok: true, matches: false });
        return;
      }
      const verdict = verdictOf(sha1?.equals(digests.hashes) ?? null, root?.equals(digests.roots) ?? null);
      answered(judgedOutcome(piece, { verdict, leaves: root === null ? null : digests.leaves }));
    });
  }

  hashBlocks(piece: PieceIndex, answered: (outcome: LeavesOutcome) => void): void {
    const { root } = this.#layout.proofOf(piece);
    if (root === null) throw new Error(`piece ${piece} has no hash tree`);
    this.#digest(piece, this.#layout.contentLengthOf(piece), (failure, digests) => {
      if (digests !== null && root.equals(digests.roots)) answered({ ok: true, leaves: bufferOf(digests.leaves) });
      else answered({ ok: false, failure: failure ?? this.#notThere(piece) });
    });
  }

  readBlocks(reads: readonly BlockRead[], answered: (outcome: DoneOutcome) => void): void {
    this.#begin();
    let left = 1;
    let outcome: DoneOutcome = DONE;
    const ended = (failure: Error | null): void => {
      if (failure !== null && outcome.ok) outcome = { ok: false, failure: asFailure(failure) };
      left -= 1;
      // With the answer all memory is the caller's again, so no read may still be under way.
      if (left === 0) this.#end(() => answered(outcome));
    };
    for (const read of reads) {
      left += 1;
      this.#read(read, ended);
    }
    ended(null);
  }

  survey(answered: (outcome: SurveyOutcome) => void): void {
    const absent = { found: 'absent', length: 0, identity: null, bothNames: false } as const;
    const files = this.#parts.metainfo.files.map(() => absent);
    this.#answer(answered, { ok: true, files, hasBorderFile: false });
  }

  makeFiles(files: readonly number[], answered: (outcome: MakeOutcome) => void): void {
    const made = new Map(
      files.map((file) => [file, { length: 0, changedAt: 0n, inode: BigInt(file), bornAt: 0n }] as const),
    );
    this.#answer(answered, { ok: true, made });
  }

  demoteFile(_file: number, _keepsFinal: boolean, answered: (outcome: DoneOutcome) => void): void {
    this.#answer(answered, DONE);
  }

  restoreFile(_file: number, answered: (outcome: DoneOutcome) => void): void {
    this.#answer(answered, DONE);
  }

  passOverParts(_files: readonly number[], answered: (outcome: PassOverOutcome) => void): void {
    this.#answer(answered, { ok: true, files: [] });
  }

  useParts(): void {
    // There is no file that could have two names.
  }

  useCopy(): void {
    // No file is read through a link.
  }

  removePart(_file: number, answered: (outcome: DoneOutcome) => void): void {
    this.#answer(answered, DONE);
  }

  adoptFiles(_files: readonly unknown[], answered: (outcome: DoneOutcome) => void): void {
    this.#answer(answered, DONE);
  }

  finishFile(_file: number, answered: (outcome: DoneOutcome) => void): void {
    this.#answer(answered, DONE);
  }

  finalName(file: number): string {
    return (this.#parts.metainfo.files[file] as TorrentFile).path.join('/');
  }

  confirmFiles(_files: unknown, _isWhole: unknown, answered: (outcome: ConfirmOutcome) => void): void {
    this.#answer(answered, { ok: true, files: [] });
  }

  releaseFile(_file: number | null, answered: (outcome: DoneOutcome) => void): void {
    this.#answer(answered, DONE);
  }

  sync(_also: readonly number[], answered: (outcome: SyncOutcome) => void): void {
    this.#answer(answered, { ok: true, flushed: new Map() });
  }

  measureRoom(answered: (room: DiskRoom) => void): void {
    const none = this.#parts.metainfo.files.map(() => 0);
    this.#answer(answered, { allocated: none, fileSystemOf: none, fileSystems: [{ folder: '', free: null }] });
  }

  findCandidates(_search: unknown, answered: (outcome: CandidatesOutcome) => void): void {
    this.#answer(answered, { ok: true, found: [], rest: [], seen: 0, unreadable: [], isCut: false });
  }

  hashCandidate(_piece: PieceIndex, _candidate: unknown, answered: (outcome: CandidateHashOutcome) => void): void {
    this.#answer(answered, { ok: true, hash: null });
  }

  copyCandidate(
    _run: unknown,
    _candidate: unknown,
    _mayShare: boolean,
    answered: (outcome: CopyOutcome) => void,
  ): void {
    this.#answer(answered, { ok: true, copied: 0, isShared: false });
  }

  removeBorderFile(answered: (outcome: DoneOutcome) => void): void {
    this.#answer(answered, DONE);
  }

  close(answered: () => void): void {
    this.#refuseWhenClosed();
    this.#closed = { answered };
    this.#finishClosing();
  }

  #finishClosing(): void {
    const closed = this.#closed;
    if (closed === null || this.#due > 0) return;
    this.#file?.close();
    this.#file = null;
    this.#parts.diskTimers.addTask(closed.answered, 0);
  }

  #begin(): void {
    this.#refuseWhenClosed();
    this.#due += 1;
  }

  /** Answers later, unless the storage is closed by then. */
  #end(answer: () => void): void {
    this.#due -= 1;
    this.#later(answer);
    this.#finishClosing();
  }

  #answer<T>(answered: (outcome: T) => void, outcome: T): void {
    this.#refuseWhenClosed();
    this.#later(() => answered(outcome));
  }

  #later(task: () => void): void {
    this.#parts.timers.addTask(() => {
      if (this.#closed === null) task();
    }, 0);
  }

  #refuseWhenClosed(): void {
    if (this.#closed !== null) throw new Error('something was asked of a storage that is closed');
  }

  /** Nobody sends a piece that is padding alone, so it needs no cell. */
  #has(piece: PieceIndex): boolean {
    return this.#cells.has(piece) || this.#layout.isPadding(piece);
  }

  /** Where a piece lies in the file. A piece without a cell gets one. */
  #positionOf(piece: PieceIndex): number {
    let cell = this.#cells.get(piece);
    if (cell === undefined) {
      cell = this.#free.pop() ?? this.#cells.size;
      this.#cells.set(piece, cell);
    }
    return cell * this.#layout.pieceLength;
  }

  #write(piece: PieceIndex, begin: number, data: Uint8Array, answered: (outcome: DoneOutcome) => void): void {
    const told = (failure: Error | null): void =>
      answered(failure === null ? DONE : { ok: false, failure: asFailure(failure) });
    try {
      this.#file ??= this.#parts.openFile();
    } catch (error) {
      told(asFailure(error));
      return;
    }
    this.#file.write(data, this.#positionOf(piece) + begin, told);
  }

  #read({ piece, begin, into }: BlockRead, answered: (failure: Error | null) => void): void {
    const length = this.#layout.isPadding(piece) ? 0 : Math.min(into.length, this.#layout.lengthOf(piece) - begin);
    if (!this.#has(piece)) {
      answered(this.#notThere(piece));
      return;
    }
    into.fill(0, Math.max(0, length));
    if (length <= 0 || this.#file === null) {
      answered(null);
      return;
    }
    this.#file.read(into.subarray(0, length), this.#positionOf(piece) + begin, (failure) => {
      // Nobody sends blocks of padding, so their room may hold bytes of another piece.
      for (const run of this.#layout.paddingOf(piece))
        if (run.end > begin && run.begin < begin + length)
          into.fill(0, Math.max(0, run.begin - begin), Math.min(length, run.end - begin));
      answered(failure);
    });
  }

  /** The digests of the first `length` bytes of a piece; null when the piece is not here. */
  #digest(
    piece: PieceIndex,
    length: number,
    answered: (failure: BtgetError | null, digests: ReturnType<PieceDigests['end']> | null) => void,
  ): void {
    this.#begin();
    if (!this.#has(piece)) {
      this.#end(() => answered(null, null));
      return;
    }
    const { sha1, root, width } = this.#layout.proofOf(piece);
    const sources = this.#sourcesOf(piece, length);
    const digests = new PieceDigests({
      sources,
      pieceLength: this.#layout.pieceLength,
      sha1: sha1 !== null,
      tree: root === null ? null : { width, leaves: true },
    });
    const step = Buffer.alloc(Math.min(STEP, length));
    let begin = 0;
    const next = (source: number, done: number): void => {
      const { kind, length: whole } = sources[source] ?? { kind: 'none', length: 0 };
      if (kind === 'none') {
        this.#end(() => answered(null, digests.end()));
        return;
      }
      if (done === whole) {
        next(source + 1, 0);
        return;
      }
      const into = step.subarray(0, Math.min(step.length, whole - done));
      this.#read({ piece, begin, into }, (failure) => {
        if (failure !== null) {
          this.#end(() => answered(asFailure(failure), null));
          return;
        }
        begin += into.length;
        digests.add(into, kind === 'file');
        next(source, done + into.length);
      });
    };
    next(0, 0);
  }

  /** The runs of content and of padding in the first `length` bytes of a piece. */
  #sourcesOf(piece: PieceIndex, length: number): HashJob['sources'] {
    const sources: HashJob['sources'][number][] = [];
    let at = 0;
    const contentUntil = (end: number): void => {
      if (end > at) sources.push({ kind: 'file', places: [], begin: at, length: end - at });
      at = Math.max(at, end);
    };
    for (const { begin, end } of this.#layout.paddingOf(piece)) {
      if (begin >= length) break;
      contentUntil(begin);
      sources.push({ kind: 'zeros', length: Math.min(end, length) - begin });
      at = Math.min(end, length);
    }
    contentUntil(length);
    return sources;
  }

  #notThere(piece: PieceIndex): BtgetError {
    return new BtgetError('io', `piece ${piece} is not kept any more`);
  }
}

/** Any other error is a bug, and is thrown again. */
function asFailure(error: unknown): BtgetError {
  if (error instanceof BtgetError) return error;
  throw error;
}
