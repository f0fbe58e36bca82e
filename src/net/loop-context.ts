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

/** What a context needs of the loop that it is a part of. */
export interface Loop extends Timers {
  /** Answers never within the call, and not once `domain` has ended. */
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
  /** Gives a socket that is closed already when `domain` has ended. */
  dialFor(domain: FaultDomain, address: StreamAddress, handler: SocketHandler): SingleSocket;
  /** Closes the socket when `domain` has ended. */
  moveTo(domain: FaultDomain, socket: SingleSocket, handler: SocketHandler): void;
  createContext(gotException: (error: unknown) => void): RawServerContext;
}

/** A part of a loop: whatever is asked for through it belongs to its domain. The loop's own face is one as well. */
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
