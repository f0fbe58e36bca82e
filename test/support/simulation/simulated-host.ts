import type { Millis, Task } from '../../../src/base/clock.js';
import type { DatagramHandler, DatagramOptions, DatagramOutcome } from '../../../src/net/datagram.js';
import { LoopContext } from '../../../src/net/loop-context.js';
import type {
  ListenAddress,
  ListenHandler,
  ListenOutcome,
  RawServer,
  RawServerContext,
  SingleSocket,
  SocketHandler,
  StreamAddress,
} from '../../../src/net/raw-server.js';
import type { SimulatedLoop } from './simulated-loop.js';

/** A machine with one process on it: the RawServer of that process, and what may befall the machine. */
export class SimulatedHost implements RawServer {
  readonly #loop: SimulatedLoop;
  readonly #face: LoopContext;

  constructor(loop: SimulatedLoop) {
    this.#loop = loop;
    this.#face = new LoopContext(loop, loop.domain);
  }

  get addresses(): readonly string[] {
    return this.#loop.addresses;
  }

  get socketCount(): number {
    return this.#loop.idleScan.sockets.size;
  }

  /** UDP sockets that were ever opened here, and datagrams that ever left them. */
  get datagramTotals(): { readonly opened: number; readonly sent: number } {
    return this.#loop.datagrams.totals;
  }

  /** Bytes that were written and that no kernel has taken, over all sockets. */
  get unsentLength(): number {
    let length = 0;
    for (const socket of this.#loop.idleScan.sockets) length += socket.unsentLength;
    return length;
  }

  now(): Millis {
    return this.#loop.now();
  }

  addTask(task: () => void, delay: Millis): Task {
    return this.#face.addTask(task, delay);
  }

  listen(address: ListenAddress, handler: ListenHandler, answered: (outcome: ListenOutcome) => void): void {
    this.#face.listen(address, handler, answered);
  }

  startConnection(address: StreamAddress, handler: SocketHandler): SingleSocket {
    return this.#face.startConnection(address, handler);
  }

  openDatagram(options: DatagramOptions, handler: DatagramHandler, answered: (outcome: DatagramOutcome) => void): void {
    this.#face.openDatagram(options, handler, answered);
  }

  createContext(gotException: (error: unknown) => void): RawServerContext {
    return this.#loop.createContext(gotException);
  }

  /** The process ends: its sockets are closed, its tasks forgotten. The machine refuses whoever dials it from now on. */
  close(): void {
    this.#loop.domain.end();
  }

  /** Every connection of this host breaks: it is told at once, the other sides with the next packet. */
  breakConnections(): void {
    for (const socket of [...this.#loop.idleScan.sockets]) socket.lose({ code: 'reset', cause: 'ECONNRESET' });
  }
}
