/**
 * The price of a message: the work that it makes for the loop. The unit is the work of a keep-alive, about a tenth of a
 * microsecond. Prices are fixed and not measured, so that the same messages cost the same on every machine.
 */
import { BLOCK_LENGTH } from '../metainfo/piece-layout.js';
import type { PeerMessage } from '../wire/message.js';

/** A keep-alive is a length prefix and nothing else. */
export const KEEP_ALIVE_PRICE = 1;
/**
 * For each 16 KiB of a repeated request: the block waits already, or was one of the last that we sent. It is dear
 * because other peers wait for the disk and the line meanwhile. But a peer may ask again for a piece that came wrong:
 * for a piece of 4 MiB that costs a quarter of what is forgiven.
 */
const REPEAT_PRICE = 200;
/**
 * A request that does not fit in the queue. It is cheap because some clients know no limit, and ask for all that they
 * can take in ten seconds.
 */
export const DROPPED_PRICE = 2;
/** To bring this many bytes from the kernel to a frame costs as much as a keep-alive. */
const BYTES_A_UNIT = 128;
/**
 * An extended message begins with a dictionary. To read one byte of it costs at most as much as a keep-alive. Most
 * dictionaries are no longer than this; the bytes of metadata follow them.
 */
const MOST_DICTIONARY = 1_024;
/** To hash two hashes to one, which proves a hash that came or that we send. */
export const HASH_PRICE = 12;
/** Bytes of a hash. */
const HASH_LENGTH = 32;
/** To find a place for an address that a peer names among those that wait. */
export const ADDRESS_PRICE = 300;
/** To look at this many pieces of a bitfield costs as much as a keep-alive. */
const PIECES_A_UNIT = 6;

const PRICES: Readonly<Record<PeerMessage['type'], number>> = {
  choke: 10,
  unchoke: 10,
  interested: 10,
  notInterested: 10,
  have: 5,
  bitfield: 100,
  request: 10,
  piece: 10,
  cancel: 10,
  port: 5,
  suggest: 10,
  haveAll: 100,
  haveNone: 100,
  reject: 10,
  allowedFast: 10,
  extended: 100,
  hashRequest: 20,
  hashes: 50,
  hashReject: 20,
  unknown: 3,
};

/** The price of a repeated request for `length` bytes, which is added to that of the message. */
export function repeatPrice(length: number): number {
  return REPEAT_PRICE * Math.ceil(length / BLOCK_LENGTH);
}

/**
 * How much idle work a peer may make for `length` bytes of blocks that it sent or took. It is too little to pay for a
 * repeated request.
 */
export function earnedBy(length: number): number {
  return length / BYTES_A_UNIT;
}

/** The price of a message whose frame has `length` bytes, in a torrent of `pieceCount` pieces. */
export function priceOf(type: PeerMessage['type'], length: number, pieceCount: number): number {
  const price = PRICES[type] + Math.floor(length / BYTES_A_UNIT);
  if (type === 'extended') return price + Math.min(length, MOST_DICTIONARY);
  if (type === 'hashes') return price + HASH_PRICE * Math.floor(length / HASH_LENGTH);
  const isAboutAll = type === 'bitfield' || type === 'haveAll' || type === 'haveNone';
  return isAboutAll ? price + recountPrice(pieceCount) : price;
}

/** The price of counting all pieces of a peer anew. */
export function recountPrice(pieceCount: number): number {
  return Math.ceil(pieceCount / PIECES_A_UNIT);
}
