import { createHash, createHmac, type Hash, hash } from 'node:crypto';

/** SHA-1 of `bytes`, 20 bytes. */
export function sha1(bytes: Uint8Array): Buffer {
  return hash('sha1', bytes, 'buffer');
}

/** The digest of bytes that arrive in several parts. */
class RunningDigest {
  readonly #hash: Hash;

  constructor(algorithm: 'sha1' | 'sha256') {
    this.#hash = createHash(algorithm);
  }

  update(bytes: Uint8Array): void {
    this.#hash.update(bytes);
  }

  /** The digest of all parts so far. Call it once, at the end: Node's hash object cannot be used after it. */
  digest(): Buffer {
    return this.#hash.digest();
  }
}

/** SHA-1 of bytes that arrive in several parts, 20 bytes. */
export class RunningSha1 extends RunningDigest {
  constructor() {
    super('sha1');
  }
}

/** SHA-256 of bytes that arrive in several parts, 32 bytes. */
export class RunningSha256 extends RunningDigest {
  constructor() {
    super('sha256');
  }
}

/** SHA-256 of `bytes`, 32 bytes. */
export function sha256(bytes: Uint8Array): Buffer {
  return hash('sha256', bytes, 'buffer');
}

/** Writes the SHA-256 of `bytes` to `into`, from `at` on. For very many digests: it makes no Buffer for each. */
export function writeSha256(bytes: Uint8Array, into: Buffer, at: number): void {
  into.write(hash('sha256', bytes, 'binary'), at, 'latin1');
}

/** The HMAC of `bytes` with SHA-256 (RFC 2104), 32 bytes. Only a party that knows `key` can compute it. */
export function hmacSha256(key: Uint8Array, bytes: Uint8Array): Buffer {
  return createHmac('sha256', key).update(bytes).digest();
}
