import type { Refusal } from './refusal.js';

/** Given exactly the bytes that were asked for, valid during the call. Says what comes next. */
export type NextFunc = (frame: Buffer) => Step;

export type Step =
  | { readonly kind: 'read'; readonly nextLen: number; readonly nextFunc: NextFunc }
  | { readonly kind: 'refuse'; readonly reason: Refusal };

const NOTHING: Buffer = Buffer.alloc(0);
/** What a frame that spans chunks is given at first: room for a block, not for whatever length a peer announces. */
const FIRST_ROOM = 17 * 1024;
/** Shorter frames are given what they need. */
const SHORT = 1024;
/**
 * Room that the last block to span chunks has left, for the next one, whosever it is: nearly every chunk ends within a
 * block, and new room for each costs a fast download some 10 MiB of peak memory.
 */
let spareRoom: Buffer | null = null;

/**
 * Cuts a stream of bytes into the frames that its readers ask for. A frame that lies in one chunk is passed as a view;
 * one that spans chunks is gathered in a buffer that grows with what has come. A frame of length zero is delivered too,
 * at once.
 *
 * After a refusal, or once `stop()` was called, it delivers nothing more: a frame may end its own connection. Once
 * `pause()` was called it leaves the rest of the chunk to its caller.
 */
export class Framer {
  readonly #refused: (reason: Refusal) => void;
  #nextLen: number;
  #nextFunc: NextFunc;
  /** The beginning of a frame whose rest has not come yet: `#gathered` bytes of `#partial`. */
  #partial: Buffer = NOTHING;
  #gathered = 0;
  #stopped = false;
  #paused = false;

  constructor(nextLen: number, nextFunc: NextFunc, refused: (reason: Refusal) => void) {
    this.#nextLen = nextLen;
    this.#nextFunc = nextFunc;
    this.#refused = refused;
  }

  /**
   * Feeds what came in. `chunk` may be used again afterwards: what is kept of it is copied. Says how many bytes of it
   * are read: all of them, unless a frame called `pause()`. What is left is to be fed first of all.
   */
  dataCameIn(chunk: Buffer): number {
    let begin = 0;
    this.#paused = false;
    if (this.#gathered > 0) {
      begin = this.#gather(chunk);
      if (this.#gathered < this.#nextLen) return begin;
      const room = this.#partial;
      this.#partial = NOTHING;
      this.#gathered = 0;
      const length = this.#nextLen;
      this.#deliver(length === room.length ? room : room.subarray(0, length));
      if (room.length === FIRST_ROOM) spareRoom = room;
    }
    while (!this.#stopped && !this.#paused && chunk.length - begin >= this.#nextLen) {
      const end = begin + this.#nextLen;
      this.#deliver(chunk.subarray(begin, end));
      begin = end;
    }
    if (this.#stopped || begin === chunk.length) return chunk.length;
    if (this.#paused) return begin;
    this.#gather(chunk.subarray(begin));
    return chunk.length;
  }

  /** To be called by a frame: what follows it is not delivered before `dataCameIn` is called again. */
  pause(): void {
    this.#paused = true;
  }

  stop(): void {
    this.#stopped = true;
    this.#partial = NOTHING;
    this.#gathered = 0;
  }

  /** Keeps what belongs to the current frame, and says how much that is. */
  #gather(chunk: Buffer): number {
    const length = Math.min(chunk.length, this.#nextLen - this.#gathered);
    const needed = this.#gathered + length;
    if (needed > this.#partial.length) {
      const room = takeRoom(this.#nextLen, Math.max(needed, 2 * this.#partial.length));
      this.#partial.copy(room, 0, 0, this.#gathered);
      this.#partial = room;
    }
    chunk.copy(this.#partial, this.#gathered, 0, length);
    this.#gathered = needed;
    return length;
  }

  #deliver(frame: Buffer): void {
    const step = this.#nextFunc(frame);
    if (this.#stopped) return;
    if (step.kind === 'refuse') {
      this.stop();
      this.#refused(step.reason);
      return;
    }
    this.#nextLen = step.nextLen;
    this.#nextFunc = step.nextFunc;
  }
}

/** Room for a frame of `length` bytes of which `needed` are there at once. */
function takeRoom(length: number, needed: number): Buffer {
  if (length <= SHORT) return Buffer.allocUnsafeSlow(length);
  if (needed > FIRST_ROOM) return Buffer.allocUnsafeSlow(Math.min(length, needed));
  const room = spareRoom ?? Buffer.allocUnsafeSlow(FIRST_ROOM);
  spareRoom = null;
  return room;
}
