import type { Socket } from 'node:net';
import type { Millis, Task } from '../base/clock.js';
import { FaultDomain } from './fault-domain.js';
import { type BindAddresses, listenPlace, passFence } from './fence.js';
import { type IdleOptions, IdleScan } from './idle-scan.js';
import { normaliseHost } from './ip-address.js';
import { type Loop, LoopContext } from './loop-context.js';
import { openNodeDatagram } from './node-datagram.js';
import { socketFailure } from './node-failure.js';
import { type NodeListenPlace, openListener } from './node-listener.js';
import { NodeSocket } from './node-socket.js';
import { NodeTimers } from './node-timers.js';
import {
  type DatagramHandler,
  type DatagramOptions,
  type DatagramOutcome,
  type ListenAddress,
  type Listener,
  type ListenHandler,
  type ListenOutcome,
  type RawServerContext,
  SILENT_HANDLER,
  type SingleSocket,
  type SocketFailure,
  type SocketHandler,
  type StreamAddress,
} from './raw-server.js';

interface NodeLoopOptions extends IdleOptions {
  /** Stream sockets of all contexts together. Beyond this number the loop closes each connection that comes in. */
  readonly maxConnections: number;
  /** The fence: IP literals that every socket is bound to, or null for no fence. */
  readonly bindAddresses: BindAddresses | null;
  /** Hears of the exceptions that belong to no context. */
  readonly gotException: (error: unknown) => void;
}

/** Mainline's timeout and scan; a number of sockets that fits the descriptors of a usual process. */
export const DEFAULT_NODE_RAW_SERVER_OPTIONS: Omit<NodeLoopOptions, 'gotException'> = {
  maxConnections: 4000,
  timeout: 300_000,
  checkInterval: 60_000,
  bindAddresses: null,
};

/** The loop of a process over Node's sockets. It keeps the process alive while it has sockets, listeners or tasks. */
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

  /** Keeps the process alive, idle or not, until `stop()`, which closes everything and calls `ended`. */
  listenForever(ended: () => void): void {
    if (this.#loop.domain.ended) throw new Error('this loop has been closed');
    this.#ended = ended;
    this.#loop.timers.hold(true);
  }

  /** Closes the loop, then calls `ended`, later. Allowed within an event or a task. */
  stop(): void {
    const ended = this.#ended;
    this.#ended = null;
    this.close();
    if (ended !== null) this.answer(ended);
  }

  /** Calls `answered` later, also when the loop is closed by then. The process lives until it has been called. */
  answer(answered: () => void): void {
    setImmediate(() => this.#loop.domain.run(answered));
  }

  /** Closes every socket and listener in silence and forgets every task. Then the loop keeps no process alive. */
  close(): void {
    this.#loop.close();
  }
}

/** The sockets, listeners and tasks of a process, and the domains that they belong to. */
class NodeLoop implements Loop {
  readonly timers = new NodeTimers();
  readonly domain: FaultDomain;
  readonly #options: NodeLoopOptions;
  readonly #idleScan: IdleScan<NodeSocket>;

  constructor(options: NodeLoopOptions) {
    this.#options = options;
    this.domain = new FaultDomain(this.timers, options.gotException);
    this.#idleScan = new IdleScan(this.timers, options);
  }

  get socketCount(): number {
    return this.#idleScan.sockets.size;
  }

  now(): Millis {
    return this.timers.now();
  }

  addTask(task: () => void, delay: Millis): Task {
    return this.timers.addTask(task, delay);
  }

  createContext(gotException: (error: unknown) => void): RawServerContext {
    return new LoopContext(this, this.domain.createPart(gotException));
  }

  listenFor(
    domain: FaultDomain,
    address: ListenAddress,
    handler: ListenHandler,
    answered: (outcome: ListenOutcome) => void,
  ): void {
    const place = this.#placeOf(address);
    if ('ok' in place) {
      domain.addTask(() => answered(place), 0);
      return;
    }
    openListener(
      place,
      (socket) => this.#accept(domain, socket, 'path' in place ? { path: '' } : remoteOf(socket), handler),
      (outcome) => {
        const owned = outcome.ok ? own(domain, outcome) : outcome;
        if (!domain.ended) domain.run(() => answered(owned));
      },
    );
  }

  openDatagramFor(
    domain: FaultDomain,
    options: DatagramOptions,
    handler: DatagramHandler,
    answered: (outcome: DatagramOutcome) => void,
  ): void {
    openNodeDatagram(domain, this.#options.bindAddresses, options, handler, answered);
  }

  dialFor(domain: FaultDomain, address: StreamAddress, handler: SocketHandler): SingleSocket {
    const passage = 'path' in address ? null : passFence(this.#options.bindAddresses, address.host);
    const remote = passage?.code === 'pass' && 'port' in address ? { host: passage.host, port: address.port } : address;
    const shared = { idleScan: this.#idleScan, clock: this.timers };
    const socket = new NodeSocket({ remote, locallyInitiated: true, domain, handler, ...shared });
    const loseLater = (failure: SocketFailure): void => {
      this.addTask(() => socket.lose(failure), 0);
    };
    if (domain.ended) {
      socket.close();
    } else if (passage?.code === 'forbidden') {
      loseLater({ code: 'forbidden' });
    } else if (passage?.code === 'not-an-address') {
      loseLater({ code: 'failed', cause: 'not an IP literal' });
    } else {
      try {
        socket.dial(passage?.localAddress);
      } catch (error) {
        loseLater(socketFailure(error));
      }
    }
    return socket;
  }

  moveTo(domain: FaultDomain, socket: SingleSocket, handler: SocketHandler): void {
    if (!(socket instanceof NodeSocket)) throw new Error('a socket of another loop');
    socket.moveTo(domain, handler);
  }

  /** Ends every domain with its sockets and tasks. No event follows, and the process may end. */
  close(): void {
    this.domain.end();
    this.timers.clear();
  }

  #placeOf(address: ListenAddress): NodeListenPlace | (ListenOutcome & { readonly ok: false }) {
    if ('path' in address) return address;
    const place = listenPlace(this.#options.bindAddresses, address.host);
    return place.ok ? { hosts: place.hosts, port: address.port } : place;
  }

  #accept(domain: FaultDomain, socket: Socket, remote: StreamAddress | undefined, handler: ListenHandler): void {
    let isWelcome = false;
    if (remote !== undefined && this.socketCount < this.#options.maxConnections && !domain.ended) {
      domain.run(() => {
        isWelcome = handler.acceptsConnection(remote);
      });
    }
    if (remote === undefined || !isWelcome || domain.ended) {
      socket.on('error', () => socket.destroy());
      socket.destroy();
      return;
    }
    const shared = { idleScan: this.#idleScan, clock: this.timers };
    const made = new NodeSocket({ remote, locallyInitiated: false, domain, handler: SILENT_HANDLER, ...shared });
    made.accept(socket, (single) => handler.externalConnectionMade(single));
  }
}

/** The other end of a socket; undefined when the other side has already left. */
function remoteOf({ remoteAddress, remotePort }: Socket): StreamAddress | undefined {
  if (remoteAddress === undefined || remotePort === undefined) return undefined;
  return { host: normaliseHost(remoteAddress) ?? remoteAddress, port: remotePort };
}

/** Makes `domain` the owner of the listener: it closes the listener when it ends. */
function own(domain: FaultDomain, outcome: ListenOutcome & { readonly ok: true }): ListenOutcome {
  const listener: Listener = {
    address: outcome.listener.address,
    close: () => {
      domain.listeners.delete(listener);
      outcome.listener.close();
    },
  };
  domain.listeners.add(listener);
  if (domain.ended) listener.close();
  return { ok: true, listener };
}
