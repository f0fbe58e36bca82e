import type { BlockRead, BlockSpan, DoneOutcome } from '../../disk/storage.js';
import type { PieceIndex } from '../../metainfo/piece-layout.js';
import type { UploadBatch } from '../upload-batch.js';

/** Where blocks are read. */
export interface ReadSource {
  /** A number for each byte of the torrent. */
  position(piece: PieceIndex, begin: number): number;
  readBlocks(reads: readonly BlockRead[], answered: (outcome: DoneOutcome) => void): void;
}

/** What has become of a batch. */
export interface ReadResult {
  readonly outcome: DoneOutcome;
  readonly batch: UploadBatch;
  /** What was read of it and is still wanted, with `length` bytes of blocks. */
  readonly chunks: readonly Buffer[];
  readonly length: number;
  /** What is still wanted, and the disk did not give. */
  readonly lost: readonly BlockSpan[];
}

// One is read while the other leaves.
const MAX_READS = 2;

/** Requests of one peer that are being read. Those that are withdrawn meanwhile are read for nothing, and not sent. */
export class UploadReads {
  readonly #source: ReadSource;
  readonly #over: (result: ReadResult) => void;
  /** Still wanted, by position of their first byte. */
  readonly #wanted = new Map<number, BlockSpan>();
  #count = 0;
  #length = 0;

  /** `over`: the read of a batch has ended. */
  constructor(source: ReadSource, over: (result: ReadResult) => void) {
    this.#source = source;
    this.#over = over;
  }

  /** Reads under way. */
  get count(): number {
    return this.#count;
  }

  /** Requests in them that are still wanted. */
  get wantedCount(): number {
    return this.#wanted.size;
  }

  /**
   * Whether a batch of this length may be read while `unsent` bytes wait in the socket and `queued` for us. While one
   * is being read, the next waits until it is whole: many small reads cost more than few large ones.
   */
  mayBegin(batch: number, unsent: number, queued: number): boolean {
    if (this.#count === 0) return unsent <= batch;
    return this.#count < MAX_READS && unsent + this.#length <= batch && queued >= batch;
  }

  /** `request` is part of the batch that is going to be read. */
  add(position: number, request: BlockSpan): void {
    this.#wanted.set(position, request);
  }

  begin(batch: UploadBatch): void {
    this.#count += 1;
    this.#length += batch.length;
    this.#source.readBlocks(batch.reads, (outcome) => {
      this.#count -= 1;
      this.#length -= batch.length;
      const lost: BlockSpan[] = [];
      const { chunks, length } = batch.wanted((request) => {
        const isWanted = this.#take(request);
        if (isWanted && !outcome.ok) lost.push(request);
        return isWanted && outcome.ok;
      });
      this.#over({ outcome, batch, chunks, length, lost });
    });
  }

  /** False when there is no such request. */
  withdraw(position: number, length: number): boolean {
    return this.#wanted.get(position)?.length === length && this.#wanted.delete(position);
  }

  /** Withdraws all requests that `goes`, and returns them. */
  takeOut(goes: (request: BlockSpan) => boolean): BlockSpan[] {
    return takeOut(this.#wanted, goes);
  }

  /** False when the request was withdrawn, or made anew, since it began to be read. */
  #take(request: BlockSpan): boolean {
    const position = this.#source.position(request.piece, request.begin);
    return this.#wanted.get(position) === request && this.#wanted.delete(position);
  }
}

/** Removes from `requests` all that `goes`, and returns them. */
export function takeOut<Request extends BlockSpan>(
  requests: Map<number, Request>,
  goes: (request: Request) => boolean,
): Request[] {
  const taken: Request[] = [];
  for (const [position, request] of requests) {
    if (!goes(request)) continue;
    requests.delete(position);
    taken.push(request);
  }
  return taken;
}
