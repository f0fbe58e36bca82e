import { LoopContext } from './loop-context.js';
import { NodeLoop, type NodeLoopOptions } from './node-loop.js';

/** Mainline's timeout and scan; a number of sockets that fits the descriptors of a usual process. */
export const DEFAULT_NODE_RAW_SERVER_OPTIONS: Omit<NodeLoopOptions, 'gotException'> = {
  maxConnections: 4000,
  timeout: 300_000,
  checkInterval: 60_000,
  bindAddresses: null,
};

/** The loop of a process over Node's sockets. It holds the process while it has sockets, listeners or tasks. */
export class NodeRawServer extends LoopContext {
  readonly #loop: NodeLoop;
  #ended: (() => void) | null = null;

  constructor(options: NodeLoopOptions) {
    const loop = new NodeLoop(options);
    super(loop, loop.domain);
    this.#loop = loop;
  }

  override get socketCount(): number {
    return this.#loop.socketCount;
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
