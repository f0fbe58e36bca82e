/**
 * The messages about hash trees (BEP 52): hash request, hashes and hash reject. All three begin with a range of hashes,
 * whose numbers are what the peer wrote: they are not checked yet.
 */

export const HASH_REQUEST = 21;
export const HASHES = 22;
export const HASH_REJECT = 23;

/** Bytes of a hash. */
const HASH_LENGTH = 32;
/** Id, root and four numbers. */
const RANGE_LENGTH = 1 + HASH_LENGTH + 16;
const LENGTH_PREFIX = 4;

/** Hashes that stand side by side on one level of a file's hash tree, and how far up they are to be proven. */
export interface HashRange {
  /** The root of the file's tree, 32 bytes. */
  readonly root: Buffer;
  /** The level of the hashes. BEP 52: "0 is the leaf layer, 1 is the layer above it". */
  readonly base: number;
  /** The first hash, counted from the left end of its level. BEP 52: "MUST be a multiple of length". */
  readonly index: number;
  /** How many hashes. BEP 52: a power of two, at least two, and it should be no more than 512. */
  readonly length: number;
  /** How many levels above `base` the proof covers. The hashes themselves prove the lowest of them. */
  readonly proof: number;
}

export type HashMessage =
  | { readonly type: 'hashRequest'; readonly range: HashRange }
  /** `hashes`: those of the range, and behind them their uncles from the bottom to the top, 32 bytes each. */
  | { readonly type: 'hashes'; readonly range: HashRange; readonly hashes: Buffer }
  | { readonly type: 'hashReject'; readonly range: HashRange };

/**
 * How many uncles prove the range, when peers have agreed on its numbers. The first is the sibling of the node over the
 * whole range. A single hash has no uncle on its own level: libtorrent leaves it out.
 */
export function uncleCount({ length, proof }: Pick<HashRange, 'length' | 'proof'>): number {
  const known = length <= 2 ? 0 : Math.ceil(Math.log2(length)) - 1;
  return Math.max(0, proof - known);
}

/**
 * Reads a frame whose first byte is one of the three ids; undefined when it is malformed. `root` and `hashes` are
 * views.
 */
export function decodeHashMessage(frame: Buffer): HashMessage | undefined {
  if (frame.length < RANGE_LENGTH) return undefined;
  const range = readRange(frame);
  const hashes = frame.subarray(RANGE_LENGTH);
  if (frame[0] === HASHES) {
    const isWhole = range.length > 0 && hashes.length === (range.length + uncleCount(range)) * HASH_LENGTH;
    return isWhole ? { type: 'hashes', range, hashes } : undefined;
  }
  if (hashes.length > 0) return undefined;
  return { type: frame[0] === HASH_REQUEST ? 'hashRequest' : 'hashReject', range };
}

/** The message as it goes on the wire, length prefix included. */
export function encodeHashMessage(message: HashMessage): Buffer {
  const hashes = message.type === 'hashes' ? message.hashes : Buffer.alloc(0);
  const { root, base, index, length, proof } = message.range;
  const bytes = Buffer.allocUnsafe(LENGTH_PREFIX + RANGE_LENGTH + hashes.length);
  bytes.writeUInt32BE(RANGE_LENGTH + hashes.length, 0);
  bytes[LENGTH_PREFIX] = IDS[message.type];
  root.copy(bytes, LENGTH_PREFIX + 1, 0, HASH_LENGTH);
  let at = LENGTH_PREFIX + 1 + HASH_LENGTH;
  for (const number of [base, index, length, proof]) at = bytes.writeUInt32BE(number, at);
  hashes.copy(bytes, at);
  return bytes;
}

/** A text that no other range has. */
export function keyOfRange({ root, base, index, length, proof }: HashRange): string {
  return `${root.toString('latin1')} ${base} ${index} ${length} ${proof}`;
}

const IDS: Readonly<Record<HashMessage['type'], number>> = {
  hashRequest: HASH_REQUEST,
  hashes: HASHES,
  hashReject: HASH_REJECT,
};

function readRange(frame: Buffer): HashRange {
  const number = (at: number): number => frame.readUInt32BE(1 + HASH_LENGTH + 4 * at);
  return {
    root: frame.subarray(1, 1 + HASH_LENGTH),
    base: number(0),
    index: number(1),
    length: number(2),
    proof: number(3),
  };
}
