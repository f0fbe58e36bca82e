import { connect, type Socket } from 'node:net';
import type { Millis } from '../base/clock.js';
import type { FaultDomain } from './fault-domain.js';
import type { IdleScan, Scannable } from './idle-scan.js';
import { socketFailure } from './node-failure.js';
import type { NodeTimers } from './node-timers.js';
import type { SingleSocket, SocketFailure, SocketHandler, StreamAddress } from './raw-server.js';

export interface NodeSocketParts {
  readonly remote: StreamAddress;
  readonly locallyInitiated: boolean;
  readonly domain: FaultDomain;
  readonly handler: SocketHandler;
  readonly idleScan: IdleScan<NodeSocket>;
  readonly clock: Pick<NodeTimers, 'beginEvent' | 'endEvent'>;
}

/**
 * All dialled sockets read into this one buffer. Reading is synchronous, so no peer holds memory. A socket that came
 * from outside cannot be given a buffer; it reads into buffers of Node.
 */
const RECEIVE_BUFFER: Buffer = Buffer.allocUnsafeSlow(256 * 1024);

/** A stream socket of Node that keeps the contract of `SingleSocket`. */
export class NodeSocket implements SingleSocket, Scannable {
  readonly remote: StreamAddress;
  readonly locallyInitiated: boolean;
  readonly #idleScan: IdleScan<NodeSocket>;
  readonly #clock: NodeSocketParts['clock'];
  #domain: FaultDomain;
  #handler: SocketHandler;
  /** Null for a dial that fails before anything is opened. */
  #socket: Socket | null = null;
  #lastHit: Millis = performance.now();
  #silentSince: Millis = this.#lastHit;
  #closed = false;
  #paused = false;
  /** Something was written since the handler last heard of a flush. */
  #flushing = false;
  /** We have said that we write no more. */
  #ending = false;
  /** The other side has ended, and we still have something to send. */
  #otherEnded = false;

  constructor(parts: NodeSocketParts) {
    this.remote = parts.remote;
    this.locallyInitiated = parts.locallyInitiated;
    this.#idleScan = parts.idleScan;
    this.#clock = parts.clock;
    this.#domain = parts.domain;
    this.#handler = parts.handler;
    this.#domain.sockets.add(this);
    this.#idleScan.add(this);
  }

  get lastHit(): Millis {
    return this.#lastHit;
  }

  get silentSince(): Millis | null {
    return this.#paused ? null : this.#silentSince;
  }

  get unsentLength(): number {
    return this.#closed ? 0 : (this.#socket?.writableLength ?? 0);
  }

  /** Dials. May throw an exception of Node (a port out of range), which the caller reports later. */
  dial(localAddress: string | undefined): void {
    const onread = {
      buffer: RECEIVE_BUFFER,
      callback: (length: number): boolean => {
        this.#dataCameIn(RECEIVE_BUFFER.subarray(0, length));
        return true;
      },
    };
    const { remote } = this;
    const place = 'path' in remote ? remote : { ...remote, ...(localAddress === undefined ? {} : { localAddress }) };
    const socket = connect({ ...place, onread, noDelay: true });
    this.#attach(socket);
    socket.on('connect', () => {
      if (!this.#closed) this.#tell((handler) => handler.connectionMade(this));
    });
  }

  /** Takes a socket that a listener has accepted. `choose` returns the handler that hears every event of it. */
  accept(socket: Socket, choose: (made: SingleSocket) => SocketHandler): void {
    this.#attach(socket);
    let isChosen = false;
    this.#domain.run(() => {
      this.#handler = choose(this);
      isChosen = true;
    });
    if (!isChosen) this.close();
    if (!this.#closed) socket.on('data', (data) => this.#dataCameIn(data));
  }

  write(chunks: readonly Buffer[]): void {
    const socket = this.#socket;
    if (socket === null || this.#closed || this.#ending) return;
    const last = chunks.findLastIndex((chunk) => chunk.length > 0);
    if (last === -1) return;
    this.#flushing = true;
    if (last > 0) socket.cork();
    for (let index = 0; index < last; index += 1) socket.write(chunks[index] as Buffer);
    // 'drain' comes only after a write that did not fit. The callback of the last chunk always comes.
    socket.write(chunks[last] as Buffer, this.#written);
    if (last > 0) socket.uncork();
  }

  isFlushed(): boolean {
    return this.unsentLength === 0;
  }

  pauseReading(): void {
    this.#paused = true;
    this.#socket?.pause();
  }

  resumeReading(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#silentSince = performance.now();
    if (!this.#closed) this.#socket?.resume();
  }

  end(): void {
    if (this.#closed || this.#ending) return;
    this.#ending = true;
    this.#socket?.end();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#domain.sockets.delete(this);
    this.#idleScan.delete(this);
    this.#socket?.destroy();
  }

  /** From now on the socket belongs to `domain`, and `handler` hears its events. */
  moveTo(domain: FaultDomain, handler: SocketHandler): void {
    if (this.#closed) return;
    this.#domain.sockets.delete(this);
    this.#domain = domain;
    this.#handler = handler;
    this.#domain.sockets.add(this);
    if (domain.ended) this.close();
  }

  lose(failure: SocketFailure): void {
    if (this.#closed) return;
    this.close();
    this.#tell((handler) => handler.connectionLost(this, failure));
  }

  loseIdle(): void {
    this.lose({ code: 'idle' });
  }

  /** Node emits all of these after `destroy()` too: `#closed` keeps a close silent. */
  #attach(socket: Socket): void {
    this.#socket = socket;
    socket.on('error', (error) => this.lose(socketFailure(error)));
    socket.on('end', () => this.#gotEnd());
    socket.on('close', () => this.lose({ code: 'ended' }));
  }

  #dataCameIn(data: Buffer): void {
    if (this.#closed) return;
    this.#lastHit = this.#clock.beginEvent();
    this.#silentSince = this.#lastHit;
    try {
      this.#handler.dataCameIn(this, data);
    } catch (error) {
      this.#domain.fail(error);
    } finally {
      this.#clock.endEvent();
    }
  }

  #gotEnd(): void {
    if (this.#ending && this.unsentLength > 0) this.#otherEnded = true;
    else this.lose({ code: 'ended' });
  }

  readonly #written = (error?: Error | null): void => {
    // A failed write comes as an 'error' of the socket too.
    if (error || this.#closed || !this.#flushing || this.unsentLength > 0) return;
    this.#flushing = false;
    try {
      this.#handler.connectionFlushed(this);
    } catch (error) {
      this.#domain.fail(error);
    }
    if (this.#otherEnded) this.lose({ code: 'ended' });
  };

  /** Another domain may adopt the socket within the event. The domain that owns it when the call fails is charged. */
  #tell(call: (handler: SocketHandler) => void): void {
    try {
      call(this.#handler);
    } catch (error) {
      this.#domain.fail(error);
    }
  }
}
