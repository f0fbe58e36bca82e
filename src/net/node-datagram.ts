import { createSocket, type Socket } from 'node:dgram';
import type { FaultDomain } from './fault-domain.js';
import { type BindAddresses, type DatagramPlace, datagramPlace, passDatagram } from './fence.js';
import { normaliseHost } from './ip-address.js';
import { listenFailure, socketFailure } from './node-failure.js';
import { multicastInterface } from './node-interfaces.js';
import {
  type DatagramHandler,
  type DatagramOptions,
  type DatagramOutcome,
  type DatagramSocket,
  MAX_UNSENT_LENGTH,
  type PeerAddress,
} from './raw-server.js';

/** Opens a UDP socket of Node for `domain`. Answers later, and never after the domain has ended. */
export function openNodeDatagram(
  domain: FaultDomain,
  bind: BindAddresses | null,
  options: DatagramOptions,
  handler: DatagramHandler,
  answered: (outcome: DatagramOutcome) => void,
): void {
  // In a task, so that the caller has the socket before the first datagram comes in.
  domain.addTask(() => {
    const place = datagramPlace(bind, options);
    if (place.ok) new NodeDatagramSocket(domain, bind, place, handler).open(answered);
    else answered(place);
  }, 0);
}

/** A UDP socket of Node that keeps the contract of `DatagramSocket`. */
class NodeDatagramSocket implements DatagramSocket {
  readonly #domain: FaultDomain;
  readonly #bind: BindAddresses | null;
  readonly #place: DatagramPlace;
  readonly #handler: DatagramHandler;
  readonly #socket: Socket;
  #local: PeerAddress;
  #closed = false;

  constructor(domain: FaultDomain, bind: BindAddresses | null, place: DatagramPlace, handler: DatagramHandler) {
    this.#domain = domain;
    this.#bind = bind;
    this.#place = place;
    this.#handler = handler;
    this.#local = { host: place.host, port: place.port };
    this.#socket = createSocket({
      type: place.family === 4 ? 'udp4' : 'udp6',
      ipv6Only: place.family === 6,
      reuseAddr: place.group !== null,
      // All hosts are IP literals. Without a lookup a datagram leaves within the call.
      lookup: (host, _options, found) => found(null, host, place.family),
    });
    domain.datagramSockets.add(this);
  }

  get local(): PeerAddress {
    return this.#local;
  }

  open(answered: (outcome: DatagramOutcome) => void): void {
    const { host, port, group, asks } = this.#place;
    let isOpen = false;
    const failed = (error: unknown): void => {
      // The kernel reports on an open socket that some datagram was lost, but not which one.
      if (isOpen || this.#closed) return;
      this.close();
      this.#domain.run(() => answered(listenFailure(error)));
    };
    this.#socket.on('error', failed);
    this.#socket.on('listening', () => {
      try {
        if (group !== null) this.#socket.addMembership(group, multicastInterface(host));
        if (group !== null || asks !== null) this.#sendGroupsThere();
      } catch (error) {
        failed(error);
        return;
      }
      isOpen = true;
      this.#local = { host, port: this.#socket.address().port };
      this.#domain.run(() => answered({ ok: true, socket: this }));
    });
    this.#socket.on('message', (data, { address, port: fromPort }) => this.#cameIn(data, address, fromPort));
    try {
      // A socket that is bound to the group's address hears only the group. Windows cannot bind to such an address.
      this.#socket.bind({ address: group !== null && process.platform !== 'win32' ? group : host, port });
    } catch (error) {
      failed(error);
    }
  }

  send(data: Buffer, to: PeerAddress): void {
    if (this.#closed) return;
    const passage = passDatagram(this.#bind, this.#place, data.length, to);
    if (!passage.ok) {
      this.#domain.addTask(() => {
        if (!this.#closed) this.#handler.sendFailed(this, to, passage.failure);
      }, 0);
      return;
    }
    if (this.#socket.getSendQueueSize() + data.length > MAX_UNSENT_LENGTH) return;
    this.#socket.send(data, to.port, passage.host, (error) => {
      if (error === null || this.#closed) return;
      this.#domain.run(() => this.#handler.sendFailed(this, to, socketFailure(error)));
    });
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#domain.datagramSockets.delete(this);
    this.#socket.close();
  }

  #sendGroupsThere(): void {
    const face = multicastInterface(this.#place.host);
    if (face !== undefined) this.#socket.setMulticastInterface(face);
  }

  #cameIn(data: Buffer, address: string, port: number): void {
    // Port 0 cannot be answered.
    if (port === 0) return;
    const host = this.#place.family === 4 ? address : (normaliseHost(address) ?? address);
    this.#domain.run(() => this.#handler.datagramCameIn(this, data, { host, port }));
  }
}
