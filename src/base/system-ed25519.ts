import { createPublicKey, type KeyObject, verify } from 'node:crypto';

/** The bytes before the 32 bytes of an ed25519 public key in DER (RFC 8410). */
const KEY_PREFIX = Buffer.from('302a300506032b6570032100', 'hex');

/**
 * Whether `signature` (64 bytes) is the signature of `message` under the ed25519 key `publicKey` (32 bytes). Never
 * throws; false when `publicKey` is not a key.
 */
export function verifyEd25519(publicKey: Buffer, signature: Buffer, message: Buffer): boolean {
  const key = keyOf(publicKey);
  return key !== undefined && verify(null, message, key, signature);
}

/** The key as Node wants it, or undefined when the bytes are not a key. */
function keyOf(publicKey: Buffer): KeyObject | undefined {
  try {
    return createPublicKey({ key: Buffer.concat([KEY_PREFIX, publicKey]), format: 'der', type: 'spki' });
  } catch {
    return undefined;
  }
}
