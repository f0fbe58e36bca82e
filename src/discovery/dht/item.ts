/** Values of BEP 44: under which target they stand, and what their owner signs. */
import { sha1 } from '../../base/digest.js';
import type { NodeId } from './contact.js';
import type { Item, Signed } from './message.js';

export const MAX_VALUE_LENGTH = 1000;
export const MAX_SALT_LENGTH = 64;

/** Whether `signature` is that of `message` by the ed25519 key. It never throws. */
export type VerifySignature = (publicKey: Buffer, signature: Buffer, message: Buffer) => boolean;

/**
 * "The target ID is the SHA-1 hash of this key concatenated with the salt"; of an immutable item, that of its value.
 */
export function targetOf({ value, signed }: Item, salt: Buffer): NodeId {
  return sha1(signed === null ? value : Buffer.concat([signed.publicKey, salt]));
}

/** "3:seqi4e1:v12:Hello world!", and before it the salt when there is one. */
function signedBuffer(value: Buffer, sequence: bigint, salt: Buffer): Buffer {
  const before = salt.length === 0 ? [] : [Buffer.from(`4:salt${salt.length}:`), salt];
  return Buffer.concat([...before, Buffer.from(`3:seqi${sequence}e1:v`), value]);
}

export function isSignedBy(value: Buffer, signed: Signed, salt: Buffer, verify: VerifySignature): boolean {
  return verify(signed.publicKey, signed.signature, signedBuffer(value, signed.sequence, salt));
}
