/**
 * The Framer cuts a stream of bytes into the frames that its readers ask for. A frame that lies in one chunk is passed
 * on as a view. A frame that spans chunks is gathered in a buffer that grows with what has come. A frame of length zero
 * is delivered too, at once.
 *
 * After a refusal, or after `stop()`, the Framer delivers nothing more: a frame may end its own connection. After
 * `pause()` it leaves the rest of the chunk to its caller.
 */
import type { Refusal } from './refusal.js';

/** A reader: it gets exactly the bytes that were asked for, valid during the call, and returns what comes next. */
export type NextFunc = (frame: Buffer) => Step;

/** What comes next: a frame of `nextLen` bytes (0 or more) for `nextFunc`, or the end of the connection. */
export type Step =
  | { readonly kind: 'read'; readonly nextLen: number; readonly nextFunc: NextFunc }
  | { readonly kind: 'refuse'; readonly reason: Refusal };

const NOTHING: Buffer = Buffer.alloc(0);
/** The first buffer of a frame that spans chunks has room for a block, not for any length that a peer announces. */
const FIRST_ROOM = 17 * 1024;
/** A frame of up to this many bytes gets a buffer of its own length. */
const SHORT = 1024;
/**
 * The buffer of the last block that spanned chunks, for the next such block of any peer. Nearly every chunk ends within
 * a block, and a new buffer for each would cost a fast download about 10 MiB of peak memory.
 */
let spareRoom: Buffer | null = null;

export class Framer {
  readonly #refused: (reason: Refusal) => void;
  #nextLen: number;
  #nextFunc: NextFunc;
  /** The first `#gathered` bytes hold the beginning of a frame whose rest has not come yet. */
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
   * Cuts what came in. The caller may use `chunk` again afterwards, because the Framer copies what it keeps. Returns
   * how many bytes were read: all of them, unless a reader called `pause()`. The caller must feed the rest before
   * anything else.
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

  /** A reader calls this: what follows its frame is not delivered before the next `dataCameIn`. */
  pause(): void {
    this.#paused = true;
  }

  /** Delivers nothing more, and frees what was gathered. */
  stop(): void {
    this.#stopped = true;
    this.#partial = NOTHING;
    this.#gathered = 0;
  }

  /** Keeps those bytes of `chunk` that belong to the current frame. Returns how many they are. */
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

/** A buffer for a frame of `length` bytes, of which `needed` bytes must fit in at once. */
function takeRoom(length: number, needed: number): Buffer {
  if (length <= SHORT) return Buffer.allocUnsafeSlow(length);
  if (needed > FIRST_ROOM) return Buffer.allocUnsafeSlow(Math.min(length, needed));
  const room = spareRoom ?? Buffer.allocUnsafeSlow(FIRST_ROOM);
  spareRoom = null;
  return room;
}
