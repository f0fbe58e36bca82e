import type { Millis, Task, Timers } from '../../../src/base/clock.js';
import type { Random } from '../../../src/base/random.js';
import { FaultDomain } from '../../../src/net/fault-domain.js';
import { passFence } from '../../../src/net/fence.js';
import { IdleScan } from '../../../src/net/idle-scan.js';
import { isLoopback, isMulticast, parseIp } from '../../../src/net/ip-address.js';
import { type Loop, LoopContext } from '../../../src/net/loop-context.js';
import {
  type DatagramHandler,
  type DatagramOptions,
  type DatagramOutcome,
  type ListenAddress,
  type ListenHandler,
  type ListenOutcome,
  type RawServerContext,
  SILENT_HANDLER,
  type SingleSocket,
  type SocketFailure,
  type SocketHandler,
  type StreamAddress,
} from '../../../src/net/raw-server.js';
import { type DatagramWay, SimulatedDatagrams } from './simulated-datagrams.js';
import type { SimulatedHostOptions } from './simulated-host-options.js';
import { SimulatedLink } from './simulated-link.js';
import type { SimulatedMemory } from './simulated-memory.js';
import type { PipePath } from './simulated-pipe.js';
import { type SimulatedListener, SimulatedPorts } from './simulated-ports.js';
import { SimulatedSocket } from './simulated-socket.js';

/** What a loop needs of the network around it. */
export interface SimulatedLoopParts {
  readonly timers: Timers;
  readonly random: Random;
  readonly receiveBuffer: Buffer;
  readonly memory: SimulatedMemory;
  find(host: string): SimulatedLoop | undefined;
  all(): Iterable<SimulatedLoop>;
  /** One way. */
  latency(from: SimulatedLoop, to: SimulatedLoop): Millis;
  /** How long it takes to learn that no host has an address. */
  readonly unreachableAfter: Millis;
  isSilent(from: SimulatedLoop, to: SimulatedLoop): boolean;
}

/** How long a system tries to reach a host that does not answer. */
const DIAL_TIMEOUT: Millis = 127_000;

/** The loop of the one process on a simulated machine, with its sockets, its ports and its line. */
export class SimulatedLoop implements Loop {
  /** IP literals. It dials from the first one of each family. */
  readonly addresses: readonly string[];
  readonly options: SimulatedHostOptions;
  readonly domain: FaultDomain;
  readonly idleScan: IdleScan<SimulatedSocket>;
  readonly datagrams: SimulatedDatagrams;
  /** The hosts and groups to which a packet of it ever left, but for answers on connections from outside. */
  readonly contacted: Set<string> = new Set();
  readonly #parts: SimulatedLoopParts;
  readonly #upload: SimulatedLink;
  readonly #download: SimulatedLink;
  /** The link from the host to itself, which does not use the line. */
  readonly #inside: SimulatedLink;
  readonly #ports: SimulatedPorts;

  constructor(parts: SimulatedLoopParts, addresses: readonly string[], options: SimulatedHostOptions) {
    const { timers } = parts;
    this.addresses = addresses;
    this.options = options;
    this.domain = new FaultDomain(timers, options.gotException);
    this.idleScan = new IdleScan(timers, options);
    this.#parts = parts;
    this.#upload = new SimulatedLink(timers, options.upload);
    this.#download = new SimulatedLink(timers, options.download);
    this.#inside = new SimulatedLink(timers, null);
    this.#ports = new SimulatedPorts(addresses);
    this.datagrams = new SimulatedDatagrams({
      ...parts,
      options,
      upload: this.#upload,
      download: this.#download,
      inside: this.#inside,
      freePort: () => this.#ports.freePort(),
      isOwn: (host) => isItself(host) || addresses.includes(host),
      ownHostTowards: (host) => this.#ownHostTowards(host),
      waysTo: (host) => this.#waysTo(host),
    });
  }

  now(): Millis {
    return this.#parts.timers.now();
  }

  addTask(task: () => void, delay: Millis): Task {
    return this.#parts.timers.addTask(task, delay);
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
    const open = (): ListenOutcome => this.#ports.open(address, this.options.bindAddresses, { domain, handler });
    domain.addTask(() => answered(open()), 0);
  }

  openDatagramFor(
    domain: FaultDomain,
    options: DatagramOptions,
    handler: DatagramHandler,
    answered: (outcome: DatagramOutcome) => void,
  ): void {
    domain.addTask(() => answered(this.datagrams.open(domain, options, handler)), 0);
  }

  moveTo(domain: FaultDomain, socket: SingleSocket, handler: SocketHandler): void {
    if (!(socket instanceof SimulatedSocket)) throw new Error('a socket of another loop');
    socket.moveTo(domain, handler);
  }

  dialFor(domain: FaultDomain, address: StreamAddress, handler: SocketHandler): SingleSocket {
    if ('path' in address) return this.#dial(domain, address, handler, this);
    const passage = passFence(this.options.bindAddresses, address.host);
    if (passage.code !== 'pass' || address.port < 0 || address.port > 65_535) {
      const code = passage.code === 'forbidden' ? 'forbidden' : 'failed';
      return this.#dialInVain(domain, address, handler, { code }, 0);
    }
    const remote = { host: passage.host, port: address.port };
    this.contacted.add(passage.host);
    const target = isItself(passage.host) ? this : this.#parts.find(passage.host);
    if (target !== undefined) return this.#dial(domain, remote, handler, target);
    const failure: SocketFailure = { code: 'unreachable', cause: 'EHOSTUNREACH' };
    return this.#dialInVain(domain, remote, handler, failure, this.#parts.unreachableAfter);
  }

  #dialInVain(
    domain: FaultDomain,
    remote: StreamAddress,
    handler: SocketHandler,
    failure: SocketFailure,
    delay: Millis,
  ): SimulatedSocket {
    const socket = this.#createSocket(domain, remote, true, handler, this);
    this.addTask(() => socket.lose(failure), delay);
    return socket;
  }

  #dial(domain: FaultDomain, remote: StreamAddress, handler: SocketHandler, target: SimulatedLoop): SimulatedSocket {
    const latency = this.#parts.latency(this, target);
    const socket = this.#createSocket(domain, remote, true, handler, target);
    const caller = this.#addressTowards(remote);
    this.addTask(() => {
      if (socket.closed) return;
      const listener = target.#ports.find(remote);
      if (this.#parts.isSilent(this, target)) {
        const failure: SocketFailure = { code: 'unreachable', cause: 'ETIMEDOUT' };
        this.addTask(() => socket.lose(failure), DIAL_TIMEOUT - latency);
      } else if (listener === undefined) {
        this.addTask(() => socket.lose({ code: 'refused', cause: 'ECONNREFUSED' }), latency);
      } else {
        this.addTask(() => socket.made(), latency);
        target.#accept(listener, socket, this, caller);
      }
    }, latency);
    return socket;
  }

  /** The address from which our dial comes, as the process at `remote` sees it. */
  #addressTowards(remote: StreamAddress): StreamAddress {
    if ('path' in remote) return { path: '' };
    return { host: this.#ownHostTowards(remote.host), port: this.#ports.freePort() };
  }

  #ownHostTowards(remoteHost: string): string {
    const isIpv6 = remoteHost.includes(':');
    const own = isItself(remoteHost) ? remoteHost : this.addresses.find((host) => host.includes(':') === isIpv6);
    return own ?? remoteHost;
  }

  #waysTo(host: string): DatagramWay[] {
    const { all, find, latency, isSilent } = this.#parts;
    this.contacted.add(host);
    const hearers = isGroup(host) ? [...all()] : [isItself(host) ? this : find(host)];
    return hearers
      .filter((loop) => loop !== undefined)
      .map((loop) => ({ target: loop.datagrams, latency: latency(this, loop), isSilent: () => isSilent(this, loop) }));
  }

  /** A kernel accepts a connection before it asks the process. So a refused connection is made first, then ended. */
  #accept(listener: SimulatedListener, dialled: SimulatedSocket, from: SimulatedLoop, caller: StreamAddress): void {
    const { domain, handler } = listener;
    const hasRoom = this.idleScan.sockets.size < this.options.maxConnections;
    const socket = this.#createSocket(domain, caller, false, SILENT_HANDLER, from);
    socket.join(dialled);
    let isWelcome = false;
    domain.run(() => {
      isWelcome = hasRoom && handler.acceptsConnection(caller);
    });
    if (isWelcome) socket.chooseHandler((made) => handler.externalConnectionMade(made));
    else socket.close();
  }

  #createSocket(
    domain: FaultDomain,
    remote: StreamAddress,
    locallyInitiated: boolean,
    handler: SocketHandler,
    to: SimulatedLoop,
  ): SimulatedSocket {
    const { timers, random, receiveBuffer, memory } = this.#parts;
    const path: PipePath = {
      timers,
      random,
      receiveBuffer,
      memory,
      latency: this.#parts.latency(this, to),
      upload: to === this ? this.#inside : this.#upload,
      download: to === this ? this.#inside : to.#download,
      window: this.options.window,
      chunking: to.options.chunking,
      isSilent: () => this.#parts.isSilent(this, to),
    };
    return new SimulatedSocket({ remote, locallyInitiated, domain, handler, path, idleScan: this.idleScan });
  }
}

function isItself(host: string): boolean {
  const address = parseIp(host);
  return address !== undefined && isLoopback(address);
}

function isGroup(host: string): boolean {
  const address = parseIp(host);
  return address !== undefined && isMulticast(address);
}
