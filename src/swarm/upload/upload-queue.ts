import type { Millis } from '../../base/clock.js';
import type { BlockSpan } from '../../disk/storage.js';
import { BLOCK_LENGTH, type PieceIndex } from '../../metainfo/piece-layout.js';
import { takeOut, type UploadBatch } from './upload-reads.js';

/** What an UploadQueue needs of its owner, an Upload. */
export interface UploadQueueOwner {
  now(): Millis;
  /** The longest time that a request lets others go first. */
  readonly patience: Millis;
  /** There is an upload limit, so we have less to give than peers would take, and the order matters. */
  isShort(): boolean;
  /** No other peer has got this piece from us, or is getting it. */
  isFirst(piece: PieceIndex): boolean;
}

interface QueuedRequest extends BlockSpan {
  /** When the request came. */
  readonly at: Millis;
}

/**
 * How long the result of a look at all requests is used before the next look. New requests are added to it, and `fill`
 * makes it void.
 */
const LOOK_INTERVAL: Millis = 100;

/**
 * The requests of one peer that wait for us, in the order of asking. A second request for the same position replaces
 * the first.
 *
 * Under an upload limit, a request is urgent when its piece has gone to no other peer yet. Urgent requests, also those
 * of other peers, go before requests for pieces that some peer has got and may pass on. After `patience` every request
 * is urgent.
 */
export class UploadQueue {
  readonly #owner: UploadQueueOwner;
  /** By the position of their first byte in the torrent. */
  readonly #requests = new Map<number, QueuedRequest>();
  #patientUntil: Millis = Number.POSITIVE_INFINITY;
  #lookedAt: Millis = Number.NEGATIVE_INFINITY;

  constructor(owner: UploadQueueOwner) {
    this.#owner = owner;
  }

  get size(): number {
    return this.#requests.size;
  }

  /** False when a request for this position waits already. */
  add(position: number, { piece, begin, length }: BlockSpan): boolean {
    const before = this.#requests.size;
    const request = { piece, begin, length, at: this.#owner.now() };
    if (this.#requests.size === 0) this.#patientUntil = Number.POSITIVE_INFINITY;
    this.#requests.set(position, request);
    if (this.#owner.isShort()) this.#patientUntil = Math.min(this.#patientUntil, this.#patienceOf(request));
    return this.#requests.size > before;
  }

  /** Removes a request. False when no request has this position and length. */
  withdraw(position: number, length: number): boolean {
    return this.#requests.get(position)?.length === length && this.#requests.delete(position);
  }

  /** Withdraws all requests for which `goes` is true, and returns them. */
  takeOut(goes: (request: BlockSpan) => boolean): BlockSpan[] {
    return takeOut(this.#requests, goes);
  }

  /**
   * Until when all requests let others go first; -∞ when one is urgent. This is called for each message of the peer, so
   * it does not look at all requests each time: an urgent request that is gone may count for a moment longer.
   */
  patientUntil(): Millis {
    if (!this.#owner.isShort()) return Number.NEGATIVE_INFINITY;
    const now = this.#owner.now();
    if (now - this.#lookedAt >= LOOK_INTERVAL) this.#look();
    return this.#patientUntil <= now ? Number.NEGATIVE_INFINITY : this.#patientUntil;
  }

  /**
   * Moves requests to `batch`, up to `allowance` bytes of blocks, but at least one request. Moves only urgent ones if
   * there are any.
   */
  fill(batch: UploadBatch, allowance: number, moved: (position: number, span: BlockSpan) => void): void {
    const takesAll = !this.#owner.isShort() || this.#look() !== Number.NEGATIVE_INFINITY;
    this.#lookedAt = Number.NEGATIVE_INFINITY;
    for (const [position, request] of this.#requests) {
      if (!takesAll && !this.#isUrgent(request)) continue;
      if (batch.length > 0 && (batch.length + request.length > allowance || !batch.hasRoomFor(request))) return;
      this.#requests.delete(position);
      batch.add(request);
      moved(position, request);
    }
  }

  #look(): Millis {
    this.#lookedAt = this.#owner.now();
    this.#patientUntil = Number.POSITIVE_INFINITY;
    for (const request of this.#requests.values()) {
      this.#patientUntil = Math.min(this.#patientUntil, this.#patienceOf(request));
      if (this.#patientUntil === Number.NEGATIVE_INFINITY) break;
    }
    return this.#patientUntil;
  }

  /** Until when the request lets others go first; -∞ when it is urgent. */
  #patienceOf(request: QueuedRequest): Millis {
    return this.#isUrgent(request) ? Number.NEGATIVE_INFINITY : request.at + this.#owner.patience;
  }

  #isUrgent({ piece, at }: QueuedRequest): boolean {
    return this.#owner.isFirst(piece) || at + this.#owner.patience <= this.#owner.now();
  }
}

/**
 * Blocks of 4 MiB in all. A peer that asks for these again repeats itself; a peer that got wrong bytes asks once more
 * for one piece.
 */
const COUNT = 256;

/**
 * Remembers which blocks went to one peer last. Of the blocks that share a place in the table, only the latest is
 * remembered. To remember a block allocates nothing.
 */
export class RecentBlocks {
  readonly #positions = new Float64Array(COUNT).fill(-1);

  /** `position` is the number of the first byte of the block in the torrent. */
  add(position: number): void {
    this.#positions[placeOf(position)] = position;
  }

  has(position: number): boolean {
    return this.#positions[placeOf(position)] === position;
  }
}

function placeOf(position: number): number {
  return Math.floor(position / BLOCK_LENGTH) % COUNT;
}
