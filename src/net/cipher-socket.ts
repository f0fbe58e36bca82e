import type { Millis } from '../base/clock.js';
import type { RawServerContext, SingleSocket, SocketFailure, SocketHandler, StreamAddress } from './raw-server.js';

/** As `RawServerContext.adopt`, for a socket that may stand behind a cipher. */
export function adoptSocket(context: RawServerContext, socket: SingleSocket, handler: SocketHandler): void {
  if (socket instanceof CipherSocket) socket.adoptInto(context, handler);
  else context.adopt(socket, handler);
}

/** One direction of a stream cipher: each byte goes through once, in order. */
export interface StreamCipher {
  /** Writes `from`, encrypted or decrypted, to the beginning of `to`. */
  apply(from: Uint8Array, to: Uint8Array): void;
}

/** Bytes of a room for what is sent. */
const ROOM = 64 * 1024;
/** Shorter writes get memory of their own: most messages have a few bytes. */
const SHORT = 2 * 1024;
/** Rooms that are kept for later. */
const MAX_SPARE_ROOMS = 64;

/** Rooms that no socket uses. All sockets share them: new ones for each write would cost more than the cipher. */
const spareRooms: Buffer[] = [];
/** What came in, decrypted. All sockets share it, because it is valid during one call alone. */
let received: Buffer = Buffer.allocUnsafeSlow(ROOM);

/**
 * A socket whose bytes go through a cipher. It stands around another socket and is that one's handler. What is written
 * is encrypted into memory of its own, because blocks are shared between peers; what comes in is decrypted the same
 * way.
 */
export class CipherSocket implements SingleSocket, SocketHandler {
  readonly #inner: SingleSocket;
  readonly #sending: StreamCipher;
  readonly #receiving: StreamCipher;
  #handler: SocketHandler;
  /** Rooms whose bytes the kernel has not taken yet. */
  #rooms: Buffer[] = [];

  /** The caller makes this socket the handler of `inner`. From then on `handler` hears what happens on it. */
  constructor(inner: SingleSocket, sending: StreamCipher, receiving: StreamCipher, handler: SocketHandler) {
    this.#inner = inner;
    this.#sending = sending;
    this.#receiving = receiving;
    this.#handler = handler;
  }

  /** Lets `context` own the socket, as `RawServerContext.adopt` does. From the next event on `handler` is told. */
  adoptInto(context: RawServerContext, handler: SocketHandler): void {
    context.adopt(this.#inner, this);
    this.#handler = handler;
  }

  get remote(): StreamAddress {
    return this.#inner.remote;
  }

  get locallyInitiated(): boolean {
    return this.#inner.locallyInitiated;
  }

  get lastHit(): Millis {
    return this.#inner.lastHit;
  }

  get unsentLength(): number {
    return this.#inner.unsentLength;
  }

  write(chunks: readonly Buffer[]): void {
    const length = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
    if (length <= SHORT) this.#inner.write([this.#encrypted(chunks, Buffer.allocUnsafe(length))]);
    else this.#inner.write(this.#inRooms(chunks));
  }

  isFlushed(): boolean {
    return this.#inner.isFlushed();
  }

  pauseReading(): void {
    this.#inner.pauseReading();
  }

  resumeReading(): void {
    this.#inner.resumeReading();
  }

  end(): void {
    this.#inner.end();
  }

  close(): void {
    // The rooms are not used again: the kernel may still read from them.
    this.#rooms = [];
    this.#inner.close();
  }

  connectionMade(_socket: SingleSocket): void {
    throw new Error('a cipher stands around a socket that is connected');
  }

  dataCameIn(_socket: SingleSocket, data: Buffer): void {
    if (data.length > received.length) received = Buffer.allocUnsafeSlow(data.length);
    this.#receiving.apply(data, received);
    this.#handler.dataCameIn(this, received.subarray(0, data.length));
  }

  connectionFlushed(_socket: SingleSocket): void {
    for (const room of this.#rooms) if (spareRooms.length < MAX_SPARE_ROOMS) spareRooms.push(room);
    this.#rooms = [];
    this.#handler.connectionFlushed(this);
  }

  connectionLost(_socket: SingleSocket, failure: SocketFailure): void {
    this.#rooms = [];
    this.#handler.connectionLost(this, failure);
  }

  /** `chunks`, one after the other, encrypted into `room`, which is as long as they are together. */
  #encrypted(chunks: readonly Buffer[], room: Buffer): Buffer {
    let at = 0;
    for (const chunk of chunks) {
      this.#sending.apply(chunk, room.subarray(at));
      at += chunk.length;
    }
    return room;
  }

  #inRooms(chunks: readonly Buffer[]): Buffer[] {
    const parts: Buffer[] = [];
    let room = this.#takeRoom();
    let used = 0;
    for (const chunk of chunks) {
      for (let begin = 0; begin < chunk.length; ) {
        if (used === ROOM) {
          parts.push(room);
          room = this.#takeRoom();
          used = 0;
        }
        const end = Math.min(chunk.length, begin + ROOM - used);
        this.#sending.apply(chunk.subarray(begin, end), room.subarray(used));
        used += end - begin;
        begin = end;
      }
    }
    parts.push(room.subarray(0, used));
    return parts;
  }

  #takeRoom(): Buffer {
    const room = spareRooms.pop() ?? Buffer.allocUnsafeSlow(ROOM);
    this.#rooms.push(room);
    return room;
  }
}
