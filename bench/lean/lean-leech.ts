import { connect, type Socket } from 'node:net';
import {
  BLOCK,
  CHOKE,
  encodeHandshake,
  HANDSHAKE_LENGTH,
  INTERESTED,
  type LeanTorrent,
  PIECE,
  plainMessage,
  REQUEST,
  UNCHOKE,
} from './lean-wire.js';

export interface Leeched {
  /** From the moment at which the connection is made to the last byte. */
  readonly seconds: number;
  readonly bytes: number;
}

export interface LeanLeechOptions {
  readonly port: number;
  /** The most requests in flight. Clients queue 250 to 2,000 requests of a peer and drop the others. */
  readonly window: number;
  /** After a choke it asks again for blocks that did not come. Some clients do not. */
  readonly asksAgain: boolean;
}

export const DEFAULT_LEAN_LEECH_OPTIONS = { window: 500, asksAgain: true };

const RECEIVE_BUFFER = 1 << 20;
// A `piece` message up to the end of its `begin`.
const LONGEST_HEAD = 13;
const REQUEST_LENGTH = 17;

/**
 * A leech that is never the bottleneck: it asks for all blocks in order with many requests in flight, counts what
 * comes, and keeps nothing. Rejects when the seed closes the connection before it has sent everything.
 */
export function leech(torrent: LeanTorrent, options: LeanLeechOptions): Promise<Leeched> {
  return new Promise((resolve, reject) => {
    let began = 0;
    const receiver = new Receiver(torrent, options, (bytes) => socket.write(bytes));
    const socket: Socket = connect({
      host: '127.0.0.1',
      port: options.port,
      noDelay: true,
      onread: {
        buffer: Buffer.allocUnsafeSlow(RECEIVE_BUFFER),
        callback: (length, buffer) => {
          receiver.dataCameIn(buffer as Buffer, length);
          if (receiver.done) {
            resolve({ seconds: (performance.now() - began) / 1000, bytes: receiver.received });
            socket.destroy();
          }
          return true;
        },
      },
    });
    socket.once('connect', () => {
      began = performance.now();
      socket.write(encodeHandshake(torrent.infoHash, '-LEECH1-', false));
    });
    socket.once('error', reject);
    socket.once('close', () => reject(new Error(`the seed closed after ${receiver.received} bytes`)));
  });
}

/** Reads frames without keeping them, and asks for blocks. */
export class Receiver {
  received = 0;
  readonly #torrent: LeanTorrent;
  readonly #window: number;
  readonly #asksAgain: boolean;
  readonly #send: (bytes: Buffer) => void;
  /** All requests of the torrent in a row, so that one write of a part of it asks for a run of blocks. */
  readonly #requests: Buffer;
  readonly #arrived: Uint8Array;
  readonly #blockCount: number;
  #arrivedCount = 0;
  #next = 0;
  #inFlight = 0;
  #choked = true;
  /** The head of the message that is coming in, as far as it has come. */
  readonly #head = Buffer.alloc(LONGEST_HEAD);
  #headLength = 0;
  /** Bytes until the next head. At first this is the handshake. */
  #skip = HANDSHAKE_LENGTH;
  #handshakeDone = false;
  #block: number | undefined;

  constructor(torrent: LeanTorrent, options: Omit<LeanLeechOptions, 'port'>, send: (bytes: Buffer) => void) {
    this.#torrent = torrent;
    this.#window = options.window;
    this.#asksAgain = options.asksAgain;
    this.#send = send;
    this.#blockCount = Math.ceil(torrent.length / BLOCK);
    this.#arrived = new Uint8Array(this.#blockCount);
    this.#requests = Buffer.alloc(this.#blockCount * REQUEST_LENGTH);
    for (let block = 0; block < this.#blockCount; block += 1) {
      const at = block * REQUEST_LENGTH;
      const offset = block * BLOCK;
      this.#requests.writeUInt32BE(13, at);
      this.#requests[at + 4] = REQUEST;
      this.#requests.writeUInt32BE(Math.floor(offset / torrent.pieceLength), at + 5);
      this.#requests.writeUInt32BE(offset % torrent.pieceLength, at + 9);
      this.#requests.writeUInt32BE(this.#lengthOf(block), at + 13);
    }
  }

  get done(): boolean {
    return this.#arrivedCount === this.#blockCount;
  }

  dataCameIn(buffer: Buffer, length: number): void {
    for (let at = 0; at < length; ) {
      const skipped = Math.min(this.#skip, length - at);
      this.#skip -= skipped;
      at += skipped;
      if (this.#skip > 0) break;
      if (!this.#handshakeDone) this.#handshakeCameIn();
      if (this.#block !== undefined) this.#blockCameIn();
      at += this.#readHead(buffer, at, length);
    }
    // A block may end with the chunk.
    if (this.#skip === 0 && this.#block !== undefined) this.#blockCameIn();
    this.#ask();
  }

  /** We wait for the seed's handshake: aria2 bans a peer that sends more than a handshake before aria2 has answered. */
  #handshakeCameIn(): void {
    this.#handshakeDone = true;
    this.#send(plainMessage(INTERESTED));
  }

  /** Takes the bytes that the head still needs; returns how many. */
  #readHead(buffer: Buffer, from: number, to: number): number {
    let at = from;
    while (at < to && this.#skip === 0) {
      this.#head[this.#headLength] = buffer[at] ?? 0;
      this.#headLength += 1;
      at += 1;
      this.#judgeHead();
    }
    return at - from;
  }

  #judgeHead(): void {
    if (this.#headLength < 4) return;
    const length = this.#head.readUInt32BE(0);
    const id = this.#head[4];
    if (length === 0) this.#headLength = 0;
    else if (this.#headLength === 5 && id !== PIECE) {
      this.#headLength = 0;
      this.#skip = length - 1;
      if (id === CHOKE) this.#chokeCameIn();
      if (id === UNCHOKE) this.#choked = false;
    } else if (this.#headLength === LONGEST_HEAD) {
      this.#headLength = 0;
      this.#skip = length - 9;
      const offset = this.#head.readUInt32BE(5) * this.#torrent.pieceLength + this.#head.readUInt32BE(9);
      this.#block = offset / BLOCK;
      if (this.#skip !== this.#lengthOf(this.#block)) throw new Error(`not the block that was asked for, at ${offset}`);
    }
  }

  #blockCameIn(): void {
    const block = this.#block ?? 0;
    this.#block = undefined;
    this.#inFlight = Math.max(0, this.#inFlight - 1);
    if (this.#arrived[block] !== 0) return;
    this.#arrived[block] = 1;
    this.#arrivedCount += 1;
    this.received += this.#lengthOf(block);
  }

  /** Without the fast extension a choke drops all open requests. */
  #chokeCameIn(): void {
    this.#choked = true;
    if (!this.#asksAgain) return;
    this.#inFlight = 0;
    this.#next = this.#arrived.indexOf(0);
  }

  #ask(): void {
    if (this.#choked) return;
    while (this.#inFlight < this.#window && this.#next < this.#blockCount) {
      if (this.#arrived[this.#next] !== 0) {
        this.#next += 1;
        continue;
      }
      const first = this.#next;
      while (this.#inFlight < this.#window && this.#next < this.#blockCount && this.#arrived[this.#next] === 0) {
        this.#next += 1;
        this.#inFlight += 1;
      }
      this.#send(this.#requests.subarray(first * REQUEST_LENGTH, this.#next * REQUEST_LENGTH));
    }
  }

  #lengthOf(block: number): number {
    return Math.min(BLOCK, this.#torrent.length - block * BLOCK);
  }
}
