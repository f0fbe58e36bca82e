import type { Millis } from '../../../src/base/clock.js';
import type { FaultDomain } from '../../../src/net/fault-domain.js';
import type { IdleScan, Scannable } from '../../../src/net/idle-scan.js';
import type { SingleSocket, SocketFailure, SocketHandler, StreamAddress } from '../../../src/net/raw-server.js';
import { type PipePath, type PipeReader, type PipeWriter, SimulatedPipe } from './simulated-pipe.js';

export interface SimulatedSocketParts {
  readonly remote: StreamAddress;
  readonly locallyInitiated: boolean;
  readonly domain: FaultDomain;
  readonly handler: SocketHandler;
  /** From here to the other end. */
  readonly path: PipePath;
  readonly idleScan: IdleScan<SimulatedSocket>;
}

/** One end of a connection in memory. */
export class SimulatedSocket implements SingleSocket, Scannable, PipeReader, PipeWriter {
  readonly remote: StreamAddress;
  readonly locallyInitiated: boolean;
  readonly output: SimulatedPipe;
  /** What the other end sends; null until the dial has reached it. */
  input: SimulatedPipe | null = null;
  readonly #path: PipePath;
  readonly #idleScan: IdleScan<SimulatedSocket>;
  #domain: FaultDomain;
  #handler: SocketHandler;
  #lastHit: Millis;
  #silentSince: Millis;
  #closed = false;
  #paused = false;
  /** We have said that we will write no more. */
  #ending = false;
  /** The other side has ended while we still have something to send. */
  #otherEnded = false;

  constructor(parts: SimulatedSocketParts) {
    this.remote = parts.remote;
    this.locallyInitiated = parts.locallyInitiated;
    this.output = new SimulatedPipe(parts.path, this);
    this.#path = parts.path;
    this.#idleScan = parts.idleScan;
    this.#domain = parts.domain;
    this.#handler = parts.handler;
    this.#lastHit = parts.path.timers.now();
    this.#silentSince = this.#lastHit;
    this.#domain.sockets.add(this);
    this.#idleScan.add(this);
    if (this.#domain.ended) this.close();
  }

  get lastHit(): Millis {
    return this.#lastHit;
  }

  get silentSince(): Millis | null {
    return this.#paused ? null : this.#silentSince;
  }

  get closed(): boolean {
    return this.#closed;
  }

  get paused(): boolean {
    return this.#paused;
  }

  get unsentLength(): number {
    return this.output.unsentLength;
  }

  write(chunks: readonly Buffer[]): void {
    if (!this.#closed && !this.#ending) this.output.write(chunks);
  }

  isFlushed(): boolean {
    return this.unsentLength === 0;
  }

  pauseReading(): void {
    this.#paused = true;
  }

  resumeReading(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#silentSince = this.#path.timers.now();
    this.#path.timers.addTask(() => this.input?.proceed(), 0);
  }

  end(): void {
    if (this.#closed) return;
    this.#ending = true;
    this.output.end();
  }

  close(): void {
    if (this.#closed) return;
    this.#leave();
    // As in a real kernel, closing a socket with unread bytes resets the connection, so that the other side knows.
    if ((this.input?.unreadLength ?? 0) > 0) this.output.reset();
    else this.output.close();
  }

  /** From now on the socket belongs to `domain`, and its events go to `handler`. */
  moveTo(domain: FaultDomain, handler: SocketHandler): void {
    if (this.#closed) return;
    this.#domain.sockets.delete(this);
    this.#domain = domain;
    this.#handler = handler;
    this.#domain.sockets.add(this);
    if (domain.ended) this.close();
  }

  /** Our dial got through, and `input` is set. */
  made(): void {
    if (this.#closed) return;
    this.output.open();
    this.#tell((handler) => handler.connectionMade(this));
  }

  lose(failure: SocketFailure): void {
    if (this.#closed) return;
    this.#leave();
    if (failure.code === 'reset') this.output.reset();
    else this.output.close();
    this.#tell((handler) => handler.connectionLost(this, failure));
  }

  loseIdle(): void {
    this.lose({ code: 'idle' });
  }

  /** Becomes the other end of `dialled`. */
  join(dialled: SimulatedSocket): void {
    this.input = dialled.output;
    dialled.output.reader = this;
    dialled.input = this.output;
    this.output.reader = dialled;
    this.output.open();
  }

  /** Asks for the handler before the first event. When that fails, the socket is closed. */
  chooseHandler(choose: (socket: SimulatedSocket) => SocketHandler): void {
    this.#domain.run(() => {
      let isChosen = false;
      try {
        this.#handler = choose(this);
        isChosen = true;
      } finally {
        if (!isChosen) this.close();
      }
    });
  }

  dataCameIn(data: Buffer): void {
    this.#lastHit = this.#path.timers.now();
    this.#silentSince = this.#lastHit;
    this.#tell((handler) => handler.dataCameIn(this, data));
  }

  flushed(): void {
    if (this.#closed) return;
    this.#tell((handler) => handler.connectionFlushed(this));
    if (this.#otherEnded) this.lose({ code: 'ended' });
  }

  ended(): void {
    if (this.#ending && this.unsentLength > 0) this.#otherEnded = true;
    else this.lose({ code: 'ended' });
  }

  wasReset(): void {
    this.lose({ code: 'reset', cause: 'ECONNRESET' });
  }

  gotDataTooLate(): void {
    this.output.reset();
  }

  #leave(): void {
    this.#closed = true;
    this.#domain.sockets.delete(this);
    this.#idleScan.delete(this);
  }

  /** Charges a failure to the domain that owns the socket then, because the event may have moved it to another one. */
  #tell(call: (handler: SocketHandler) => void): void {
    try {
      call(this.#handler);
    } catch (error) {
      this.#domain.fail(error);
    }
  }
}
