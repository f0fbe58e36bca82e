import { createHash, createHmac } from 'node:crypto';

/** SHA-1 of `bytes`, 20 bytes. */
export function sha1(bytes: Uint8Array): Buffer {
  return createHash('sha1').update(bytes).digest();
}

/** SHA-1 of bytes that come one part after the other. */
export class RunningSha1 {
  readonly #hash = createHash('sha1');

  update(bytes: Uint8Array): void {
    this.#hash.update(bytes);
  }

  /** Of all parts so far, 20 bytes. To be called once, at the end. */
  digest(): Buffer {
    return this.#hash.digest();
  }
}

/** SHA-256 of `bytes`, 32 bytes. */
export function sha256(bytes: Uint8Array): Buffer {
  return createHash('sha256').update(bytes).digest();
}

/** What only whoever knows `key` can make of `bytes` (RFC 2104, with SHA-256), 32 bytes. */
export function hmacSha256(key: Uint8Array, bytes: Uint8Array): Buffer {
  return createHmac('sha256', key).update(bytes).digest();
}
