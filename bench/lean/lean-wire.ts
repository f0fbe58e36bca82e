/** The part of the peer protocol (BEP 3, 6, 9, 10) that a lean peer speaks. It shares no code with btget. */

export const BLOCK = 16 * 1024;
export const HANDSHAKE_LENGTH = 68;

export const CHOKE = 0;
export const UNCHOKE = 1;
export const INTERESTED = 2;
export const REQUEST = 6;
export const PIECE = 7;

const BITFIELD = 5;
const HAVE_ALL = 14;
export const EXTENDED = 20;

/** The id under which a leech must ask us for metadata. */
const METADATA = 1;

const RESERVED = 20;
const INFO_HASH = 28;
const PEER_ID = 48;

export interface LeanTorrent {
  readonly infoHash: Buffer;
  readonly length: number;
  readonly pieceLength: number;
}

export interface LeanHandshake {
  readonly infoHash: Buffer;
  /** The peer speaks the fast extension (BEP 6). */
  readonly fast: boolean;
  /** The peer speaks the extension protocol (BEP 10). */
  readonly extended: boolean;
}

export function encodeHandshake(infoHash: Buffer, peerId: string, extensions: boolean): Buffer {
  const handshake = Buffer.alloc(HANDSHAKE_LENGTH);
  handshake.write('\x13BitTorrent protocol', 'latin1');
  if (extensions) {
    handshake[RESERVED + 5] = 0x10;
    handshake[RESERVED + 7] = 0x04;
  }
  infoHash.copy(handshake, INFO_HASH);
  handshake.write(peerId.padEnd(20, '-'), PEER_ID, 'latin1');
  return handshake;
}

export function decodeHandshake(bytes: Buffer): LeanHandshake {
  return {
    infoHash: bytes.subarray(INFO_HASH, PEER_ID),
    fast: ((bytes[RESERVED + 7] ?? 0) & 0x04) !== 0,
    extended: ((bytes[RESERVED + 5] ?? 0) & 0x10) !== 0,
  };
}

/** A message without a body. */
export function plainMessage(id: number): Buffer {
  return Buffer.from([0, 0, 0, 1, id]);
}

/**
 * What a seed says after the handshake: that it has all pieces, and to a peer with extensions how long its metadata is
 * and how many requests it queues. `metadataSize`: bytes, 0 when it offers none. `queued`: null when it does not tell.
 */
export function encodeGreeting(
  peer: LeanHandshake,
  pieceCount: number,
  metadataSize: number,
  queued: number | null,
): Buffer {
  const greeting = peer.fast ? [plainMessage(HAVE_ALL)] : [fullBitfield(pieceCount)];
  if (peer.extended) {
    const offer = metadataSize === 0 ? 'd1:mde' : `d1:md11:ut_metadatai${METADATA}ee13:metadata_sizei${metadataSize}e`;
    greeting.unshift(extendedMessage(0, Buffer.from(queued === null ? `${offer}e` : `${offer}4:reqqi${queued}ee`)));
  }
  return Buffer.concat(greeting);
}

/**
 * The answer to a request for metadata (BEP 9). `message`: the id and the payload of an extended message. Undefined
 * when it is no such request.
 */
export function answerMetadata(message: Buffer, theirId: number, info: Buffer): Buffer | undefined {
  const piece = /^d8:msg_typei0e5:piecei(\d+)ee$/.exec(message.toString('latin1', 1))?.[1];
  if (message[0] !== METADATA || piece === undefined) return undefined;
  const begin = Number(piece) * BLOCK;
  const head = Buffer.from(`d8:msg_typei1e5:piecei${piece}e10:total_sizei${info.length}ee`);
  return extendedMessage(theirId, Buffer.concat([head, info.subarray(begin, begin + BLOCK)]));
}

/**
 * The id under which the sender of an extension handshake wants metadata. `message`: the id and the payload of an
 * extended message. Undefined when it is no such handshake, or when the sender does not want metadata.
 */
export function metadataIdOf(message: Buffer): number | undefined {
  const id = /11:ut_metadatai(\d+)e/.exec(message.toString('latin1', 1))?.[1];
  return message[0] === 0 && id !== undefined ? Number(id) : undefined;
}

function extendedMessage(id: number, payload: Buffer): Buffer {
  const head = Buffer.from([0, 0, 0, 0, EXTENDED, id]);
  head.writeUInt32BE(2 + payload.length);
  return Buffer.concat([head, payload]);
}

function fullBitfield(pieceCount: number): Buffer {
  const message = Buffer.alloc(5 + Math.ceil(pieceCount / 8), 0xff);
  message.writeUInt32BE(message.length - 4);
  message[4] = BITFIELD;
  const spare = (8 - (pieceCount % 8)) % 8;
  message[message.length - 1] = (0xff << spare) & 0xff;
  return message;
}
