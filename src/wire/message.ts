import {
  decodeHashMessage,
  encodeHashMessage,
  HASH_REJECT,
  HASH_REQUEST,
  HASHES,
  type HashMessage,
} from './hash-message.js';
import type { Refusal } from './refusal.js';

/** A message as it stands on the wire. Indices and lengths are what the peer wrote: they are not checked yet. */
export type PeerMessage =
  // BEP 3
  | { readonly type: 'choke' }
  | { readonly type: 'unchoke' }
  | { readonly type: 'interested' }
  | { readonly type: 'notInterested' }
  | { readonly type: 'have'; readonly piece: number }
  | { readonly type: 'bitfield'; readonly bits: Buffer }
  | { readonly type: 'request'; readonly piece: number; readonly begin: number; readonly length: number }
  | { readonly type: 'piece'; readonly piece: number; readonly begin: number; readonly block: Buffer }
  | { readonly type: 'cancel'; readonly piece: number; readonly begin: number; readonly length: number }
  // BEP 5
  /** Where the peer's DHT node listens, 0 to 65535. */
  | { readonly type: 'port'; readonly port: number }
  // BEP 6
  | { readonly type: 'suggest'; readonly piece: number }
  | { readonly type: 'haveAll' }
  | { readonly type: 'haveNone' }
  | { readonly type: 'reject'; readonly piece: number; readonly begin: number; readonly length: number }
  | { readonly type: 'allowedFast'; readonly piece: number }
  // BEP 10
  /** `id` 0 is the extension handshake. The receiver of the message has chosen all other ids. */
  | { readonly type: 'extended'; readonly id: number; readonly payload: Buffer }
  // BEP 52
  | HashMessage
  /** An id that we do not know. It is no fault: some clients send messages that a receiver may ignore. */
  | { readonly type: 'unknown'; readonly id: number; readonly length: number };

/** What a `request`, `cancel` or `reject` is about: `length` bytes of a piece, from `begin` on. Not checked yet. */
export interface Span {
  readonly piece: number;
  readonly begin: number;
  readonly length: number;
}

/** What a frame is: a message, or the reason to end the connection. */
export type DecodeOutcome =
  | { readonly ok: true; readonly message: PeerMessage }
  | { readonly ok: false; readonly refusal: Refusal };

const CHOKE = 0;
const UNCHOKE = 1;
const INTERESTED = 2;
const NOT_INTERESTED = 3;
const HAVE = 4;
const BITFIELD = 5;
const REQUEST = 6;
const PIECE = 7;
const CANCEL = 8;
const PORT = 9;
const SUGGEST = 13;
const HAVE_ALL = 14;
const HAVE_NONE = 15;
const REJECT = 16;
const ALLOWED_FAST = 17;
const EXTENDED = 20;

const LENGTH_PREFIX = 4;
/** Length prefix, id, piece, begin and length. */
const SPAN_MESSAGE_LENGTH = LENGTH_PREFIX + 13;
/** Length prefix, id, piece and begin: what stands before a block. */
export const PIECE_HEADER_LENGTH = LENGTH_PREFIX + 9;

/** Reads a frame: a message without its length prefix, at least one byte. Buffers in the message are views of it. */
export function decodeMessage(frame: Buffer): DecodeOutcome {
  const message = readMessage(frame);
  if (message !== undefined) return { ok: true, message };
  return { ok: false, refusal: { code: 'malformed-message', id: frame[0] ?? -1, length: frame.length } };
}

function readMessage(frame: Buffer): PeerMessage | undefined {
  switch (frame[0]) {
    case CHOKE:
      return frame.length === 1 ? { type: 'choke' } : undefined;
    case UNCHOKE:
      return frame.length === 1 ? { type: 'unchoke' } : undefined;
    case INTERESTED:
      return frame.length === 1 ? { type: 'interested' } : undefined;
    case NOT_INTERESTED:
      return frame.length === 1 ? { type: 'notInterested' } : undefined;
    case HAVE:
      return frame.length === 5 ? { type: 'have', piece: frame.readUInt32BE(1) } : undefined;
    case BITFIELD:
      return { type: 'bitfield', bits: frame.subarray(1) };
    case REQUEST:
      return frame.length === 13 ? { type: 'request', ...readSpan(frame) } : undefined;
    case PIECE:
      if (frame.length <= 9) return undefined;
      return { type: 'piece', piece: frame.readUInt32BE(1), begin: frame.readUInt32BE(5), block: frame.subarray(9) };
    case CANCEL:
      return frame.length === 13 ? { type: 'cancel', ...readSpan(frame) } : undefined;
    case PORT:
      return frame.length === 3 ? { type: 'port', port: frame.readUInt16BE(1) } : undefined;
    case SUGGEST:
      return frame.length === 5 ? { type: 'suggest', piece: frame.readUInt32BE(1) } : undefined;
    case HAVE_ALL:
      return frame.length === 1 ? { type: 'haveAll' } : undefined;
    case HAVE_NONE:
      return frame.length === 1 ? { type: 'haveNone' } : undefined;
    case REJECT:
      return frame.length === 13 ? { type: 'reject', ...readSpan(frame) } : undefined;
    case ALLOWED_FAST:
      return frame.length === 5 ? { type: 'allowedFast', piece: frame.readUInt32BE(1) } : undefined;
    case EXTENDED:
      return frame.length >= 2 ? { type: 'extended', id: frame[1] as number, payload: frame.subarray(2) } : undefined;
    case HASH_REQUEST:
    case HASHES:
    case HASH_REJECT:
      return decodeHashMessage(frame);
    case undefined:
      return undefined;
    default:
      return { type: 'unknown', id: frame[0], length: frame.length };
  }
}

function readSpan(frame: Buffer): Span {
  return { piece: frame.readUInt32BE(1), begin: frame.readUInt32BE(5), length: frame.readUInt32BE(9) };
}

/** An empty message (BEP 3: length zero). */
export const KEEP_ALIVE: Buffer = Buffer.alloc(LENGTH_PREFIX);

/**
 * A message that we send, length prefix included. To send a block without copying it, the caller puts it behind a
 * header from `writePieceHeader`.
 */
export function encodeMessage(message: Exclude<PeerMessage, { type: 'unknown' }>): Buffer {
  switch (message.type) {
    case 'choke':
      return bare(CHOKE);
    case 'unchoke':
      return bare(UNCHOKE);
    case 'interested':
      return bare(INTERESTED);
    case 'notInterested':
      return bare(NOT_INTERESTED);
    case 'have':
      return ofPiece(HAVE, message.piece);
    case 'bitfield':
      return Buffer.concat([head(BITFIELD, message.bits.length).subarray(0, 5), message.bits]);
    case 'request':
      return span(REQUEST, message.piece, message.begin, message.length);
    case 'cancel':
      return span(CANCEL, message.piece, message.begin, message.length);
    case 'piece': {
      const bytes = Buffer.allocUnsafe(PIECE_HEADER_LENGTH + message.block.length);
      writePieceHeader(bytes, 0, message.piece, message.begin, message.block.length);
      message.block.copy(bytes, PIECE_HEADER_LENGTH);
      return bytes;
    }
    case 'port': {
      const bytes = head(PORT, 2);
      bytes.writeUInt16BE(message.port, 5);
      return bytes;
    }
    case 'suggest':
      return ofPiece(SUGGEST, message.piece);
    case 'haveAll':
      return bare(HAVE_ALL);
    case 'haveNone':
      return bare(HAVE_NONE);
    case 'reject':
      return span(REJECT, message.piece, message.begin, message.length);
    case 'allowedFast':
      return ofPiece(ALLOWED_FAST, message.piece);
    case 'extended': {
      const bytes = head(EXTENDED, 1 + message.payload.length);
      bytes[5] = message.id;
      message.payload.copy(bytes, 6);
      return bytes;
    }
    case 'hashRequest':
    case 'hashes':
    case 'hashReject':
      return encodeHashMessage(message);
  }
}

/** An extended message up to its payload. The caller sends the payload, `length` bytes, behind it. */
export function encodeExtendedHead(id: number, length: number): Buffer {
  const bytes = Buffer.alloc(6);
  bytes.writeUInt32BE(2 + length, 0);
  bytes[4] = EXTENDED;
  bytes[5] = id;
  return bytes;
}

/** A request for each of `spans`, in one buffer. */
export function encodeRequests(spans: readonly Span[]): Buffer {
  return spansOf(REQUEST, spans);
}

/** A reject of each of `spans`, in one buffer. */
export function encodeRejects(spans: readonly Span[]): Buffer {
  return spansOf(REJECT, spans);
}

/** Writes to `bytes`, from `at` on, the `PIECE_HEADER_LENGTH` bytes that stand before a block of `length` bytes. */
export function writePieceHeader(bytes: Buffer, at: number, piece: number, begin: number, length: number): void {
  bytes.writeUInt32BE(9 + length, at);
  bytes[at + 4] = PIECE;
  bytes.writeUInt32BE(piece, at + 5);
  bytes.writeUInt32BE(begin, at + 9);
}

function bare(id: number): Buffer {
  return head(id, 0);
}

function ofPiece(id: number, piece: number): Buffer {
  const bytes = head(id, 4);
  bytes.writeUInt32BE(piece, 5);
  return bytes;
}

function span(id: number, piece: number, begin: number, length: number): Buffer {
  const bytes = Buffer.allocUnsafe(SPAN_MESSAGE_LENGTH);
  writeSpan(bytes, 0, id, piece, begin, length);
  return bytes;
}

function spansOf(id: number, spans: readonly Span[]): Buffer {
  const bytes = Buffer.allocUnsafe(spans.length * SPAN_MESSAGE_LENGTH);
  let at = 0;
  for (const { piece, begin, length } of spans) at = writeSpan(bytes, at, id, piece, begin, length);
  return bytes;
}

/** Returns where the next message begins. */
function writeSpan(bytes: Buffer, at: number, id: number, piece: number, begin: number, length: number): number {
  bytes.writeUInt32BE(SPAN_MESSAGE_LENGTH - LENGTH_PREFIX, at);
  bytes[at + 4] = id;
  bytes.writeUInt32BE(piece, at + 5);
  bytes.writeUInt32BE(begin, at + 9);
  bytes.writeUInt32BE(length, at + 13);
  return at + SPAN_MESSAGE_LENGTH;
}

function head(id: number, payloadLength: number): Buffer {
  const bytes = Buffer.allocUnsafe(LENGTH_PREFIX + 1 + payloadLength);
  bytes.writeUInt32BE(1 + payloadLength, 0);
  bytes[4] = id;
  return bytes;
}
