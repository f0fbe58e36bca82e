import type { Millis, Timers } from '../../../src/base/clock.js';
import type { Random } from '../../../src/base/random.js';
import { moveBytes, type Segment, SimulatedLane } from './simulated-lane.js';
import type { SimulatedLink } from './simulated-link.js';
import type { SimulatedMemory } from './simulated-memory.js';

/** One direction of the way between two hosts. */
export interface PipePath {
  readonly timers: Timers;
  readonly random: Random;
  /** One way. */
  readonly latency: Millis;
  readonly upload: SimulatedLink;
  readonly download: SimulatedLink;
  /** Bytes that the two kernels hold together before a writer has to wait. */
  readonly window: number;
  /** 'whole': data comes as it was sent. 'random': it is cut and joined at random places. */
  readonly chunking: 'whole' | 'random';
  readonly memory: SimulatedMemory;
  /** Each reader gets a view of this buffer. It is overwritten after the call, so that a kept view shows in a test. */
  readonly receiveBuffer: Buffer;
  /** Whether nothing comes across for now. What was sent waits, because a real kernel would send it again. */
  isSilent(): boolean;
}

/** The side that writes. */
export interface PipeWriter {
  /** The queue is empty. It is called from a task of its own. */
  flushed(): void;
}

/** The side that reads. */
export interface PipeReader {
  readonly closed: boolean;
  readonly paused: boolean;
  dataCameIn(data: Buffer): void;
  ended(): void;
  wasReset(): void;
  /** Bytes came after the socket was closed. */
  gotDataTooLate(): void;
}

const OVERWRITTEN = 0xdb;
const MAX_COPY_LENGTH = 64 * 1024;

/**
 * One direction of a connection: the queue of the writer, the window, the two lines with the latency between them, and
 * the bytes that the reader has not read yet. A chunk is copied only when the kernel takes it. So if the writer changes
 * a chunk that is not flushed, the changed bytes are sent, as on a real socket.
 */
export class SimulatedPipe {
  /** The side that reads. Null until the connection has reached the other host. */
  reader: PipeReader | null = null;
  readonly #path: PipePath;
  readonly #writer: PipeWriter;
  readonly #upload: SimulatedLane;
  readonly #download: SimulatedLane;
  #queue: Buffer[] = [];
  #unsentLength = 0;
  /** The writer has written since we last told it that the queue is empty. */
  #flushing = false;
  #flushAsked = false;
  #isOpen = false;
  #ending = false;
  #finished = false;
  /** How many bytes the kernels hold: the writer has sent them, and the reader has not read them yet. */
  #held = 0;
  #flights: { readonly at: Millis; readonly segments: Segment[] }[] = [];
  #received: Segment[] = [];

  constructor(path: PipePath, writer: PipeWriter) {
    this.#path = path;
    this.#writer = writer;
    this.#upload = new SimulatedLane(path.upload, (segment) => this.#fly(segment));
    this.#download = new SimulatedLane(path.download, (segment) => this.#receive(segment));
  }

  get unsentLength(): number {
    return this.#unsentLength;
  }

  get unreadLength(): number {
    return this.#received.reduce((sum, segment) => sum + (segment.kind === 'data' ? segment.bytes.length : 0), 0);
  }

  /** The connection is up. What the writer has written leaves now. */
  open(): void {
    this.#isOpen = true;
    this.#pump();
  }

  write(chunks: readonly Buffer[]): void {
    if (this.#ending || this.#finished) return;
    for (const chunk of chunks) {
      if (chunk.length === 0) continue;
      this.#queue.push(chunk);
      this.#unsentLength += chunk.length;
      this.#flushing = true;
    }
    this.#pump();
  }

  /** Ends the stream after the bytes in the queue. */
  end(): void {
    this.#ending = true;
    this.#pump();
  }

  /** Ends the stream after the bytes that the kernel has taken. */
  close(): void {
    this.#forgetQueue();
    this.#finish({ kind: 'ended' });
  }

  /** Ends the stream at once. */
  reset(): void {
    this.#forgetQueue();
    this.#upload.clear();
    this.#finished = false;
    this.#finish({ kind: 'reset' });
  }

  /** The reader goes on, or the line is back. Hands the reader what has come in the meantime. */
  proceed(): void {
    this.#land();
    this.#deliver();
  }

  #forgetQueue(): void {
    this.#queue = [];
    this.#unsentLength = 0;
    this.#flushing = false;
  }

  #finish(how: Segment): void {
    if (this.#finished || this.reader === null) return;
    this.#finished = true;
    this.#upload.push(how);
  }

  #pump(): void {
    if (!this.#isOpen || this.#finished) return;
    while (this.#unsentLength > 0 && this.#held < this.#path.window) {
      const length = Math.min(this.#unsentLength, this.#path.window - this.#held, MAX_COPY_LENGTH);
      this.#held += length;
      this.#upload.push({ kind: 'data', bytes: this.#take(length) });
    }
    if (this.#unsentLength > 0) return;
    if (this.#flushing && !this.#flushAsked) {
      this.#flushAsked = true;
      this.#path.timers.addTask(() => this.#sayFlushed(), 0);
    }
    if (this.#ending) this.#finish({ kind: 'ended' });
  }

  #sayFlushed(): void {
    this.#flushAsked = false;
    if (!this.#flushing || this.#unsentLength > 0) return;
    this.#flushing = false;
    this.#writer.flushed();
  }

  #take(length: number): Buffer {
    const bytes = this.#path.memory.take(length);
    let taken = 0;
    let chunkCount = 0;
    for (const chunk of this.#queue) {
      const copied = chunk.copy(bytes, taken, 0, Math.min(chunk.length, length - taken));
      taken += copied;
      if (copied < chunk.length) {
        this.#queue[chunkCount] = chunk.subarray(copied);
        break;
      }
      chunkCount += 1;
      if (taken === length) break;
    }
    this.#queue.splice(0, chunkCount);
    this.#unsentLength -= length;
    return bytes;
  }

  /** Segments that leave at the same time arrive together, in one event. */
  #fly(segment: Segment): void {
    const at = this.#path.timers.now() + this.#path.latency;
    const last = this.#flights.at(-1);
    if (last?.at === at) {
      last.segments.push(segment);
      return;
    }
    this.#flights.push({ at, segments: [segment] });
    this.#path.timers.addTask(() => this.#land(), this.#path.latency);
  }

  #land(): void {
    const now = this.#path.timers.now();
    for (let flight = this.#flights[0]; flight !== undefined && flight.at <= now; flight = this.#flights[0]) {
      if (this.#path.isSilent()) return;
      this.#flights.shift();
      for (const segment of flight.segments) this.#download.push(segment);
      this.#deliver();
    }
  }

  #receive(segment: Segment): void {
    this.#received.push(segment);
    if (this.#path.download.rate !== null) this.#deliver();
  }

  #deliver(): void {
    for (let first = this.#received[0]; first !== undefined; first = this.#received[0]) {
      const { reader } = this;
      if (reader === null || reader.closed) {
        this.#received = [];
        if (first.kind === 'data') reader?.gotDataTooLate();
        return;
      }
      if (reader.paused) return;
      if (first.kind === 'data') {
        this.#deliverData(reader);
        continue;
      }
      this.#received = [];
      if (first.kind === 'ended') reader.ended();
      else reader.wasReset();
    }
  }

  #deliverData(reader: PipeReader): void {
    const { random, receiveBuffer } = this.#path;
    const isCut = this.#path.chunking === 'random' && random.below(4) === 0;
    const limit = isCut ? 1 + random.below(this.unreadLength) : receiveBuffer.length;
    const length = moveBytes(this.#received, receiveBuffer.subarray(0, limit));
    try {
      reader.dataCameIn(receiveBuffer.subarray(0, length));
    } finally {
      receiveBuffer.fill(OVERWRITTEN, 0, length);
    }
    this.#held -= length;
    this.#pump();
  }
}
