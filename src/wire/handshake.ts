/**
 * The handshake (BEP 3): a length byte, the protocol's name, eight reserved bytes, the info-hash, the peer id. We judge
 * each part as soon as it is there, so that a peer that speaks another protocol is refused at its first byte.
 */
import type { Step } from './framer.js';
import { RESERVED_LENGTH } from './reserved.js';

// BEP 3: "The leading character is a length prefix, put there in the hope that other new protocols may do the same and
// thus be trivially distinguishable from each other."
const NAME: Buffer = Buffer.from('BitTorrent protocol', 'latin1');

/** With these bytes every handshake in plain begins. */
export const PROTOCOL_START: Buffer = Buffer.concat([Buffer.of(NAME.length), NAME]);

/** In bytes. The info-hash of a v2 torrent is cut to this length on the wire. */
export const INFO_HASH_LENGTH = 20;
export const PEER_ID_LENGTH = 20;

/** The part before the peer id. Some clients send only this much and wait for the whole answer before they go on. */
export const HANDSHAKE_HEAD_LENGTH = 1 + NAME.length + RESERVED_LENGTH + INFO_HASH_LENGTH;
export const HANDSHAKE_LENGTH = HANDSHAKE_HEAD_LENGTH + PEER_ID_LENGTH;

export type ReadStep = Extract<Step, { kind: 'read' }>;

const NOT_BITTORRENT: Step = { kind: 'refuse', reason: { code: 'not-bittorrent' } };

/**
 * The whole handshake, 68 bytes. `infoHash` and `peerId` have 20 bytes each, `reserved` has 8; a RangeError is thrown
 * when the lengths do not add up.
 */
export function encodeHandshake(infoHash: Buffer, peerId: Buffer, reserved: Buffer): Buffer {
  const handshake = Buffer.concat([Buffer.of(NAME.length), NAME, reserved, infoHash, peerId]);
  if (handshake.length !== HANDSHAKE_LENGTH) throw new RangeError(`a handshake of ${handshake.length} bytes`);
  return handshake;
}

/**
 * The readers from the first byte to the info-hash. `gotInfoHash` returns what comes next. It gets the info-hash as a
 * view, valid during the call, and the reserved bytes as a copy.
 */
export function readHandshakeHead(gotInfoHash: (infoHash: Buffer, reserved: Buffer) => Step): ReadStep {
  const readReserved = (view: Buffer): Step => {
    const reserved = ownCopy(view);
    return read(INFO_HASH_LENGTH, (infoHash) => gotInfoHash(infoHash, reserved));
  };
  const readName = (name: Buffer): Step => (name.equals(NAME) ? read(RESERVED_LENGTH, readReserved) : NOT_BITTORRENT);
  return read(1, (length) => (length[0] === NAME.length ? read(NAME.length, readName) : NOT_BITTORRENT));
}

/** The reader of the peer id. `gotPeerId` gets a copy and returns what comes next. */
export function readPeerId(gotPeerId: (peerId: Buffer) => Step): ReadStep {
  return read(PEER_ID_LENGTH, (view) => gotPeerId(ownCopy(view)));
}

/**
 * A connection keeps the copy as long as it lives. `Buffer.from` would take a slice of a pool of 8 KiB, which would
 * live as long, with the short messages of an encrypted handshake beside it.
 */
function ownCopy(view: Buffer): Buffer {
  const copy = Buffer.allocUnsafeSlow(view.length);
  copy.set(view);
  return copy;
}

function read(nextLen: number, nextFunc: ReadStep['nextFunc']): ReadStep {
  return { kind: 'read', nextLen, nextFunc };
}
