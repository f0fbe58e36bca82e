import type { Millis, Task } from '../base/clock.js';
import type { DatagramHandler, DatagramOptions, DatagramOutcome } from './datagram.js';
import { LoopContext } from './loop-context.js';
import { NodeLoop, type NodeLoopOptions } from './node-loop.js';
import type {
  ListenAddress,
  ListenHandler,
  ListenOutcome,
  RawServer,
  RawServerContext,
  SingleSocket,
  SocketHandler,
  StreamAddress,
} from './raw-server.js';

/** Mainline's timeout and scan; a number of sockets that fits the descriptors of a usual process. */
export const DEFAULT_NODE_RAW_SERVER_OPTIONS: Omit<NodeLoopOptions, 'gotException'> = {
  maxConnections: 4000,
  timeout: 300_000,
  checkInterval: 60_000,
  bindAddresses: null,
};

/** The loop of a process over Node's sockets. It holds the process while it has sockets, listeners or tasks. */
export class NodeRawServer implements RawServer {
  readonly #loop: NodeLoop;
  readonly #face: LoopContext;
  #ended: (() => void) | null = null;

  constructor(options: NodeLoopOptions) {
    this.#loop = new NodeLoop(options);
    this.#face = new LoopContext(this.#loop, this.#loop.domain);
  }

  get socketCount(): number {
    return this.#loop.socketCount;
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

  /** Holds the process, idle or not, until `stop()`. Then everything is closed, and `ended` is called. */
  listenForever(ended: () => void): void {
    if (this.#loop.domain.ended) throw new Error('this loop has been closed');
    this.#ended = ended;
    this.#loop.timers.hold(true);
  }

  /** Ends the loop, from wherever: closes it, then calls `ended`, later. */
  stop(): void {
    const ended = this.#ended;
    this.#ended = null;
    this.close();
    if (ended !== null) setImmediate(() => this.#loop.domain.run(ended));
  }

  /** Closes every socket and listener in silence and forgets every task. Nothing of it keeps the process. */
  close(): void {
    this.#loop.close();
  }
}
