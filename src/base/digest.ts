import { createHash, createHmac } from 'node:crypto';

/** SHA-1 of `bytes`, 20 bytes. */
export function sha1(bytes: Uint8Array): Buffer {
  return createHash('sha1').update(bytes).digest();
}

/** SHA-1 of bytes that arrive in several parts. */
export class RunningSha1 {
  readonly #hash = createHash('sha1');

  update(bytes: Uint8Array): void {
    this.#hash.update(bytes);
  }

  /** SHA-1 of all parts so far, 20 bytes. Call it once, at the end: Node's hash object cannot be used after it. */
  digest(): Buffer {
    return this.#hash.digest();
  }
}

/** SHA-256 of `bytes`, 32 bytes. */
export function sha256(bytes: Uint8Array): Buffer {
  return createHash('sha256').update(bytes).digest();
}

/** The HMAC of `bytes` with SHA-256 (RFC 2104), 32 bytes. Only a party that knows `key` can compute it. */
export function hmacSha256(key: Uint8Array, bytes: Uint8Array): Buffer {
  return createHmac('sha256', key).update(bytes).digest();
}
