import type { Task, Timers } from '../../base/clock.js';
import { encodeHashMessage, keyOfRange } from '../../wire/hash-message.js';
import type { PeerConnection } from '../connections/peer-connection.js';
import type { RateLimiter, RateWaiter } from '../rate-limiter.js';
import type { KnownHashes, KnownRange } from './known-hashes.js';

export interface HashUploadOptions {
  /** How many requests of one peer may wait. libtorrent asks for two at once. */
  readonly maxQueued: number;
  /** While more bytes than this wait in the socket, no answer is made. */
  readonly maxUnsent: number;
}

export interface HashUploadParts {
  readonly timers: Timers;
  readonly known: Pick<KnownHashes, 'give'>;
  /** The limit of our upload, which hashes share with blocks. */
  readonly limiter: RateLimiter;
}

/**
 * Answers the hash requests of one peer, one after the other, choked or not. What is answered next waits until the peer
 * takes what was sent, and until the upload limit allows it.
 */
export class HashUpload implements RateWaiter {
  readonly #connection: PeerConnection;
  readonly #parts: HashUploadParts;
  readonly #options: HashUploadOptions;
  readonly #queue = new Map<string, KnownRange>();
  #task: Task | null = null;
  /** An answer is being made. */
  #isBusy = false;
  #ended = false;
  /** Hashes that were asked for over this connection, and given or about to be. */
  total = 0;

  constructor(connection: PeerConnection, parts: HashUploadParts, options: HashUploadOptions) {
    this.#connection = connection;
    this.#parts = parts;
    this.#options = options;
  }

  /** False when too many requests wait, or this one waits already. */
  add(known: KnownRange): boolean {
    const key = keyOfRange(known.range);
    if (this.#queue.size >= this.#options.maxQueued || this.#queue.has(key)) return false;
    // The range is a view of what came in.
    this.#queue.set(key, { ...known, range: { ...known.range, root: Buffer.from(known.range.root) } });
    this.total += known.range.length;
    this.serveSoon();
    return true;
  }

  /** Each answer is made in a task of its own: it costs up to a millisecond. */
  serveSoon(): void {
    if (this.#isBusy || this.#ended || this.#queue.size === 0) return;
    this.#task ??= this.#parts.timers.addTask(() => {
      this.#task = null;
      this.#serve();
    }, 0);
  }

  rateAllows(): void {
    this.#serve();
  }

  end(): void {
    this.#ended = true;
    this.#queue.clear();
    this.#task?.cancel();
    this.#parts.limiter.leave(this);
  }

  #serve(): void {
    const [first] = this.#queue;
    if (this.#isBusy || this.#ended || first === undefined) return;
    if (this.#connection.unsentLength > this.#options.maxUnsent) return;
    if (this.#parts.limiter.allowance() === 0) {
      this.#parts.limiter.wait(this);
      return;
    }
    const [key, known] = first;
    const { range } = known;
    this.#queue.delete(key);
    this.#isBusy = true;
    this.#parts.known.give(known, this.#connection.hostKey, (hashes) => {
      this.#isBusy = false;
      if (this.#ended) return;
      const answer = encodeHashMessage(
        hashes === null ? { type: 'hashReject', range } : { type: 'hashes', range, hashes },
      );
      this.#parts.limiter.spend(answer.length);
      this.#connection.send([answer]);
      this.serveSoon();
    });
  }
}
