import { createHash, createHmac } from 'node:crypto';

/** SHA-1 of `bytes`, 20 bytes. */
export function sha1(bytes: Uint8Array): Buffer {
  return createHash('sha1').update(bytes).digest();
}

/** SHA-256 of `bytes`, 32 bytes. */
export function sha256(bytes: Uint8Array): Buffer {
  return createHash('sha256').update(bytes).digest();
}

/** What only whoever knows `key` can make of `bytes` (RFC 2104, with SHA-256), 32 bytes. */
export function hmacSha256(key: Uint8Array, bytes: Uint8Array): Buffer {
  return createHmac('sha256', key).update(bytes).digest();
}
