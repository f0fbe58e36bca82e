import type { Millis } from '../../base/clock.js';
import type { BlockSpan } from '../../disk/storage.js';
import { BLOCK_LENGTH, type PieceIndex } from '../../metainfo/piece-layout.js';
import { takeOut, type UploadBatch } from './upload-reads.js';

/** What an UploadQueue asks of its upload. */
export interface UploadQueueOwner {
  now(): Millis;
  /** How long a request lets others go first, at the most. */
  readonly patience: Millis;
  /** There is less to give than peers would take, so that it matters who goes first. */
  isShort(): boolean;
  /** Nobody else has this piece of us, or is getting it. */
  isFirst(piece: PieceIndex): boolean;
}

interface QueuedRequest extends BlockSpan {
  /** When it came. */
  readonly at: Millis;
}

/** How long what was found out about all requests holds, but for those that come and those that are given. */
const LOOK_INTERVAL: Millis = 100;

/**
 * Requests of one peer that wait for us, in the order of asking. A second one for the same place replaces the first.
 *
 * When there is too little for all, what has gone to nobody yet is urgent: it goes before what went to somebody who may
 * give it on, whoever asks. But no request is patient for long.
 */
export class UploadQueue {
  readonly #owner: UploadQueueOwner;
  /** By position of their first byte in the torrent. */
  readonly #requests = new Map<number, QueuedRequest>();
  #patientUntil: Millis = Number.POSITIVE_INFINITY;
  #lookedAt: Millis = Number.NEGATIVE_INFINITY;

  constructor(owner: UploadQueueOwner) {
    this.#owner = owner;
  }

  get size(): number {
    return this.#requests.size;
  }

  /** False when one for this place waits already. */
  add(position: number, { piece, begin, length }: BlockSpan): boolean {
    const before = this.#requests.size;
    const request = { piece, begin, length, at: this.#owner.now() };
    if (this.#requests.size === 0) this.#patientUntil = Number.POSITIVE_INFINITY;
    this.#requests.set(position, request);
    if (this.#owner.isShort()) this.#patientUntil = Math.min(this.#patientUntil, this.#patienceOf(request));
    return this.#requests.size > before;
  }

  /** False when there is no such request. */
  withdraw(position: number, length: number): boolean {
    return this.#requests.get(position)?.length === length && this.#requests.delete(position);
  }

  /** Withdraws all requests that `goes`, and returns them. */
  takeOut(goes: (request: BlockSpan) => boolean): BlockSpan[] {
    return takeOut(this.#requests, goes);
  }

  /**
   * Until when all of them let others go first; -∞ when one is urgent. Each message of the peer asks for this, so that
   * not all of them are looked at each time: one that was urgent and is gone may count for a moment.
   */
  patientUntil(): Millis {
    if (!this.#owner.isShort()) return Number.NEGATIVE_INFINITY;
    const now = this.#owner.now();
    if (now - this.#lookedAt >= LOOK_INTERVAL) this.#look();
    return this.#patientUntil <= now ? Number.NEGATIVE_INFINITY : this.#patientUntil;
  }

  /**
   * Moves requests to `batch`, the urgent ones if there are any: up to `allowance` bytes of blocks, but one at least.
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

  /** Until when it lets others go first; -∞ when it is urgent. */
  #patienceOf(request: QueuedRequest): Millis {
    return this.#isUrgent(request) ? Number.NEGATIVE_INFINITY : request.at + this.#owner.patience;
  }

  #isUrgent({ piece, at }: QueuedRequest): boolean {
    return this.#owner.isFirst(piece) || at + this.#owner.patience <= this.#owner.now();
  }
}

/**
 * Four mebibytes of blocks: a peer to which these come wrong asks for one piece again, not for the same one for ever.
 */
const COUNT = 256;

/** Which blocks went to one peer last: the latest of those that share a place. Nothing is made for a block. */
export class RecentBlocks {
  readonly #positions = new Float64Array(COUNT).fill(-1);

  /** `position`: a number for each byte of the torrent. */
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
