import type { Millis } from '../base/clock.js';
import type { PeerAddress } from '../net/raw-server.js';
import type { EncoderOptions } from './encoder-options.js';

/** An address that may be dialled. */
export interface Spare {
  readonly address: PeerAddress;
  /**
   * Who came from outside and said that it listens there, or null. While it is connected there is no point in dialling.
   */
  readonly peerId: Buffer | null;
  /** Not to be dialled before. */
  readonly notBefore: Millis;
  readonly failures: number;
  /** How well it suits us, as it was when it was named: the higher the better. */
  readonly rank: number;
}

interface Attempt {
  readonly at: Millis;
  /** Failures in a row, this one not counted. */
  readonly failures: number;
  /** Who answered there the last time. */
  readonly peerId: Buffer | null;
  /** False once the address has proved to be useless: our own, or somebody else's torrent. */
  readonly worthRetrying: boolean;
  /** It had everything, as we had: there is nothing to say while we want nothing. */
  readonly isComplete: boolean;
}

type SpareOptions = Pick<EncoderOptions, 'maxSpares' | 'retryInterval' | 'maxFailures'>;

/** Doubling stops here: an address that is tried for an hour is tried each half hour. */
const MAX_RETRY_INTERVAL: Millis = 30 * 60_000;

export function addressKey(address: PeerAddress): string {
  return `${address.host} ${address.port}`;
}

/**
 * The addresses that wait to be dialled, and what is known of those that were. An address waits at most once, waits at
 * least the retry interval after it was dialled, and longer with each failure. Both memories are bounded.
 */
export class Spares {
  readonly #options: SpareOptions;
  readonly #rank: (address: PeerAddress) => number;
  readonly #waiting = new Map<string, Spare>();
  /** The longest ago comes first: an address that is dialled again goes to the end. */
  readonly #attempts = new Map<string, Attempt>();

  constructor(options: SpareOptions, rank: (address: PeerAddress) => number) {
    this.#options = options;
    this.#rank = rank;
  }

  get count(): number {
    return this.#waiting.size;
  }

  /** Keeps an address that somebody named, unless it waits already or there are too many that are as good. */
  add(address: PeerAddress, now: Millis, peerId: Buffer | null = null): void {
    const key = addressKey(address);
    if (this.#waiting.has(key)) return;
    const attempt = this.#attempts.get(key);
    if (attempt !== undefined && !attempt.worthRetrying) return;
    this.#keep(key, {
      address,
      peerId,
      notBefore: attempt === undefined ? now : attempt.at + this.#pause(attempt.failures),
      failures: attempt?.failures ?? 0,
      rank: this.#rank(address),
    });
  }

  /** Who answered at this address when it was dialled last, or null. */
  knownPeerId(address: PeerAddress): Buffer | null {
    return this.#attempts.get(addressKey(address))?.peerId ?? null;
  }

  /**
   * The best address to dial now, among those that `mayDial` allows: fewest failures first, then rank, then patience.
   */
  next(now: Millis, mayDial: (spare: Spare) => boolean): Spare | undefined {
    let best: Spare | undefined;
    for (const spare of this.#waiting.values()) {
      if (spare.notBefore > now || (best !== undefined && !comesBefore(spare, best)) || !mayDial(spare)) continue;
      best = spare;
    }
    return best;
  }

  /** When the next address becomes ready that is not ready yet, or undefined. */
  nextReadyAt(now: Millis): Millis | undefined {
    let soonest: Millis | undefined;
    for (const { notBefore } of this.#waiting.values()) {
      if (notBefore > now && (soonest === undefined || notBefore < soonest)) soonest = notBefore;
    }
    return soonest;
  }

  drop(spare: Spare): void {
    this.#waiting.delete(addressKey(spare.address));
  }

  /** `spare` is being dialled. */
  dialled(spare: Spare, now: Millis): void {
    const key = addressKey(spare.address);
    const peerId = this.#attempts.get(key)?.peerId ?? null;
    this.#waiting.delete(key);
    this.#attempts.delete(key);
    this.#attempts.set(key, { at: now, failures: spare.failures, peerId, worthRetrying: true, isComplete: false });
    this.#forgetOldAttempts(now);
  }

  /** A connection that we dialled is up, and this peer answered. */
  answered(address: PeerAddress, peerId: Buffer): void {
    this.#amend(address, { peerId });
  }

  /** A connection that we dialled was good for a while: what failed before it does not count any more. */
  proved(address: PeerAddress): void {
    this.#amend(address, { failures: 0 });
  }

  /** A dial failed, or the connection was lost. The address waits for another attempt, unless it failed too often. */
  failed(address: PeerAddress, now: Millis): void {
    const key = addressKey(address);
    const attempt = this.#attempts.get(key);
    if (attempt === undefined) return;
    const failures = attempt.failures + 1;
    this.#amend(address, { failures });
    if (failures >= this.#options.maxFailures) return;
    const notBefore = Math.max(now, attempt.at + this.#pause(failures));
    this.#keep(key, { address, peerId: null, notBefore, failures, rank: this.#rank(address) });
  }

  /** Nobody is to dial this address again, whoever names it. */
  condemn(address: PeerAddress): void {
    this.#amend(address, { worthRetrying: false });
  }

  /** A peer that has everything, and may be found there, was parted from because we had everything too. */
  partedComplete(address: PeerAddress, peerId: Buffer, now: Millis): void {
    const key = addressKey(address);
    this.#forgetOldAttempts(now);
    // Whoever comes from outside may come as often as it likes, and name another port each time.
    if (this.#attempts.size >= 2 * this.#options.maxSpares && !this.#attempts.has(key)) return;
    this.#attempts.delete(key);
    this.#attempts.set(key, { at: now, failures: 0, peerId, worthRetrying: true, isComplete: true });
  }

  isComplete(address: PeerAddress): boolean {
    return this.#attempts.get(addressKey(address))?.isComplete ?? false;
  }

  clear(): void {
    this.#waiting.clear();
    this.#attempts.clear();
  }

  #keep(key: string, spare: Spare): void {
    if (this.#waiting.size >= this.#options.maxSpares && !this.#makeRoom(spare.failures)) return;
    this.#waiting.set(key, spare);
  }

  /** Drops the address that failed most, if it failed more often than `failures`. */
  #makeRoom(failures: number): boolean {
    let worstKey: string | undefined;
    let most = failures;
    for (const [key, spare] of this.#waiting) {
      if (spare.failures <= most) continue;
      most = spare.failures;
      worstKey = key;
    }
    return worstKey !== undefined && this.#waiting.delete(worstKey);
  }

  #pause(failures: number): Millis {
    const { retryInterval } = this.#options;
    return Math.max(retryInterval, Math.min(MAX_RETRY_INTERVAL, retryInterval * 2 ** Math.max(0, failures - 1)));
  }

  #amend(address: PeerAddress, change: Partial<Attempt>): void {
    const key = addressKey(address);
    const attempt = this.#attempts.get(key);
    if (attempt !== undefined) this.#attempts.set(key, { ...attempt, ...change });
  }

  /** Only what is older than the retry interval may be forgotten: the rest is what keeps attempts apart. */
  #forgetOldAttempts(now: Millis): void {
    for (const [key, attempt] of this.#attempts) {
      if (this.#attempts.size <= this.#options.maxSpares || now - attempt.at < this.#options.retryInterval) return;
      this.#attempts.delete(key);
    }
  }
}

function comesBefore(a: Spare, b: Spare): boolean {
  return a.failures === b.failures ? a.rank > b.rank : a.failures < b.failures;
}
