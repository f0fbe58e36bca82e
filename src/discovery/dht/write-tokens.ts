import type { Millis } from '../../base/clock.js';
import { sha1 } from '../../base/digest.js';
import type { Random } from '../../base/random.js';
import type { NodeId } from './contact.js';

/** "A secret that changes every five minutes and tokens up to ten minutes old are accepted." */
const SECRET_LIFE: Millis = 5 * 60_000;
const SECRET_LENGTH = 20;
const TOKEN_LENGTH = 8;

/**
 * Tokens prove that whoever wants to write something here has lately received a packet at the address from which it
 * writes. Nothing is kept for them but two secrets. Each is good for one host and one target.
 */
export class WriteTokens {
  readonly #random: Random;
  #secret: Buffer;
  #formerSecret: Buffer;
  #madeAt: Millis;

  constructor(random: Random, now: Millis) {
    this.#random = random;
    this.#secret = random.bytes(SECRET_LENGTH);
    this.#formerSecret = random.bytes(SECRET_LENGTH);
    this.#madeAt = now;
  }

  tokenFor(host: string, target: NodeId, now: Millis): Buffer {
    this.#renew(now);
    return tokenOf(this.#secret, host, target);
  }

  accepts(token: Buffer, host: string, target: NodeId, now: Millis): boolean {
    this.#renew(now);
    return [this.#secret, this.#formerSecret].some((secret) => tokenOf(secret, host, target).equals(token));
  }

  #renew(now: Millis): void {
    const age = now - this.#madeAt;
    if (age < SECRET_LIFE) return;
    this.#formerSecret = age < 2 * SECRET_LIFE ? this.#secret : this.#random.bytes(SECRET_LENGTH);
    this.#secret = this.#random.bytes(SECRET_LENGTH);
    this.#madeAt = now;
  }
}

function tokenOf(secret: Buffer, host: string, target: NodeId): Buffer {
  return sha1(Buffer.concat([secret, target, Buffer.from(host)])).subarray(0, TOKEN_LENGTH);
}
