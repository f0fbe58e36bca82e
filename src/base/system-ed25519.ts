import { createPublicKey, type KeyObject, verify } from 'node:crypto';

/** What stands before the 32 bytes of an ed25519 key in its DER spelling (RFC 8410). */
const KEY_PREFIX = Buffer.from('302a300506032b6570032100', 'hex');

/** Whether `signature` (64 bytes) is that of `message` by the ed25519 key `publicKey` (32 bytes). Never throws. */
export function verifyEd25519(publicKey: Buffer, signature: Buffer, message: Buffer): boolean {
  const key = keyOf(publicKey);
  return key !== undefined && verify(null, message, key, signature);
}

/** The key, unless its bytes are none. */
function keyOf(publicKey: Buffer): KeyObject | undefined {
  try {
    return createPublicKey({ key: Buffer.concat([KEY_PREFIX, publicKey]), format: 'der', type: 'spki' });
  } catch {
    return undefined;
  }
}
