/**
 * The bytes of a journal. A head says whose journal it is. Records follow; each is appended after the data that it
 * names has been flushed.
 *
 * - head: magic (8), version (4), nonce (8), info-hash (20), pieces (4), files (4), seal (4)
 * - record: length of body (4), kind (1), body, seal (4)
 *
 * Numbers in brackets are bytes, and all numbers are big-endian. A seal is the CRC-32 of the previous seal and of all
 * bytes since. So a record counts only as the successor of the record that it was written after. Each file has a new
 * nonce. A file system may leave records of an older journal in the blocks of a newer one, but these continue nothing.
 */
import { crc32 } from '../base/crc32.js';
import { sha1 } from '../base/digest.js';
import type { FileIdentity } from '../disk/storage.js';
import type { InfoHash } from '../metainfo/info-hash.js';
import type { PieceIndex, PieceRun } from '../metainfo/piece-layout.js';

/** The first bytes of every journal of btget, of any version. A file without them is never replaced or removed. */
export const JOURNAL_MAGIC = Buffer.from('btget\r\n\x1a', 'latin1');
export const JOURNAL_VERSION = 1;
export const NONCE_LENGTH = 8;
export const HEAD_LENGTH = 52;
/** Bytes of a record without its body. */
export const RECORD_OVERHEAD = 9;
export const SEAL_LENGTH = 4;

/** Kinds of records. 6 and 7 are reserved for the selection and for the metadata of a link. */
export const RECORD_KIND = { pieces: 1, files: 2, end: 3, written: 4, blocks: 5 } as const;
/** Bytes of a run: its first piece and the piece after its last (4 each). */
export const RUN_LENGTH = 8;
/** Bytes of a file: its index (4), then length, time of change, inode and time of birth (8 each). */
export const FILE_LENGTH = 36;
/** Bytes before the blocks of a piece: its index. */
export const BLOCKS_HEAD_LENGTH = 4;
/** Bytes of a block's sum: as much of its digest as a JavaScript number holds exactly. */
export const SUM_LENGTH = 6;
/** Bytes of a block: its number in its piece (4), and its sum. */
export const BLOCK_SUM_LENGTH = 4 + SUM_LENGTH;
/** No record has more runs, files or blocks than this. A longer list takes several records. */
export const MAX_ENTRIES = 10_000;

/** The torrent that a journal belongs to. */
export interface JournalOwner {
  readonly infoHash: InfoHash;
  readonly pieceCount: number;
  /** Records name files by index, so they have no meaning for a parser that finds another number of files. */
  readonly fileCount: number;
}

/** One statement of a journal about the download. */
export type JournalRecord =
  /** These pieces are on the disk: their hashes were right, and they have been flushed. */
  | { readonly kind: 'pieces'; readonly runs: readonly PieceRun[] }
  /** These pieces have been written, but not flushed. The next start hashes them and does not believe them. */
  | { readonly kind: 'written'; readonly runs: readonly PieceRun[] }
  /** The identities of these files, by index, at their last flush. */
  | { readonly kind: 'files'; readonly files: ReadonlyMap<number, FileIdentity> }
  /**
   * These blocks of a piece are on the disk and flushed, besides the blocks that were named before. Without any block:
   * earlier records about blocks of this piece are no longer true.
   */
  | { readonly kind: 'blocks'; readonly piece: number; readonly sums: Sums }
  /** The last record: everything has been flushed, and nothing is written to any file after it. */
  | { readonly kind: 'end' };

/** Sums of blocks of one piece, by the number of the block in the piece. */
export type Sums = ReadonlyMap<number, number>;

/** Blocks of pieces that are not whole, by piece. */
export type UnfinishedPieces = ReadonlyMap<PieceIndex, Sums>;

/**
 * The sum by which we recognise a block of an unfinished piece: the first 48 bits of its SHA-1. Only the whole piece
 * can show that a block is right, but the sum shows that the block is the one that was written.
 */
export function sumOf(block: Uint8Array): number {
  return sha1(block).readUIntBE(0, SUM_LENGTH);
}

/** The head of a journal. `nonce` is `NONCE_LENGTH` random bytes. */
export function encodeHead(owner: JournalOwner, nonce: Uint8Array): Buffer {
  const head = Buffer.alloc(HEAD_LENGTH);
  JOURNAL_MAGIC.copy(head);
  head.writeUInt32BE(JOURNAL_VERSION, 8);
  head.set(nonce, 12);
  owner.infoHash.copy(head, 20);
  head.writeUInt32BE(owner.pieceCount, 40);
  head.writeUInt32BE(owner.fileCount, 44);
  head.writeUInt32BE(crc32(head.subarray(0, HEAD_LENGTH - SEAL_LENGTH)), HEAD_LENGTH - SEAL_LENGTH);
  return head;
}

/** The bytes of `records`, to append after the record or head with the seal `before`. */
export function encodeRecords(before: number, records: readonly JournalRecord[]): Buffer {
  let seal = before;
  const encoded: Buffer[] = [];
  for (const { kind, body } of records.flatMap(bodiesOf)) {
    const bytes = Buffer.alloc(RECORD_OVERHEAD + body.length);
    bytes.writeUInt32BE(body.length, 0);
    bytes[4] = kind;
    body.copy(bytes, 5);
    seal = sealOf(bytes.subarray(0, -SEAL_LENGTH), seal);
    bytes.writeUInt32BE(seal, bytes.length - SEAL_LENGTH);
    encoded.push(bytes);
  }
  return Buffer.concat(encoded);
}

/** The seal at the end of `bytes`. */
export function lastSeal(bytes: Buffer): number {
  return bytes.readUInt32BE(bytes.length - SEAL_LENGTH);
}

/** The right seal for a record with these bytes before its seal, after a record with the seal `before`. */
export function sealOf(bytes: Uint8Array, before: number): number {
  const link = Buffer.alloc(SEAL_LENGTH);
  link.writeUInt32BE(before);
  return crc32(bytes, crc32(link));
}

function bodiesOf(record: JournalRecord): { readonly kind: number; readonly body: Buffer }[] {
  if (record.kind === 'end') return [{ kind: RECORD_KIND.end, body: Buffer.alloc(0) }];
  if (record.kind === 'files') return parts([...record.files], RECORD_KIND.files, FILE_LENGTH, writeFile);
  if (record.kind === 'blocks') return blockBodies(record.piece, record.sums);
  return parts(record.runs, RECORD_KIND[record.kind], RUN_LENGTH, writeRun);
}

/** The bodies of as many records as the entries need. */
function parts<T>(
  entries: readonly T[],
  kind: number,
  length: number,
  write: (entry: T, into: Buffer, begin: number) => void,
): { readonly kind: number; readonly body: Buffer }[] {
  const cut: { kind: number; body: Buffer }[] = [];
  for (let begin = 0; begin < entries.length; begin += MAX_ENTRIES) {
    const some = entries.slice(begin, begin + MAX_ENTRIES);
    const body = Buffer.alloc(some.length * length);
    for (const [index, entry] of some.entries()) write(entry, body, index * length);
    cut.push({ kind, body });
  }
  return cut;
}

function blockBodies(piece: number, sums: Sums): { readonly kind: number; readonly body: Buffer }[] {
  const head = Buffer.alloc(BLOCKS_HEAD_LENGTH);
  head.writeUInt32BE(piece);
  const bodies = parts([...sums], RECORD_KIND.blocks, BLOCK_SUM_LENGTH, writeSum);
  if (bodies.length === 0) return [{ kind: RECORD_KIND.blocks, body: head }];
  return bodies.map(({ kind, body }) => ({ kind, body: Buffer.concat([head, body]) }));
}

function writeSum([block, sum]: readonly [number, number], into: Buffer, begin: number): void {
  into.writeUInt32BE(block, begin);
  into.writeUIntBE(sum, begin + 4, SUM_LENGTH);
}

function writeRun({ first, end }: PieceRun, into: Buffer, begin: number): void {
  into.writeUInt32BE(first, begin);
  into.writeUInt32BE(end, begin + 4);
}

function writeFile([index, identity]: readonly [number, FileIdentity], into: Buffer, begin: number): void {
  into.writeUInt32BE(index, begin);
  into.writeBigUInt64BE(BigInt(identity.length), begin + 4);
  into.writeBigInt64BE(identity.changedAt, begin + 12);
  into.writeBigUInt64BE(identity.inode, begin + 20);
  into.writeBigInt64BE(identity.bornAt, begin + 28);
}
