import type { BlockRead, BlockSpan, DoneOutcome } from '../../disk/storage.js';
import type { PieceIndex } from '../../metainfo/piece-layout.js';
import { PIECE_HEADER_LENGTH, writePieceHeader } from '../../wire/message.js';
import type { PeerConnection } from '../connections/peer-connection.js';

/**
 * Requests that are answered with one read and one send. The disk reads each block to the place behind its message
 * header. So nothing is copied, and the batch is sent as one run of bytes.
 */
export class UploadBatch {
  /** What the disk must read. */
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

  /** The messages of the requests for which `isWanted` is true, and how many bytes of blocks they hold. */
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

/** Where an UploadReads reads blocks. */
export interface ReadSource {
  /** The number of a byte in the torrent. */
  position(piece: PieceIndex, begin: number): number;
  readBlocks(reads: readonly BlockRead[], answered: (outcome: DoneOutcome) => void): void;
}

/** What came of reading a batch. */
export interface ReadResult {
  readonly outcome: DoneOutcome;
  readonly batch: UploadBatch;
  /** The messages that were read and are still wanted, with `length` bytes of blocks. */
  readonly chunks: readonly Buffer[];
  readonly length: number;
  /** The requests that are still wanted, and that the disk did not answer. */
  readonly lost: readonly BlockSpan[];
}

// One batch is read while the other leaves.
const MAX_READS = 2;

/**
 * The requests of one peer that are being read. A request that is withdrawn meanwhile is read all the same, but not
 * sent.
 */
export class UploadReads {
  readonly #source: ReadSource;
  readonly #over: (result: ReadResult) => void;
  /** The requests that are still wanted, by the position of their first byte. */
  readonly #wanted = new Map<number, BlockSpan>();
  #count = 0;
  #length = 0;

  /** `over` is called when the read of a batch has ended. */
  constructor(source: ReadSource, over: (result: ReadResult) => void) {
    this.#source = source;
    this.#over = over;
  }

  /** How many reads are under way. */
  get count(): number {
    return this.#count;
  }

  /** How many requests of these reads are still wanted. */
  get wantedCount(): number {
    return this.#wanted.size;
  }

  /**
   * Whether a batch of `batch` bytes may be read now, while `unsent` bytes wait in the socket and `queued` bytes wait
   * for us. While one batch is being read, the next one waits until it is full, because many small reads cost more than
   * a few large ones.
   */
  mayBegin(batch: number, unsent: number, queued: number): boolean {
    if (this.#count === 0) return unsent <= batch;
    return this.#count < MAX_READS && unsent + this.#length <= batch && queued >= batch;
  }

  /** `request` is part of the batch that is read next. */
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

  /** The peer no longer wants a request. False when no request has this position and length. */
  withdraw(position: number, length: number): boolean {
    return this.#wanted.get(position)?.length === length && this.#wanted.delete(position);
  }

  /** Withdraws all requests for which `goes` is true, and returns them. */
  takeOut(goes: (request: BlockSpan) => boolean): BlockSpan[] {
    return takeOut(this.#wanted, goes);
  }

  /** Removes the request. False when it was withdrawn, or withdrawn and made anew, while it was being read. */
  #take(request: BlockSpan): boolean {
    const position = this.#source.position(request.piece, request.begin);
    return this.#wanted.get(position) === request && this.#wanted.delete(position);
  }
}

// A peer that asks again for a block that the disk does not give would go on without end.
const MAX_FAILED_READS = 3;

/** Counts the failed reads of one peer, and ends the connection when there are too many in a row. */
export class FailedReads {
  readonly #connection: Pick<PeerConnection, 'refuse'>;
  readonly #have: (piece: PieceIndex) => boolean;
  /** How many reads failed since the last one that did not. */
  #count = 0;

  /** `have` says whether we may still give a piece. */
  constructor(connection: Pick<PeerConnection, 'refuse'>, have: (piece: PieceIndex) => boolean) {
    this.#connection = connection;
    this.#have = have;
  }

  /** One bad block fails a whole batch. So after a failure each request is read alone, until a read succeeds. */
  get readsAlone(): boolean {
    return this.#count > 0;
  }

  /**
   * A read has ended. True when the peer must be made to ask again for `lost`, which the read did not give. After the
   * third failure in a row the peer is refused instead, so that it asks other peers. A piece that we no longer have
   * does not count: the torrent itself tells the peers that it is lost.
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

/** Removes all `requests` for which `goes` is true, and returns them. */
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
