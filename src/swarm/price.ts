/**
 * What messages cost the loop. The unit is the work of a keep-alive, about a tenth of a microsecond. Prices are counted
 * and not measured, so that the same messages cost the same on every machine.
 */
import { BLOCK_LENGTH } from '../metainfo/piece-layout.js';
import type { PeerMessage } from '../wire/message.js';

/** A message without a byte: it is seen by the length prefix alone. */
export const KEEP_ALIVE_PRICE = 1;
/**
 * A second request for what waits already, or is one of the last blocks that went out, for each 16 KiB: others wait for
 * the disk and the line meanwhile. A piece of four mebibytes that came wrong costs a quarter of what is forgiven.
 */
const REPEAT_PRICE = 200;
/**
 * A request that does not fit in the queue: some clients know no limit, and ask for all that they take in ten seconds.
 */
export const DROPPED_PRICE = 2;
/** What it takes to bring so many bytes from the kernel to a frame costs as much as a keep-alive. */
const BYTES_A_UNIT = 128;
/**
 * An extended message begins with a dictionary, each byte of which costs as much as a keep-alive to read, or less. So
 * many bytes are enough for most; behind them come the bytes of metadata.
 */
const MOST_DICTIONARY = 1_024;
/** Pieces of a bitfield that are looked at for the price of a keep-alive. */
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
  unknown: 3,
};

/** The price of a repeated request for so many bytes. */
export function repeatPrice(length: number): number {
  return REPEAT_PRICE * Math.ceil(length / BLOCK_LENGTH);
}

/** Idle work that so many bytes of blocks pay for. A block that is asked for again and again does not pay for that. */
export function earnedBy(length: number): number {
  return length / BYTES_A_UNIT;
}

/** The price of a message that has `length` bytes on the wire and is about a torrent of `pieceCount` pieces. */
export function priceOf(type: PeerMessage['type'], length: number, pieceCount: number): number {
  const price = PRICES[type] + Math.floor(length / BYTES_A_UNIT);
  if (type === 'extended') return price + Math.min(length, MOST_DICTIONARY);
  const isAboutAll = type === 'bitfield' || type === 'haveAll' || type === 'haveNone';
  return isAboutAll ? price + Math.ceil(pieceCount / PIECES_A_UNIT) : price;
}
