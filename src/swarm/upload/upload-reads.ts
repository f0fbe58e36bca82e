import type { BlockRead, BlockSpan, DoneOutcome } from '../../disk/storage.js';
import type { PieceIndex } from '../../metainfo/piece-layout.js';
import { PIECE_HEADER_LENGTH, writePieceHeader } from '../../wire/message.js';
import type { PeerConnection } from '../connections/peer-connection.js';

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

// Whoever asks again for what the disk does not give would go on for ever.
const MAX_FAILED_READS = 3;

/** Requests of one peer that the disk does not answer. */
export class FailedReads {
  readonly #connection: Pick<PeerConnection, 'refuse'>;
  readonly #have: (piece: PieceIndex) => boolean;
  /** Since the last that did not fail. */
  #count = 0;

  /** `have`: what we may still give. */
  constructor(connection: Pick<PeerConnection, 'refuse'>, have: (piece: PieceIndex) => boolean) {
    this.#connection = connection;
    this.#have = have;
  }

  /** One bad block fails a whole batch: until a read succeeds, each is read alone. */
  get readsAlone(): boolean {
    return this.#count > 0;
  }

  /**
   * A read has ended. True when the peer is to ask again for `lost`, which it did not give; the third time in a row the
   * peer is parted from instead, so that it asks others. What is no longer ours to serve is no matter here: the torrent
   * parts from those whom it was promised.
   */
  ended(wasRead: boolean, lost: readonly BlockSpan[]): boolean {
    if (wasRead) this.#count = 0;
    if (!lost.some(({ piece }) => this.#have(piece))) return false;
    this.#count += 1;
    if (this.#count < MAX_FAILED_READS) return true;
    this.#connection.refuse({ code: 'cannot-serve' });
    return false;
  }
}

/**
 * Requests that are answered with one read and one send. The disk reads each block to where the wire wants it, behind
 * its header: nothing is copied, and what is sent is one run of bytes.
 */
export class UploadBatch {
  /** What the disk is to read. */
  readonly reads: BlockRead[] = [];
  readonly memory: Buffer;
  readonly #requests: BlockSpan[] = [];
  #end = 0;
  #length = 0;

  constructor(memory: Buffer) {
    this.memory = memory;
  }

  /** Bytes of blocks. */
  get length(): number {
    return this.#length;
  }

  hasRoomFor({ length }: BlockSpan): boolean {
    return this.#end + PIECE_HEADER_LENGTH + length <= this.memory.length;
  }

  add(request: BlockSpan): void {
    const { piece, begin, length } = request;
    const at = this.#end + PIECE_HEADER_LENGTH;
    writePieceHeader(this.memory, this.#end, piece, begin, length);
    this.reads.push({ piece, begin, into: this.memory.subarray(at, at + length) });
    this.#requests.push(request);
    this.#end = at + length;
    this.#length += length;
  }

  /** The messages that are still wanted, and how many bytes of blocks are in them. */
  wanted(isWanted: (request: BlockSpan) => boolean): { readonly chunks: readonly Buffer[]; readonly length: number } {
    const chunks: Buffer[] = [];
    let length = 0;
    let begin = 0;
    let end = 0;
    const cut = (): void => {
      if (end > begin) chunks.push(this.memory.subarray(begin, end));
    };
    for (const request of this.#requests) {
      const next = end + PIECE_HEADER_LENGTH + request.length;
      if (isWanted(request)) length += request.length;
      else {
        cut();
        begin = next;
      }
      end = next;
    }
    cut();
    return { chunks, length };
  }
}
