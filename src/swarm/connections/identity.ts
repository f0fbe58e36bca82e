/**
 * What we say of ourselves and the torrent in a handshake, and what we take from peers. A hybrid has two info-hashes
 * (BEP 52). Which of them a connection is for, both sides settle in the handshake:
 *
 * - The side that dials says the v1 hash, with the v2 bit when it could go on as version 2.
 * - The other side then answers with the v2 hash, and the connection is for version 2. Or it answers with the v1 hash,
 *   and the connection is for version 1.
 * - A peer that is known in the v2 swarm is dialled with the v2 hash. That needs no bit.
 *
 * BEP 52: "When initiating a connection and sending the sha1 infohash of such a hybrid torrent a peer should set the
 * 4th most significant bit in the last byte of the reserved bitfield to indicate that it also supports the new format.
 * The remote peer may then respond with the new infohash to establish an upgraded connection."
 */
import { type InfoHash, type Swarm, swarmsOf, type WireHashes } from '../../metainfo/info-hash.js';
import { encodeHandshake } from '../../wire/handshake.js';
import { announces, withV2 } from '../../wire/reserved.js';

/** Our side of the handshakes of one torrent. */
export interface Identity extends WireHashes {
  /** Our peer id, 20 bytes. */
  readonly myId: Buffer;
  /** The extensions that we announce, 8 bytes. The v2 bit is not among them: it depends on the connection. */
  readonly reserved: Buffer;
}

/** In which swarm of a hybrid an address was named to us. 'either': in both, or the source does not know. */
export type FoundIn = Swarm | 'either';

/** A whole handshake of ours. */
export interface Greeting {
  readonly infoHash: InfoHash;
  /** 68 bytes. */
  readonly bytes: Buffer;
}

/**
 * How we dial a peer that was found in a swarm: the first greeting, and the one that is tried when the peer ends the
 * connection over it without a word. A peer that the v1 swarm alone names knows the v1 hash, for it said so there.
 */
export function greetingsTo(found: FoundIn, identity: Identity): readonly [Greeting, ...Greeting[]] {
  const { infoHash, infoHashV2 } = identity;
  if (infoHashV2 === null || infoHashV2.equals(infoHash)) return [greeting(infoHash, false, identity)];
  const v1 = greeting(infoHash, true, identity);
  const v2 = greeting(infoHashV2, false, identity);
  if (found === 'v2') return [v2, v1];
  return found === 'v1' ? [v1] : [v1, v2];
}

/**
 * What we answer to a peer from outside that has said one of our hashes. When the torrent has no version 2, the bit of
 * the peer means nothing: the peer has a hybrid that is to us, so far or for good, its version 1.
 */
export function answerTo(said: Buffer, reserved: Buffer, identity: Identity): Greeting {
  const { infoHash, infoHashV2 } = identity;
  if (infoHashV2 === null) return greeting(infoHash, false, identity);
  if (said.equals(infoHashV2) || announces(reserved, 'v2')) return greeting(infoHashV2, false, identity);
  return greeting(infoHash, true, identity);
}

/** Whether a peer that we dialled may answer with this hash. It is one of ours, whichever of them we have said. */
export function isOurs(said: Buffer, identity: Identity): boolean {
  return [...swarmsOf(identity).values()].some((hash) => hash.equals(said));
}

function greeting(infoHash: InfoHash, offersV2: boolean, { myId, reserved }: Identity): Greeting {
  return { infoHash, bytes: encodeHandshake(infoHash, myId, offersV2 ? withV2(reserved) : reserved) };
}
