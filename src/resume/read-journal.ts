/** Reads a journal. Any user or program may have written its bytes, so nothing here throws on them. */
import { crc32 } from '../base/crc32.js';
import type { FileIdentity } from '../disk/storage.js';
import type { PieceRun } from '../metainfo/piece-layout.js';
import {
  BLOCK_SUM_LENGTH,
  BLOCKS_HEAD_LENGTH,
  FILE_LENGTH,
  HEAD_LENGTH,
  JOURNAL_MAGIC,
  JOURNAL_VERSION,
  type JournalOwner,
  lastSeal,
  MAX_ENTRIES,
  RECORD_KIND,
  RECORD_OVERHEAD,
  RUN_LENGTH,
  SEAL_LENGTH,
  SUM_LENGTH,
  type Sums,
  sealOf,
} from './journal-format.js';

/** What a journal says up to its first broken record. */
export interface JournalContents {
  /** Pieces that are on the disk, in the order in which they came there. A piece may occur twice. */
  readonly runs: readonly PieceRun[];
  /** Pieces that were written, and perhaps not flushed. */
  readonly written: readonly PieceRun[];
  /** The identities of files at their last flush, by index. */
  readonly files: ReadonlyMap<number, FileIdentity>;
  /** Sums of blocks on the disk, by piece and by number in the piece. Some of these pieces may be verified since. */
  readonly blocks: ReadonlyMap<number, Sums>;
  /** The download that wrote it ended cleanly: the files are as the journal says, to the nanosecond. */
  readonly isClean: boolean;
}

// A journal names a piece again when the piece was lost and came a second time. One that names pieces many times is an
// attack that keeps us busy: a few megabytes could name two million pieces a million times.
const MAX_TIMES = 16;
// The same for blocks: these are 16 GiB of unfinished pieces.
const MAX_BLOCKS = 1_000_000;

interface Reading {
  readonly runs: PieceRun[];
  readonly written: PieceRun[];
  readonly files: Map<number, FileIdentity>;
  readonly blocks: Map<number, Map<number, number>>;
  /** How many pieces all runs name together. */
  pieces: number;
  /** How many blocks all records name together, also those that are no longer true. */
  blockCount: number;
}

/** Whether the bytes are a journal of btget, even a broken one or one of another version. */
export function isJournal(bytes: Buffer): boolean {
  return bytes.subarray(0, JOURNAL_MAGIC.length).equals(JOURNAL_MAGIC);
}

/** The info-hash in the head of a journal of any version; null when the head is damaged or there is none. */
export function ownerIn(bytes: Buffer): Buffer | null {
  if (bytes.length < HEAD_LENGTH || !isJournal(bytes)) return null;
  const sealed = bytes.subarray(0, HEAD_LENGTH - SEAL_LENGTH);
  return crc32(sealed) === bytes.readUInt32BE(sealed.length) ? bytes.subarray(20, 40) : null;
}

/**
 * What the journal of `owner` says; null when the bytes have no head of our version for this torrent. The records count
 * up to the first one that is torn, damaged, unknown or impossible: when a crash cuts an append off, the records before
 * it are still good.
 */
export function readJournal(bytes: Buffer, owner: JournalOwner): JournalContents | null {
  if (!isHeadOf(bytes, owner)) return null;
  const reading: Reading = {
    runs: [],
    written: [],
    files: new Map(),
    blocks: new Map(),
    pieces: 0,
    blockCount: 0,
  };
  let seal = lastSeal(bytes.subarray(0, HEAD_LENGTH));
  let begin = HEAD_LENGTH;
  let ended = false;
  while (!ended) {
    const record = recordAt(bytes, begin, seal);
    if (record === null || !takeRecord(record, owner, reading)) break;
    seal = lastSeal(record);
    begin += record.length;
    ended = record[4] === RECORD_KIND.end;
  }
  const { runs, written, files, blocks } = reading;
  return { runs, written, files, blocks, isClean: ended && begin === bytes.length };
}

function isHeadOf(bytes: Buffer, { infoHash, pieceCount, fileCount }: JournalOwner): boolean {
  if (bytes.length < HEAD_LENGTH || !isJournal(bytes)) return false;
  if (bytes.readUInt32BE(8) !== JOURNAL_VERSION) return false;
  const sealed = bytes.subarray(0, HEAD_LENGTH - SEAL_LENGTH);
  return (
    crc32(sealed) === bytes.readUInt32BE(sealed.length) &&
    bytes.subarray(20, 40).equals(infoHash) &&
    bytes.readUInt32BE(40) === pieceCount &&
    bytes.readUInt32BE(44) === fileCount
  );
}

/** The record that begins at `begin`; null when it is torn, or does not follow the record with the seal `before`. */
function recordAt(bytes: Buffer, begin: number, before: number): Buffer | null {
  if (begin + RECORD_OVERHEAD > bytes.length) return null;
  const end = begin + RECORD_OVERHEAD + bytes.readUInt32BE(begin);
  if (end > bytes.length) return null;
  const record = bytes.subarray(begin, end);
  return sealOf(record.subarray(0, -SEAL_LENGTH), before) === lastSeal(record) ? record : null;
}

/**
 * Adds a record to `reading`, all of it or nothing. False when we never write such a record, though its seal is right.
 */
function takeRecord(record: Buffer, owner: JournalOwner, reading: Reading): boolean {
  const body = record.subarray(5, -SEAL_LENGTH);
  if (record[4] === RECORD_KIND.end) return body.length === 0;
  if (record[4] === RECORD_KIND.pieces || record[4] === RECORD_KIND.written) {
    const runs = entriesOf(body, RUN_LENGTH, runAt);
    if (!runs?.every(({ first, end }) => first < end && end <= owner.pieceCount)) return false;
    reading.pieces += runs.reduce((sum, { first, end }) => sum + end - first, 0);
    if (reading.pieces > MAX_TIMES * owner.pieceCount) return false;
    const list = record[4] === RECORD_KIND.pieces ? reading.runs : reading.written;
    for (const run of runs) list.push(run);
    return true;
  }
  if (record[4] === RECORD_KIND.files) {
    const files = entriesOf(body, FILE_LENGTH, fileAt);
    if (!files?.every(([index]) => index < owner.fileCount)) return false;
    for (const [index, identity] of files) reading.files.set(index, identity);
    return true;
  }
  if (record[4] === RECORD_KIND.blocks) return takeBlocks(body, owner, reading);
  return false;
}

function takeBlocks(body: Buffer, owner: JournalOwner, reading: Reading): boolean {
  if (body.length < BLOCKS_HEAD_LENGTH) return false;
  const piece = body.readUInt32BE(0);
  if (piece >= owner.pieceCount) return false;
  if (body.length === BLOCKS_HEAD_LENGTH) {
    reading.blocks.delete(piece);
    return true;
  }
  const sums = entriesOf(body.subarray(BLOCKS_HEAD_LENGTH), BLOCK_SUM_LENGTH, sumAt);
  reading.blockCount += sums?.length ?? 0;
  if (sums === null || reading.blockCount > MAX_BLOCKS) return false;
  const known = reading.blocks.get(piece) ?? new Map<number, number>();
  for (const [block, sum] of sums) known.set(block, sum);
  reading.blocks.set(piece, known);
  return true;
}

function entriesOf<T>(body: Buffer, length: number, entryAt: (body: Buffer, begin: number) => T): T[] | null {
  const count = body.length / length;
  if (!Number.isInteger(count) || count === 0 || count > MAX_ENTRIES) return null;
  return Array.from({ length: count }, (_, index) => entryAt(body, index * length));
}

function runAt(body: Buffer, begin: number): PieceRun {
  return { first: body.readUInt32BE(begin), end: body.readUInt32BE(begin + 4) };
}

function sumAt(body: Buffer, begin: number): readonly [number, number] {
  return [body.readUInt32BE(begin), body.readUIntBE(begin + 4, SUM_LENGTH)];
}

function fileAt(body: Buffer, begin: number): readonly [number, FileIdentity] {
  const identity: FileIdentity = {
    length: Number(body.readBigUInt64BE(begin + 4)),
    changedAt: body.readBigInt64BE(begin + 12),
    inode: body.readBigUInt64BE(begin + 20),
    bornAt: body.readBigInt64BE(begin + 28),
  };
  return [body.readUInt32BE(begin), identity];
}
