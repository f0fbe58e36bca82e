/**
 * What is written down of a download, as bytes: a head that says whose journal it is, then records, each appended after
 * the data it speaks of has been flushed.
 *
 * head     magic (8) version (4) nonce (8) info-hash (20) pieces (4) files (4) seal (4) record   length of body (4)
 * kind (1) body seal (4)
 *
 * Numbers are big-endian. A seal is the CRC-32 of everything before it back to the last seal, that one included: a
 * record counts only as the successor of the very record that it was written after. The nonce is new with each file, so
 * that what a file system leaves of an older journal in the blocks of a newer one continues nothing.
 */
import { crc32 } from '../base/crc32.js';
import { sha1 } from '../base/digest.js';
import type { FileIdentity } from '../disk/storage.js';
import type { InfoHash } from '../metainfo/metainfo.js';
import type { PieceIndex, PieceRun } from '../metainfo/piece-layout.js';

/** How a file begins that is a journal of btget's, of whatever version; no other is ever written over or removed. */
export const JOURNAL_MAGIC = Buffer.from('btget\r\n\x1a', 'latin1');
export const JOURNAL_VERSION = 1;
export const NONCE_LENGTH = 8;
export const HEAD_LENGTH = 52;
/** Bytes of a record besides its body. */
export const RECORD_OVERHEAD = 9;
export const SEAL_LENGTH = 4;

/** Kinds of records. 6 and 7 are kept for the selection and a magnet's metadata. */
export const RECORD_KIND = { pieces: 1, files: 2, end: 3, written: 4, blocks: 5 } as const;
/** First piece and one after the last, 4 bytes each. */
export const RUN_LENGTH = 8;
/** Index (4), length, change, inode and birth (8 each). */
export const FILE_LENGTH = 36;
/** A piece, before its blocks. */
export const BLOCKS_HEAD_LENGTH = 4;
/** Of the digest, as much as a number holds exactly. Bytes. */
export const SUM_LENGTH = 6;
/** Number of a block in its piece (4), and its sum. */
export const BLOCK_SUM_LENGTH = 4 + SUM_LENGTH;
/** No record has more runs, files or blocks; longer lists take several. */
export const MAX_ENTRIES = 10_000;

/** Whose journal it is. */
export interface JournalOwner {
  readonly infoHash: InfoHash;
  readonly pieceCount: number;
  /** Records name files by index, so they say nothing to a parser that counts the files otherwise. */
  readonly fileCount: number;
}

export type JournalRecord =
  /** These pieces are on the disk: their hash was right, and they have been flushed. */
  | { readonly kind: 'pieces'; readonly runs: readonly PieceRun[] }
  /** These pieces have been written, but not flushed: worth a hash, and not to be believed without. */
  | { readonly kind: 'written'; readonly runs: readonly PieceRun[] }
  /** What these files, by index, were like when they were last flushed. */
  | { readonly kind: 'files'; readonly files: ReadonlyMap<number, FileIdentity> }
  /**
   * These blocks of a piece are on the disk, flushed, besides those that were named before. With none: what was said of
   * blocks of this piece holds no more.
   */
  | { readonly kind: 'blocks'; readonly piece: number; readonly sums: Sums }
  /** Everything has been flushed, and nothing is written to any file after this. The last record. */
  | { readonly kind: 'end' };

/** `nonce` is `NONCE_LENGTH` bytes of chance. */
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

/** The records as bytes to be appended after what has the seal `before`. */
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

/** The seal that closes `bytes`. */
export function lastSeal(bytes: Buffer): number {
  return bytes.readUInt32BE(bytes.length - SEAL_LENGTH);
}

/** What the seal of a record must be whose bytes up to it are these, after a record with the seal `before`. */
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

/** Sums of blocks of one piece, by the number of the block in it. */
export type Sums = ReadonlyMap<number, number>;

/** Blocks of pieces that are not whole. */
export type UnfinishedPieces = ReadonlyMap<PieceIndex, Sums>;

/**
 * By what a block of an unfinished piece is known again: nobody can tell whether it is right before the whole piece has
 * come, but that it is what was written can be told.
 *
 * The first 48 bits of the block's SHA-1.
 */
export function sumOf(block: Uint8Array): number {
  return sha1(block).readUIntBE(0, SUM_LENGTH);
}
