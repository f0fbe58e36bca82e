import { closeSync, openSync, readSync } from 'node:fs';
import { BLOCK, type LeanTorrent, PIECE } from './lean-wire.js';

const HEAD = 13;

/**
 * The whole content as it goes over the wire: every block behind the head of its `piece` message. A run of blocks lies
 * in one stretch of this memory, so a seed answers any number of requests in a row with one write and no copy.
 */
export class WireImage {
  readonly pieceCount: number;
  readonly #torrent: LeanTorrent;
  readonly #bytes: Buffer;

  /** Reads the content from the file at `path`. Throws when the file is shorter than the torrent. */
  constructor(torrent: LeanTorrent, path: string) {
    this.#torrent = torrent;
    this.pieceCount = Math.ceil(torrent.length / torrent.pieceLength);
    this.#bytes = Buffer.allocUnsafeSlow(this.#startOf(Math.ceil(torrent.length / BLOCK) - 1) + HEAD + BLOCK);
    const file = openSync(path, 'r');
    for (let block = 0; block * BLOCK < torrent.length; block += 1) {
      const begin = block * BLOCK;
      const length = Math.min(BLOCK, torrent.length - begin);
      const at = this.#startOf(block);
      this.#bytes.writeUInt32BE(9 + length, at);
      this.#bytes[at + 4] = PIECE;
      this.#bytes.writeUInt32BE(Math.floor(begin / torrent.pieceLength), at + 5);
      this.#bytes.writeUInt32BE(begin % torrent.pieceLength, at + 9);
      if (readSync(file, this.#bytes, at + HEAD, length, begin) !== length) throw new Error(`${path} is too short`);
    }
    closeSync(file);
  }

  /** The number of the block that a request asks for; undefined when it asks for anything but one whole block. */
  blockOf(index: number, begin: number, length: number): number | undefined {
    const offset = index * this.#torrent.pieceLength + begin;
    const isBlock =
      begin < this.#torrent.pieceLength &&
      offset % BLOCK === 0 &&
      length === Math.min(BLOCK, this.#torrent.length - offset) &&
      length > 0;
    return isBlock ? offset / BLOCK : undefined;
  }

  /** The `piece` messages of the blocks `first` to `last`. */
  messages(first: number, last: number): Buffer {
    const end = Math.min(this.#startOf(last + 1), this.#startOf(0) + this.#torrent.length + (last + 1) * HEAD);
    return this.#bytes.subarray(this.#startOf(first), end);
  }

  #startOf(block: number): number {
    return block * (HEAD + BLOCK);
  }
}
