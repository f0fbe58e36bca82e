import type { BlockRead, BlockSpan } from '../disk/storage.js';
import { PIECE_HEADER_LENGTH, writePieceHeader } from '../wire/message.js';

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
