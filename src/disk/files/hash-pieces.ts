/** Computes the piece hashes of files that are not a torrent yet, for making one. */
import type { Timers } from '../../base/clock.js';
import { BtgetError } from '../../base/failure.js';
import { decodeFailure } from '../failure.js';
import type { HashAnswer, HashSource } from '../protocol.js';
import type { HashQueue } from './hash-queue.js';

/** A file, or a pad file, whose bytes are hashed. */
export interface HashedFile {
  /** An absolute path; links are followed. Null for a pad file: zeros. */
  readonly path: string | null;
  /** Bytes. The file may be longer; the rest is not read. */
  readonly length: number;
}

export type PieceHashesOutcome =
  /** SHA-1 hashes, one after another, 20 bytes for each piece. */
  { readonly ok: true; readonly pieces: Buffer } | { readonly ok: false; readonly failure: BtgetError };

/** Hashing that is under way. */
export interface Hashing {
  /** Nothing is answered after this. Reading ends within a second. */
  cancel(): void;
}

export interface HashPiecesParts {
  readonly timers: Timers;
  readonly hashing: HashQueue;
  /** How many jobs the queue has at a time. */
  readonly jobsAtOnce: number;
}

const HASH_LENGTH = 20;
// Bytes. Some milliseconds of work: a cancelled hashing stops soon, and at the end no core works alone for long.
const JOB_LENGTH = 4 * 1024 * 1024;

/**
 * Hashes `files`, one after another, in pieces of `pieceLength` bytes. `progress` gets the number of bytes hashed so
 * far. `done` is called once unless cancelled; it gets an 'io' failure when a file is shorter than it was, or gone.
 */
export function hashPieces(
  parts: HashPiecesParts,
  files: readonly HashedFile[],
  pieceLength: number,
  progress: (hashed: number) => void,
  done: (outcome: PieceHashesOutcome) => void,
): Hashing {
  const length = files.reduce((sum, file) => sum + file.length, 0);
  const jobLength = Math.max(1, Math.floor(JOB_LENGTH / pieceLength)) * pieceLength;
  const jobs = createJobs(files, length, jobLength);
  const pieces = Buffer.alloc(Math.ceil(length / pieceLength) * HASH_LENGTH);
  // The queue knows our jobs by this.
  const owner = {};
  let ended = false;
  let cancelled = false;
  let hashed = 0;

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
  const gotAnswer = (begin: number, jobBytes: number, answer: HashAnswer): void => {
    if (ended) return;
    if (answer.kind === 'failed') end({ ok: false, failure: decodeFailure(answer.failure) });
    else if (answer.kind === 'missing') end({ ok: false, failure: changed(answer.path) });
    else {
      pieces.set(answer.hashes, (begin / pieceLength) * HASH_LENGTH);
      hashed += jobBytes;
      const soFar = hashed;
      later(() => progress(soFar));
      if (hashed === length) end({ ok: true, pieces });
      else ask();
    }
  };
  const ask = (): void => {
    const job = jobs.next();
    if (job.done === true) return;
    const { begin, sources, bytes } = job.value;
    parts.hashing.add(owner, { sources, pieceLength, sha1: true, tree: null }, (answer) =>
      gotAnswer(begin, bytes, answer),
    );
  };

  if (length === 0) end({ ok: true, pieces });
  else for (let count = 0; count < parts.jobsAtOnce; count += 1) ask();
  return {
    cancel: () => {
      cancelled = true;
      ended = true;
      parts.hashing.drop(owner);
    },
  };
}

interface Job {
  readonly begin: number;
  readonly bytes: number;
  readonly sources: readonly HashSource[];
}

function* createJobs(files: readonly HashedFile[], length: number, jobLength: number): Generator<Job, void> {
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
    yield { begin, bytes, sources };
  }
}

function sourceOf({ path }: HashedFile, begin: number, length: number): HashSource {
  if (path === null) return { kind: 'zeros', length };
  return { kind: 'file', places: [{ root: null, path, id: null }], begin, length };
}

function changed(path: string): BtgetError {
  return new BtgetError('io', `${path} became shorter, or vanished, while it was read`);
}
