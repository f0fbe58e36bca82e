/** Computes the piece hashes of files that are not a torrent yet, for making one. */
import type { Timers } from '../../base/clock.js';
import { BtgetError } from '../../base/failure.js';
import { alignedPieceCount, padLengths } from '../../metainfo/aligned-files.js';
import { V1_HASH_LENGTH } from '../../metainfo/info-hash.js';
import { NODE_LENGTH, powerOfTwoFrom } from '../../metainfo/merkle.js';
import type { Metainfo } from '../../metainfo/metainfo.js';
import { BLOCK_LENGTH } from '../../metainfo/piece-layout.js';
import { decodeFailure } from '../failure.js';
import type { HashAnswer, HashJob, HashSource } from '../protocol.js';
import type { HashQueue } from './hash-queue.js';

/** A file, or a pad file, whose bytes are hashed. */
export interface HashedFile {
  /** An absolute path; links are followed. Null for a pad file of version 1: zeros. */
  readonly path: string | null;
  /** Bytes. The file may be longer; the rest is not read. */
  readonly length: number;
}

export type PieceHashesOutcome =
  | {
      readonly ok: true;
      /** SHA-1 hashes, one after another, 20 bytes for each piece; empty for version 2. */
      readonly pieces: Buffer;
      /** The root of each piece's part of its file's hash tree, 32 bytes for each piece; null for version 1. */
      readonly pieceRoots: Buffer | null;
    }
  | { readonly ok: false; readonly failure: BtgetError };

/** Hashing that is under way. */
export interface Hashing {
  /** Nothing is answered after this. Reading ends within a second. */
  cancel(): void;
}

export interface HashPiecesParts {
  readonly timers: Timers;
  readonly hashing: HashQueue;
  /** How many jobs the queue has at a time, and many more when they are short. */
  readonly jobsAtOnce: number;
}

// Bytes. Some milliseconds of work: a cancelled hashing stops soon, and at the end no core works alone for long.
const JOB_LENGTH = 4 * 1024 * 1024;
// For each job of that length there may be so many short ones, of small files. The queue hands them out together.
const SHORT_JOBS = 256;

/**
 * Hashes `files`, one after another, in pieces of `pieceLength` bytes. For version 2 and hybrids each file with bytes
 * begins a piece; the SHA-1 of a hybrid's piece is that of the file's bytes and of the pad file behind them, and there
 * `pieceLength` is a power of two from 16 KiB on. `progress` gets the number of bytes of `files` hashed so far. `done`
 * is called once unless cancelled; it gets an 'io' failure when a file is shorter than it was, or gone.
 */
export function hashPieces(
  parts: HashPiecesParts,
  files: readonly HashedFile[],
  pieceLength: number,
  version: Metainfo['version'],
  progress: (hashed: number) => void,
  done: (outcome: PieceHashesOutcome) => void,
): Hashing {
  const lengths = files.map((file) => file.length);
  const length = lengths.reduce((sum, each) => sum + each, 0);
  const count = version === '1' ? Math.ceil(length / pieceLength) : alignedPieceCount(lengths, pieceLength);
  const jobs = version === '1' ? joinedJobs(files, length, pieceLength) : alignedJobs(files, pieceLength, version);
  const pieces = Buffer.alloc(version === '2' ? 0 : count * V1_HASH_LENGTH);
  const pieceRoots = version === '1' ? null : Buffer.alloc(count * NODE_LENGTH);
  // The queue knows our jobs by this.
  const owner = {};
  let ended = false;
  let cancelled = false;
  let hashed = 0;
  let underWay = 0;
  let bytesUnderWay = 0;

  const later = (task: () => void): void => {
    parts.timers.addTask(() => {
      if (!cancelled) task();
    }, 0);
  };
  const end = (outcome: PieceHashesOutcome): void => {
    if (ended) return;
    ended = true;
    parts.hashing.drop(owner);
    later(() => done(outcome));
  };
  const gotAnswer = ({ first, bytes }: Job, answer: HashAnswer): void => {
    if (ended) return;
    underWay -= 1;
    bytesUnderWay -= bytes;
    if (answer.kind === 'failed') end({ ok: false, failure: decodeFailure(answer.failure) });
    else if (answer.kind === 'missing') end({ ok: false, failure: changed(answer.path) });
    else {
      if (version !== '2') pieces.set(answer.hashes, first * V1_HASH_LENGTH);
      pieceRoots?.set(answer.roots, first * NODE_LENGTH);
      hashed += bytes;
      const soFar = hashed;
      later(() => progress(soFar));
      if (hashed === length) end({ ok: true, pieces, pieceRoots });
      else ask();
    }
  };
  const hasRoom = (): boolean =>
    underWay < parts.jobsAtOnce ||
    (underWay < parts.jobsAtOnce * SHORT_JOBS && bytesUnderWay < parts.jobsAtOnce * JOB_LENGTH);
  const ask = (): void => {
    while (hasRoom()) {
      const next = jobs.next();
      if (next.done === true) return;
      const job = next.value;
      underWay += 1;
      bytesUnderWay += job.bytes;
      parts.hashing.add(owner, job.asked, (answer) => gotAnswer(job, answer));
    }
  };

  if (length === 0) end({ ok: true, pieces, pieceRoots });
  else ask();
  return {
    cancel: () => {
      cancelled = true;
      ended = true;
      parts.hashing.drop(owner);
    },
  };
}

interface Job {
  /** The index of its first piece. */
  readonly first: number;
  /** Bytes of files. */
  readonly bytes: number;
  readonly asked: HashJob;
}

/** The jobs of version 1, where a piece may reach over the end of a file. */
function* joinedJobs(files: readonly HashedFile[], length: number, pieceLength: number): Generator<Job, void> {
  const jobLength = jobLengthOf(pieceLength);
  let file = 0;
  let inFile = 0;
  for (let begin = 0; begin < length; begin += jobLength) {
    const bytes = Math.min(jobLength, length - begin);
    const sources: HashSource[] = [];
    for (let left = bytes; left > 0; ) {
      const from = files[file];
      if (from === undefined) throw new Error('the files are shorter than their sum');
      const taken = Math.min(left, from.length - inFile);
      if (taken > 0) sources.push(sourceOf(from, inFile, taken));
      left -= taken;
      inFile += taken;
      if (inFile === from.length) {
        file += 1;
        inFile = 0;
      }
    }
    yield { first: begin / pieceLength, bytes, asked: { sources, pieceLength, sha1: true, tree: null } };
  }
}

/** The jobs of version 2 and hybrids. Each is for bytes of one file. */
function* alignedJobs(
  files: readonly HashedFile[],
  pieceLength: number,
  version: Metainfo['version'],
): Generator<Job, void> {
  const jobLength = jobLengthOf(pieceLength);
  const isHybrid = version === 'hybrid';
  const pads = isHybrid
    ? padLengths(
        files.map((file) => file.length),
        pieceLength,
      )
    : [];
  let first = 0;
  for (const [index, file] of files.entries()) {
    const blocks = Math.min(pieceLength, file.length) / BLOCK_LENGTH;
    const tree = { width: powerOfTwoFrom(Math.max(1, Math.ceil(blocks))), leaves: false };
    for (let begin = 0; begin < file.length; begin += jobLength) {
      const bytes = Math.min(jobLength, file.length - begin);
      const sources = [sourceOf(file, begin, bytes)];
      const pad = begin + bytes === file.length ? (pads[index] ?? 0) : 0;
      if (pad > 0) sources.push({ kind: 'zeros', length: pad });
      yield { first, bytes, asked: { sources, pieceLength, sha1: isHybrid, tree } };
      first += Math.ceil(bytes / pieceLength);
    }
  }
}

function jobLengthOf(pieceLength: number): number {
  return Math.max(1, Math.floor(JOB_LENGTH / pieceLength)) * pieceLength;
}

function sourceOf({ path }: HashedFile, begin: number, length: number): HashSource {
  if (path === null) return { kind: 'zeros', length };
  return { kind: 'file', places: [{ root: null, path, id: null }], begin, length };
}

function changed(path: string): BtgetError {
  return new BtgetError('io', `${path} became shorter, or vanished, while it was read`);
}
