/**
 * A download without a network, on a simulated disk. It has all the code that writes, flushes, writes down, believes
 * and hashes.
 */
import assert from 'node:assert/strict';
import type { Worker } from 'node:worker_threads';
import type { Millis, Timers } from '../../../src/base/clock.js';
import { type Random, shuffle } from '../../../src/base/random.js';
import { createFileTarget } from '../../../src/disk/files/file-disk.js';
import { FileStorage } from '../../../src/disk/files/file-storage.js';
import { HashQueue } from '../../../src/disk/files/hash-queue.js';
import { PieceCommits } from '../../../src/disk/files/piece-commits.js';
import { FileReadPool } from '../../../src/disk/files/read-pool.js';
import { PIECE_WORKER, WorkerThread } from '../../../src/disk/files/worker-thread.js';
import { journalName, markedTarget } from '../../../src/disk/names.js';
import type { WorkAnswer, WorkRequest } from '../../../src/disk/protocol.js';
import type { Storage } from '../../../src/disk/storage.js';
import { RootAnchors } from '../../../src/disk/system/anchor.js';
import type { ProcessFacts } from '../../../src/disk/system/processes.js';
import { servePieceWork } from '../../../src/disk/worker/piece-work.js';
import { BLOCK_LENGTH, type PieceIndex } from '../../../src/metainfo/piece-layout.js';
import type { Belief } from '../../../src/resume/belief.js';
import { JOURNAL_MAGIC, type UnfinishedPieces } from '../../../src/resume/journal-format.js';
import { DEFAULT_JOURNAL_KEEPER_OPTIONS, JournalKeeper } from '../../../src/resume/journal-keeper.js';
import { JournaledStorage } from '../../../src/resume/journaled-storage.js';
import { OwnJournal } from '../../../src/resume/own-journal.js';
import { Resume } from '../../../src/resume/resume.js';
import { TargetHold } from '../../../src/resume/target-hold.js';
import { Completion } from '../../../src/torrent/content/completion.js';
import { WantedContent } from '../../../src/torrent/content/wanted-content.js';
import { ExistingData } from '../../../src/torrent/existing/existing-data.js';
import { DEFAULT_TORRENT_OPTIONS } from '../../../src/torrent/torrent-options.js';
import type { SampleTorrent } from '../sample-torrent.js';
import { Timeline } from '../simulation/timeline.js';
import { PowerDisk, type PowerDiskOptions, type PowerImage } from './power-disk.js';

export const DOWNLOADS = '/downloads';

/** How long the machine has run when the download begins, in nanoseconds. The power was cut before that. */
const UPTIME = 5_000_000_000n;

export interface DiskDownloadOptions extends PowerDiskOptions {
  /** The time between one piece and the next. */
  readonly pace: Millis;
  /** One piece in so many is written block by block, ... */
  readonly inBlocks: number;
  /** ... with this time between its blocks. */
  readonly blockPace: Millis;
  /** When the download is interrupted; null: it comes to its end. */
  readonly interruptAt: Millis | null;
  readonly partNames: boolean;
  /** Patterns of the files that are wanted; none: all files are. */
  readonly select: readonly string[];
  /** Whether the thread that writes judges pieces, or another one does. */
  readonly judge: 'writer' | 'other';
  /** How long the other thread takes for each piece. */
  readonly judgeTime: () => Millis;
  /** Options of the keeper of the journal. Bytes. */
  readonly batch: number;
  readonly minLength: number;
  /**
   * What the keeper of the journal uses as the disk. A test may hand in one that does not flush, to see what becomes of
   * the journal.
   */
  readonly flushed: (storage: Storage) => Pick<Storage, 'sync'>;
}

export const DEFAULT_DISK_DOWNLOAD_OPTIONS: DiskDownloadOptions = {
  flushTime: () => 20,
  flushes: () => true,
  pace: 80,
  inBlocks: 4,
  blockPace: 0,
  interruptAt: null,
  partNames: true,
  select: [],
  judge: 'writer',
  judgeTime: () => 0,
  batch: DEFAULT_JOURNAL_KEEPER_OPTIONS.length,
  minLength: DEFAULT_JOURNAL_KEEPER_OPTIONS.minLength,
  flushed: (storage) => storage,
};

/** What a download did from its start to its end, in simulated time. */
export interface DiskDownload {
  readonly disk: PowerDisk;
  readonly belief: Belief;
  /** The pieces that it found on the disk when it began. */
  readonly verified: readonly PieceIndex[];
  /** Blocks of other pieces that had been written down, and that it found on the disk. */
  readonly unfinished: UnfinishedPieces;
  /** How many events the disk had seen when the torrent heard that the piece is verified and written. */
  readonly committed: ReadonlyMap<PieceIndex, number>;
  readonly isDone: boolean;
}

export function contentOf(
  { metainfo, layout }: SampleTorrent,
  { select }: Pick<DiskDownloadOptions, 'select'>,
): WantedContent {
  return new WantedContent(metainfo, layout, { select: [...select], exclude: [], ranges: null });
}

/** Runs a download of `sample` on what `image` holds. Throws when it warns, fails, or does not end. */
export function downloadOnto(
  image: PowerImage,
  sample: SampleTorrent,
  random: Random,
  options: DiskDownloadOptions,
): DiskDownload {
  const { metainfo, layout } = sample;
  const content = contentOf(sample, options);
  const timers = new Timeline();
  const disk = new PowerDisk(timers, image, options);
  const crashed = (error: Error): never => {
    throw error;
  };
  const thread = (judgeTime: () => Millis): WorkerThread =>
    new WorkerThread(PIECE_WORKER, crashed, { take: () => simulatedWorker(timers, disk, image.at, judgeTime) });
  const writer = thread(() => 0);
  const hashing = new HashQueue([thread(options.judgeTime)]);
  const anchors = new RootAnchors();
  const storageOnDisk = new FileStorage({
    timers,
    metainfo,
    layout,
    place: { id: 0, root: DOWNLOADS, partNames: options.partNames, overwrite: false },
    output: null,
    selected: content.isAll ? null : content.files,
    disk: {
      timers,
      writer,
      commits: new PieceCommits(writer, hashing, {
        behindFrom: options.judge === 'other' ? 0 : Number.POSITIVE_INFINITY,
      }),
      hashing,
      readPool: new FileReadPool(disk.readOperations, 1),
      readOperations: disk.readOperations,
      anchors,
    },
  });
  const target = (id: number, name: string) =>
    createFileTarget(writer, {
      ...{ id, root: DOWNLOADS, target: name },
      ...{ anchor: anchors.of(DOWNLOADS), name: journalName(name), head: JOURNAL_MAGIC },
    });
  const { journal, lock } = target(0, metainfo.name);
  const marked = target(1, markedTarget(metainfo.name, metainfo.infoHash)).journal;
  const file = new OwnJournal(journal, marked, metainfo.infoHash, new Set());
  const warned = (code: string, message: string): never => assert.fail(`${code}: ${message}`);
  const owner = { infoHash: metainfo.infoHash, pieceCount: layout.pieceCount, fileCount: metainfo.files.length };
  const keeper = new JournalKeeper(
    {
      timers,
      random,
      layout,
      owner,
      storage: options.flushed(storageOnDisk),
      file,
      claimsFiles: true,
      warned,
    },
    { ...DEFAULT_JOURNAL_KEEPER_OPTIONS, length: options.batch, minLength: options.minLength },
  );
  const resume = new Resume({
    timers,
    random,
    metainfo,
    layout,
    owner,
    file,
    claim: { waitsFor: null, begin: (granted) => granted(), end: () => undefined },
    keeper,
    hold: new TargetHold(timers, lock, warned),
    mayWrite: true,
    isWanted: (index) => content.files.has(index),
    partNames: options.partNames,
    trustsJournal: true,
    seeds: false,
    warned,
  });
  const storage = new JournaledStorage(storageOnDisk, layout, resume);

  const torrentOptions = { ...DEFAULT_TORRENT_OPTIONS, dir: DOWNLOADS, partNames: options.partNames };
  let belief: Belief | undefined;
  let verified: readonly PieceIndex[] = [];
  let unfinished: UnfinishedPieces = new Map();
  const committed = new Map<PieceIndex, number>();
  const wanted = Array.from(layout.pieceIndices()).filter((piece) => content.hasPiece(piece));
  let left = wanted.length;
  let isDone = false;
  let hasEnded = false;
  const isOpen = (): boolean => options.interruptAt === null || timers.now() < options.interruptAt;
  const end = (): void => {
    completion.stop();
    existing.stop();
    storage.close(() => {
      hasEnded = true;
    });
  };
  const completion: Completion = new Completion({
    timers,
    metainfo,
    layout,
    storage,
    content,
    options: torrentOptions,
    events: {
      fileDone: () => undefined,
      done: () => undefined,
      goalReached: () => {
        isDone = true;
        resume.complete();
        end();
      },
    },
    amountLeft: () => left,
    isLost: () => false,
    ratio: () => 0,
    diskFailed: (failure) => assert.fail(failure),
    diskWorked: () => undefined,
  });
  const got = (piece: PieceIndex): void => {
    if (hasEnded) return;
    committed.set(piece, disk.events.length);
    left -= 1;
    completion.pieceVerified(piece);
  };
  const existing = new ExistingData(
    {
      metainfo,
      layout,
      storage,
      resume: {
        open: (answered) => resume.open(answered),
        believe: (survey, possible) => {
          belief = resume.believe(survey, possible);
          return belief;
        },
        begin: (findings, answered) => resume.begin(findings, answered),
        claim: (answered) => resume.claim(answered),
        undone: () => resume.undone(),
      },
      content,
      options: torrentOptions,
      isAnothers: () => false,
      prepares: true,
      warned,
      pieceFound: () => undefined,
      checking: () => undefined,
    },
    (outcome) => {
      if (!outcome.ok) throw outcome.failure;
      ({ verified, unfinished } = outcome);
      left -= wanted.filter((piece) => verified.includes(piece)).length;
      resume.started();
      completion.begin(verified, outcome.whole);
      const missing = wanted.filter((piece) => !verified.includes(piece));
      for (const [index, piece] of shuffle(random, missing).entries()) {
        const writes = random.below(options.inBlocks) === 0 ? writeInBlocks(timers, options.blockPace, isOpen) : commit;
        timers.addTask(() => {
          if (isOpen()) writes(storage, sample, piece, got);
        }, index * options.pace);
      }
    },
  );
  existing.begin();
  if (options.interruptAt !== null) timers.addTask(() => !isDone && end(), options.interruptAt);
  timers.runUntil(() => hasEnded, 3_600_000);
  if (belief === undefined) throw new Error('it was interrupted before it believed anything');
  return { disk, belief, verified, unfinished, committed, isDone };
}

type Write = (storage: Storage, sample: SampleTorrent, piece: PieceIndex, got: (piece: PieceIndex) => void) => void;

const commit: Write = (storage, sample, piece, got) =>
  storage.commitPiece(piece, { data: Buffer.from(sample.bytesOf(piece)) }, (outcome) => {
    assert.deepEqual(outcome, { ok: true, matches: true });
    got(piece);
  });

/** Writes the last block first. */
const writeInBlocks =
  (timers: Timers, pace: Millis, isOpen: () => boolean): Write =>
  (storage, sample, piece, got) => {
    const bytes = sample.bytesOf(piece);
    const check = (): void =>
      storage.checkPiece(piece, (outcome) => {
        assert.deepEqual(outcome, { ok: true, matches: true });
        got(piece);
      });
    const write = (block: number): void => {
      const begin = block * BLOCK_LENGTH;
      storage.writeBlock(piece, begin, bytes.subarray(begin, begin + BLOCK_LENGTH), () => {
        if (block === 0) check();
        else if (pace === 0) write(block - 1);
        else timers.addTask(() => isOpen() && write(block - 1), pace);
      });
    };
    write(sample.layout.blockCount(piece) - 1);
  };

/** Stands for a worker thread: it takes a moment for each message. Its process is not the one that ran before. */
function simulatedWorker(timers: Timeline, disk: PowerDisk, boot: bigint, judgeTime: () => Millis): Worker {
  const pid = 4321;
  const processes: ProcessFacts = {
    pid,
    host: 'here',
    space: '',
    user: null,
    startOf: (other) => (other === pid ? `${boot}/1` : undefined),
    boot: () => ({ id: `${boot}`, at: boot - UPTIME }),
  };
  let asked: (request: WorkRequest) => void = () => undefined;
  let told: (answer: WorkAnswer) => void = () => undefined;
  let busyUntil: Millis = 0;
  servePieceWork(
    {
      on: (_event, listener) => {
        asked = listener;
      },
      postMessage: (answer) => {
        timers.addTask(() => told(answer), 0);
      },
      close: () => undefined,
    },
    disk.operations,
    processes,
  );
  const worker = {
    on: (event: string, listener: (answer: WorkAnswer) => void) => {
      if (event === 'message') told = listener;
    },
    postMessage: (request: WorkRequest) => {
      busyUntil = Math.max(busyUntil, timers.now()) + (request.kind === 'judge' ? judgeTime() : 0);
      timers.addTask(() => asked(request), busyUntil + 1 - timers.now());
    },
    ref: () => undefined,
    unref: () => undefined,
  };
  return worker as unknown as Worker;
}
