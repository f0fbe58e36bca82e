/** What both sides of message stream encryption compute: hashes, ciphers, numbers, limits. */
import { sha1 } from '../../base/digest.js';
import type { NextFunc, Step } from '../framer.js';
import type { MseFault } from '../refusal.js';
import { Rc4 } from './rc4.js';

/** Bytes of a hash. */
export const HASH_LENGTH = 20;
/** The verification constant: eight zeros, which only who knows the secret and the torrent can encrypt. */
export const VC: Buffer = Buffer.alloc(8);
/** Bytes of padding at most, in each of its four places. More is refused. */
export const MAX_PADDING = 512;

/** What the bytes after the handshake are, as the bits of `crypto_provide` and `crypto_select` say. */
export const CRYPTO = { plaintext: 1, rc4: 2 } as const;
export type CryptoMethod = (typeof CRYPTO)[keyof typeof CRYPTO];

/** A set of methods: the bits of them all. */
export type CryptoMethods = number;

/** How a handshake ended well. */
export interface MseAgreement {
  readonly method: CryptoMethod;
  /** For what we send, and for what comes: they go on where the handshake ended. Not used with plaintext. */
  readonly sending: Rc4;
  readonly receiving: Rc4;
}

/** `HASH('req1', S)`: the acceptor finds the end of the dialler's padding by it. */
export const req1 = (secret: Buffer): Buffer => sha1(Buffer.concat([REQ1, secret]));
/** `HASH('req2', SKEY)`: by it the acceptor knows the torrent. `skey`: the info-hash, 20 bytes. */
export const req2 = (skey: Buffer): Buffer => sha1(Buffer.concat([REQ2, skey]));
/** `HASH('req3', S)`, which hides `req2` from a third side that only listens. */
export const req3 = (secret: Buffer): Buffer => sha1(Buffer.concat([REQ3, secret]));

/** The cipher of what the dialler sends. */
export const dialledCipher = (secret: Buffer, skey: Buffer): Rc4 => new Rc4(sha1(Buffer.concat([KEY_A, secret, skey])));
/** The cipher of what the acceptor sends. */
export const acceptedCipher = (secret: Buffer, skey: Buffer): Rc4 =>
  new Rc4(sha1(Buffer.concat([KEY_B, secret, skey])));

/** Of two buffers of one length, the exclusive or of each pair of bytes. */
export function xor(one: Buffer, other: Buffer): Buffer {
  return Buffer.from(one.map((byte, index) => byte ^ (other[index] as number)));
}

/** A reader of `nextLen` bytes. */
export function nextBytes(nextLen: number, nextFunc: NextFunc): Step {
  return { kind: 'read', nextLen, nextFunc };
}

/** The other side breaks the rules of message stream encryption; `what` says which. */
export function broken(what: MseFault): Step {
  return { kind: 'refuse', reason: { code: 'malformed-encryption', what } };
}

/**
 * A reader that skips up to `most` bytes until `pattern` has come, and then goes on with `found`. The padding before
 * the pattern has no length: it is told by its end.
 */
export function skipTo(pattern: Buffer, most: number, found: () => Step): Step {
  const seen = Buffer.alloc(pattern.length + most);
  let length = 0;
  const look: NextFunc = (bytes) => {
    length += bytes.copy(seen, length);
    const missing = pattern.length - begun(pattern, seen, length);
    if (missing === 0) return found();
    // The pattern cannot end sooner, so that nothing behind it is read. Byte by byte would cost 60 KiB of garbage.
    return length + missing > seen.length ? broken('no-sync') : nextBytes(missing, look);
  };
  return nextBytes(pattern.length, look);
}

/** How many bytes of the beginning of `pattern` are the last of the first `length` bytes of `seen`. */
function begun(pattern: Buffer, seen: Buffer, length: number): number {
  for (let count = pattern.length; count > 0; count -= 1) {
    if (seen.compare(pattern, 0, count, length - count, length) === 0) return count;
  }
  return 0;
}

const REQ1 = Buffer.from('req1');
const REQ2 = Buffer.from('req2');
const REQ3 = Buffer.from('req3');
const KEY_A = Buffer.from('keyA');
const KEY_B = Buffer.from('keyB');
