import type { Millis } from '../../base/clock.js';
import { encodeHashMessage, type HashRange, keyOfRange } from '../../wire/hash-message.js';
import type { PeerConnection } from '../connections/peer-connection.js';

export interface HashPeerOptions {
  /** How many answers a peer may owe us at once. libtorrent asks for as many. */
  readonly maxOwed: number;
  /** An answer that takes longer than this is late: others are asked too. */
  readonly patience: Millis;
  /** What a peer owes for longer than this no longer counts against it; it may still come. */
  readonly answerTime: Millis;
  /** How long a peer is left alone that rejected a request or let it wait. The time doubles each time. */
  readonly firstPause: Millis;
  /** The longest time for which a peer is left alone. */
  readonly maxPause: Millis;
  /** A peer that rejected a range is not asked for it again for this long. */
  readonly rejectTime: Millis;
}

interface Owed {
  readonly range: HashRange;
  readonly since: Millis;
  isLate: boolean;
}

/** How many questions that were never answered, or ranges that were rejected, are remembered of one peer. */
const MAX_REMEMBERED = 256;

/** A peer that may be asked for hashes: what it owes, and how it has answered. */
export class HashPeer {
  readonly connection: PeerConnection;
  readonly #options: HashPeerOptions;
  /** By the key of the range. */
  readonly #owed = new Map<string, Owed>();
  /** Ranges that were given up. An answer for one of them is no fault. */
  readonly #forgotten = new Set<string>();
  /** Until when the peer is not asked for a range that it rejected. */
  readonly #rejected = new Map<string, Millis>();
  /** How often in a row it did not answer in time, or rejected what we asked for. */
  strikes = 0;
  /** When it was last asked; −∞ if never. */
  askedAt: Millis = Number.NEGATIVE_INFINITY;
  #pausedUntil: Millis = Number.NEGATIVE_INFINITY;

  constructor(connection: PeerConnection, options: HashPeerOptions) {
    this.connection = connection;
    this.#options = options;
  }

  /** It owes us less than it may, and is not left alone. */
  isFree(now: Millis): boolean {
    return this.#owed.size < this.#options.maxOwed && this.#pausedUntil <= now;
  }

  owes(key: string): boolean {
    return this.#owed.has(key);
  }

  hasRejected(key: string, now: Millis): boolean {
    return (this.#rejected.get(key) ?? Number.NEGATIVE_INFINITY) > now;
  }

  ask(range: HashRange, now: Millis): void {
    this.askedAt = now;
    this.#owed.set(keyOfRange(range), { range, since: now, isLate: false });
    this.connection.send([encodeHashMessage({ type: 'hashRequest', range })]);
  }

  /** Takes note of an answer. False when we did not ask for it. */
  answered(key: string): boolean {
    return this.#owed.delete(key) || this.#forgotten.delete(key);
  }

  /** It has sent right hashes. */
  proved(): void {
    this.strikes = 0;
    this.#pausedUntil = Number.NEGATIVE_INFINITY;
  }

  /** It has rejected what we asked for. */
  rejected(key: string, now: Millis): void {
    remember(this.#rejected, key, now + this.#options.rejectTime);
    this.#strike(now);
  }

  /** Calls `late` with the key of each answer that is late since the last call. */
  sweep(now: Millis, late: (key: string) => void): void {
    for (const [key, owed] of [...this.#owed]) {
      const waited = now - owed.since;
      if (waited >= this.#options.answerTime) {
        this.#owed.delete(key);
        this.#forgotten.add(key);
        const [oldest] = this.#forgotten;
        if (this.#forgotten.size > MAX_REMEMBERED && oldest !== undefined) this.#forgotten.delete(oldest);
      }
      if (owed.isLate || waited < this.#options.patience) continue;
      owed.isLate = true;
      this.#strike(now);
      late(key);
    }
  }

  #strike(now: Millis): void {
    const { firstPause, maxPause } = this.#options;
    this.#pausedUntil = now + Math.min(maxPause, firstPause * 2 ** this.strikes);
    this.strikes += 1;
  }
}

function remember(into: Map<string, Millis>, key: string, until: Millis): void {
  into.delete(key);
  into.set(key, until);
  const [oldest] = into.keys();
  if (into.size > MAX_REMEMBERED && oldest !== undefined) into.delete(oldest);
}
