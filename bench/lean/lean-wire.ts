/** The little of the peer protocol (BEP 3, 6, 10) that a lean peer speaks. It shares nothing with what it measures. */

export const BLOCK = 16 * 1024;
export const HANDSHAKE_LENGTH = 68;

export const CHOKE = 0;
export const UNCHOKE = 1;
export const INTERESTED = 2;
export const REQUEST = 6;
export const PIECE = 7;

const BITFIELD = 5;
const HAVE_ALL = 14;
const EXTENDED = 20;

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
  /** It speaks the Fast Extension. */
  readonly fast: boolean;
  /** It speaks the Extension Protocol. */
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

/** What a seed says after the handshake: that it has everything, and how many requests it queues. */
export function encodeGreeting(peer: LeanHandshake, pieceCount: number, queued: number): Buffer {
  const greeting = peer.fast ? [plainMessage(HAVE_ALL)] : [fullBitfield(pieceCount)];
  if (peer.extended) {
    const body = Buffer.from(`d1:mde4:reqqi${queued}ee`);
    const head = Buffer.from([0, 0, 0, 0, EXTENDED, 0]);
    head.writeUInt32BE(2 + body.length);
    greeting.unshift(head, body);
  }
  return Buffer.concat(greeting);
}

function fullBitfield(pieceCount: number): Buffer {
  const message = Buffer.alloc(5 + Math.ceil(pieceCount / 8), 0xff);
  message.writeUInt32BE(message.length - 4);
  message[4] = BITFIELD;
  const spare = (8 - (pieceCount % 8)) % 8;
  message[message.length - 1] = (0xff << spare) & 0xff;
  return message;
}
