import type { Millis, Task, Timers } from '../base/clock.js';
import type { FaultDomain } from './fault-domain.js';
import type {
  DatagramHandler,
  DatagramOptions,
  DatagramOutcome,
  ListenAddress,
  ListenHandler,
  ListenOutcome,
  RawServerContext,
  SingleSocket,
  SocketHandler,
  StreamAddress,
} from './raw-server.js';

/** What a context needs of its loop. */
export interface Loop extends Timers {
  /** Never answers within the call, nor after `domain` has ended. */
  listenFor(
    domain: FaultDomain,
    address: ListenAddress,
    handler: ListenHandler,
    answered: (outcome: ListenOutcome) => void,
  ): void;
  /** Answers as `listenFor` does. */
  openDatagramFor(
    domain: FaultDomain,
    options: DatagramOptions,
    handler: DatagramHandler,
    answered: (outcome: DatagramOutcome) => void,
  ): void;
  /** When `domain` has ended, the socket that it returns is closed already. */
  dialFor(domain: FaultDomain, address: StreamAddress, handler: SocketHandler): SingleSocket;
  /** Closes the socket when `domain` has ended. */
  moveTo(domain: FaultDomain, socket: SingleSocket, handler: SocketHandler): void;
  createContext(gotException: (error: unknown) => void): RawServerContext;
}

/**
 * A part of a loop. Everything that a caller asks for through it belongs to its domain. The loop itself is used through
 * such a context too.
 */
export class LoopContext implements RawServerContext {
  readonly #loop: Loop;
  readonly #domain: FaultDomain;

  constructor(loop: Loop, domain: FaultDomain) {
    this.#loop = loop;
    this.#domain = domain;
  }

  get socketCount(): number {
    return this.#domain.sockets.size;
  }

  now(): Millis {
    return this.#loop.now();
  }

  addTask(task: () => void, delay: Millis): Task {
    return this.#domain.addTask(task, delay);
  }

  listen(address: ListenAddress, handler: ListenHandler, answered: (outcome: ListenOutcome) => void): void {
    if (!this.#domain.ended) this.#loop.listenFor(this.#domain, address, handler, answered);
  }

  startConnection(address: StreamAddress, handler: SocketHandler): SingleSocket {
    return this.#loop.dialFor(this.#domain, address, handler);
  }

  openDatagram(options: DatagramOptions, handler: DatagramHandler, answered: (outcome: DatagramOutcome) => void): void {
    if (!this.#domain.ended) this.#loop.openDatagramFor(this.#domain, options, handler, answered);
  }

  createContext(gotException: (error: unknown) => void): RawServerContext {
    return this.#loop.createContext(gotException);
  }

  adopt(socket: SingleSocket, handler: SocketHandler): void {
    this.#loop.moveTo(this.#domain, socket, handler);
  }

  end(): void {
    this.#domain.end();
  }
}
