import type { Millis, Timers } from '../../../src/base/clock.js';
import type { Random } from '../../../src/base/random.js';
import type { FaultDomain } from '../../../src/net/fault-domain.js';
import { type DatagramPlace, datagramPlace, passDatagram } from '../../../src/net/fence.js';
import { isMulticast, parseIp } from '../../../src/net/ip-address.js';
import {
  type DatagramHandler,
  type DatagramOptions,
  type DatagramOutcome,
  type DatagramSocket,
  MAX_UNSENT_LENGTH,
  type PeerAddress,
} from '../../../src/net/raw-server.js';
import type { SimulatedHostOptions } from './simulated-host-options.js';
import type { LinkSource, SimulatedLink } from './simulated-link.js';
import type { SimulatedMemory } from './simulated-memory.js';

/** The way from one host to another. */
export interface DatagramWay {
  readonly target: SimulatedDatagrams;
  readonly latency: Millis;
  isSilent(): boolean;
}

/** What the datagrams of a host need of the host and of the network. */
export interface SimulatedDatagramsParts {
  readonly timers: Timers;
  readonly random: Random;
  readonly memory: SimulatedMemory;
  /** Each reader gets a view of this buffer. It is overwritten after the call, so that a kept view shows in a test. */
  readonly receiveBuffer: Buffer;
  readonly options: SimulatedHostOptions;
  readonly upload: SimulatedLink;
  readonly download: SimulatedLink;
  /** The link from the host to itself, which does not use the line. */
  readonly inside: SimulatedLink;
  freePort(): number;
  isOwn(host: string): boolean;
  /** The address of this host that the host at `host` sees. */
  ownHostTowards(host: string): string;
  /** The ways to all hosts that have the address `host`, or that may belong to the group `host`. There may be none. */
  waysTo(host: string): readonly DatagramWay[];
}

interface Datagram {
  readonly bytes: Buffer;
  readonly from: PeerAddress;
  readonly to: PeerAddress;
}

const OVERWRITTEN = 0xdb;
/** Bytes that may wait before a line. It drops what does not fit, as a router does. */
const LINE_BUFFER_LENGTH = 256 * 1024;

/** The UDP sockets of one simulated host, and the way of its datagrams to and from other hosts. */
export class SimulatedDatagrams {
  /** How many sockets were ever opened, and how many datagrams were ever sent. */
  readonly totals = { opened: 0, sent: 0 };
  readonly #parts: SimulatedDatagramsParts;
  readonly #sockets: Set<SimulatedDatagramSocket> = new Set();
  readonly #incoming: DatagramQueue;
  readonly #outgoing: DatagramQueue;
  readonly #inside: DatagramQueue;

  constructor(parts: SimulatedDatagramsParts) {
    this.#parts = parts;
    this.#incoming = new DatagramQueue(parts.download, LINE_BUFFER_LENGTH, (datagram) => this.#deliver(datagram));
    this.#outgoing = new DatagramQueue(parts.upload, MAX_UNSENT_LENGTH, (datagram) => this.#leave(datagram));
    this.#inside = new DatagramQueue(parts.inside, MAX_UNSENT_LENGTH, (datagram) => this.#leave(datagram));
  }

  open(domain: FaultDomain, options: DatagramOptions, handler: DatagramHandler): DatagramOutcome {
    const asked = datagramPlace(this.#parts.options.bindAddresses, options);
    if (!asked.ok) return asked;
    if (!isEvery(asked.host) && !this.#parts.isOwn(asked.host)) {
      return { ok: false, code: 'failed', cause: 'EADDRNOTAVAIL' };
    }
    const place = { ...asked, port: asked.port === 0 ? this.#parts.freePort() : asked.port };
    if ([...this.#sockets].some((socket) => collide(socket.place, place))) {
      return { ok: false, code: 'in-use', cause: 'EADDRINUSE' };
    }
    const socket = new SimulatedDatagramSocket(domain, place, handler, {
      send: (data, to) => this.#send(socket, data, to),
      forget: () => this.#sockets.delete(socket),
    });
    this.#sockets.add(socket);
    this.totals.opened += 1;
    return { ok: true, socket };
  }

  #send(socket: SimulatedDatagramSocket, data: Buffer, to: PeerAddress): void {
    const { options, memory } = this.#parts;
    const passage = passDatagram(options.bindAddresses, socket.place, data.length, to);
    if (!passage.ok) {
      socket.failLater(to, passage.failure);
      return;
    }
    const { host, port } = socket.place;
    const ownHost = isEvery(host) ? this.#parts.ownHostTowards(passage.host) : host;
    const bytes = memory.take(data.length);
    data.copy(bytes);
    this.totals.sent += 1;
    const queue = this.#parts.isOwn(passage.host) ? this.#inside : this.#outgoing;
    queue.push({ bytes, from: { host: ownHost, port }, to: { host: passage.host, port: to.port } });
  }

  #leave(datagram: Datagram): void {
    const own = this.#parts.options;
    for (const { target, latency, isSilent } of this.#parts.waysTo(datagram.to.host)) {
      const other = target.#parts.options;
      if (target !== this && (this.#happens(own.datagramLoss) || this.#happens(other.datagramLoss))) continue;
      const isDoubled =
        target !== this && (this.#happens(own.datagramDoubling) || this.#happens(other.datagramDoubling));
      for (let copies = isDoubled ? 2 : 1; copies > 0; copies -= 1) {
        const jitter = target === this ? 0 : this.#upTo(own.datagramJitter) + this.#upTo(other.datagramJitter);
        this.#parts.timers.addTask(() => {
          if (isSilent()) return;
          if (target === this) this.#deliver(datagram);
          else target.#incoming.push(datagram);
        }, latency + jitter);
      }
    }
  }

  #deliver({ bytes, from, to }: Datagram): void {
    const { receiveBuffer } = this.#parts;
    for (const socket of [...this.#sockets]) {
      if (!hears(socket.place, to)) continue;
      bytes.copy(receiveBuffer);
      socket.cameIn(receiveBuffer.subarray(0, bytes.length), from);
      receiveBuffer.fill(OVERWRITTEN, 0, bytes.length);
    }
  }

  /**
   * Draws no random number when `share` is 0, so that a host without loss does not change what else the seed decides.
   */
  #happens(share: number): boolean {
    return share > 0 && this.#parts.random.below(1_000_000) < share * 1_000_000;
  }

  #upTo(span: Millis): Millis {
    return span === 0 ? 0 : (span * this.#parts.random.below(1_000_000)) / 1_000_000;
  }
}

interface SocketOwner {
  send(data: Buffer, to: PeerAddress): void;
  /** The socket is closed. */
  forget(): void;
}

class SimulatedDatagramSocket implements DatagramSocket {
  readonly local: PeerAddress;
  readonly place: DatagramPlace;
  readonly #domain: FaultDomain;
  readonly #handler: DatagramHandler;
  readonly #owner: SocketOwner;
  #closed = false;

  constructor(domain: FaultDomain, place: DatagramPlace, handler: DatagramHandler, owner: SocketOwner) {
    this.local = { host: place.host, port: place.port };
    this.place = place;
    this.#domain = domain;
    this.#handler = handler;
    this.#owner = owner;
    domain.datagramSockets.add(this);
  }

  send(data: Buffer, to: PeerAddress): void {
    if (!this.#closed) this.#owner.send(data, to);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#domain.datagramSockets.delete(this);
    this.#owner.forget();
  }

  cameIn(data: Buffer, from: PeerAddress): void {
    if (!this.#closed) this.#domain.run(() => this.#handler.datagramCameIn(this, data, from));
  }

  failLater(to: PeerAddress, failure: Parameters<DatagramHandler['sendFailed']>[2]): void {
    this.#domain.addTask(() => {
      if (!this.#closed) this.#handler.sendFailed(this, to, failure);
    }, 0);
  }
}

/** The datagrams that wait before a line, whole and in order. One that does not fit is dropped. */
class DatagramQueue implements LinkSource {
  readonly #link: SimulatedLink;
  readonly #maxLength: number;
  readonly #sent: (datagram: Datagram) => void;
  readonly #datagrams: Datagram[] = [];
  #length = 0;

  constructor(link: SimulatedLink, maxLength: number, sent: (datagram: Datagram) => void) {
    this.#link = link;
    this.#maxLength = maxLength;
    this.#sent = sent;
  }

  push(datagram: Datagram): void {
    if (this.#length + datagram.bytes.length > this.#maxLength) return;
    this.#length += datagram.bytes.length;
    this.#datagrams.push(datagram);
    this.#link.send(this);
  }

  nextLength(): number | undefined {
    return this.#datagrams[0]?.bytes.length;
  }

  segmentSent(): void {
    const datagram = this.#datagrams.shift();
    if (datagram === undefined) return;
    this.#length -= datagram.bytes.length;
    this.#sent(datagram);
  }
}

function hears(place: DatagramPlace, to: PeerAddress): boolean {
  if (place.port !== to.port || (place.family === 6) !== to.host.includes(':')) return false;
  const address = parseIp(to.host);
  if (address !== undefined && isMulticast(address)) return place.group === to.host;
  return place.group === null && (isEvery(place.host) || place.host === to.host);
}

function collide(one: DatagramPlace, other: DatagramPlace): boolean {
  if (one.port !== other.port || one.family !== other.family) return false;
  // Sockets may share the address of a group.
  if (one.group !== null || other.group !== null) return false;
  return one.host === other.host || isEvery(one.host) || isEvery(other.host);
}

function isEvery(host: string): boolean {
  return host === '0.0.0.0' || host === '::';
}
