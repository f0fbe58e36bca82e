/** The messages of ut_metadata (BEP 9): a bencoded dictionary. In a data message the bytes of a piece follow it. */
import { BtgetError } from '../base/failure.js';
import { asDictionary, getInteger } from '../bencode/access.js';
import { decodeBencodeParts } from '../bencode/bencode.js';
import { encodeBencode } from '../bencode/encode.js';
import { type BencodeRules, TOLERANT } from '../bencode/guard.js';

/** The name of the extension in the handshake of BEP 10. */
export const UT_METADATA = 'ut_metadata';
/** BEP 9: "The metadata is handled in blocks of 16KiB (16384 Bytes)." */
export const METADATA_PIECE_LENGTH = 16_384;

/** `totalSize` is the length of the whole metadata in bytes, as the sender says. */
export type MetadataMessage =
  | { readonly type: 'request'; readonly piece: number }
  | { readonly type: 'data'; readonly piece: number; readonly totalSize: number; readonly data: Buffer }
  | { readonly type: 'reject'; readonly piece: number }
  /** BEP 9: "In order to support future extensability, an unrecognized message ID MUST be ignored." */
  | { readonly type: 'unknown' };

const REQUEST = 0;
const DATA = 1;
const REJECT = 2;

const RULES: BencodeRules = { ...TOLERANT, maxDepth: 10, maxTokens: 100 };
/** The most bytes of the dictionary before the data: three small integers, and what other clients may add. */
const MAX_HEAD_LENGTH = 1024;

/** Reads a payload. Undefined when it is no message of ut_metadata. `data` is a view of the payload. */
export function decodeMetadataMessage(payload: Buffer): MetadataMessage | undefined {
  if (payload.length > MAX_HEAD_LENGTH + METADATA_PIECE_LENGTH) return undefined;
  const decoded = decode(payload);
  if (decoded === undefined || decoded.end > MAX_HEAD_LENGTH) return undefined;
  const root = asDictionary(decoded.value);
  const type = root === undefined ? undefined : getInteger(root, 'msg_type');
  const piece = root === undefined ? undefined : getInteger(root, 'piece');
  if (root === undefined || type === undefined) return undefined;
  if (type !== REQUEST && type !== DATA && type !== REJECT) return { type: 'unknown' };
  if (piece === undefined || piece < 0) return undefined;
  if (type === REQUEST) return { type: 'request', piece };
  if (type === REJECT) return { type: 'reject', piece };
  const totalSize = getInteger(root, 'total_size');
  const data = payload.subarray(decoded.end);
  if (totalSize === undefined || totalSize < 1 || data.length === 0) return undefined;
  return data.length > METADATA_PIECE_LENGTH ? undefined : { type: 'data', piece, totalSize, data };
}

/** The payload (BEP 9): a bencoded dictionary, and after that of a 'data' message the bytes of the piece. */
export function encodeMetadataMessage(message: Exclude<MetadataMessage, { type: 'unknown' }>): Buffer {
  const { type, piece } = message;
  if (type === 'request') return head(REQUEST, piece);
  if (type === 'reject') return head(REJECT, piece);
  return Buffer.concat([encodeDataHead(piece, message.totalSize), message.data]);
}

/** A data message up to the bytes of the piece, which the caller sends behind it. */
export function encodeDataHead(piece: number, totalSize: number): Buffer {
  const fields = new Map([
    ['msg_type', DATA],
    ['piece', piece],
    ['total_size', totalSize],
  ]);
  return encodeBencode(fields);
}

function head(type: number, piece: number): Buffer {
  return encodeBencode(
    new Map([
      ['msg_type', type],
      ['piece', piece],
    ]),
  );
}

function decode(payload: Buffer): ReturnType<typeof decodeBencodeParts> | undefined {
  try {
    return decodeBencodeParts(payload, RULES);
  } catch (error) {
    if (error instanceof BtgetError) return undefined;
    throw error;
  }
}
