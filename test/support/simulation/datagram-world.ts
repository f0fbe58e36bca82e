import type { Timers } from '../../../src/base/clock.js';
import type { Random } from '../../../src/base/random.js';
import type { PeerAddress } from '../../../src/net/raw-server.js';

export interface DatagramWorldOptions {
  /** Packets of a hundred that are lost. */
  readonly lossPercent: number;
  /** Milliseconds that a packet takes, at least and at most. */
  readonly latency: readonly [number, number];
}

export type Receive = (packet: Buffer, from: PeerAddress) => void;

/** Datagrams between thousands of nodes and nothing else: lean, so that a whole DHT lives in it. */
export class DatagramWorld {
  sent = 0;
  readonly #timers: Timers;
  readonly #random: Random;
  readonly #options: DatagramWorldOptions;
  readonly #receivers = new Map<string, Receive>();

  constructor(timers: Timers, random: Random, options: DatagramWorldOptions) {
    this.#timers = timers;
    this.#random = random;
    this.#options = options;
  }

  /** From now on `receive` gets what is sent to `address`. */
  attach(address: PeerAddress, receive: Receive): { send(packet: Buffer, to: PeerAddress): void } {
    this.#receivers.set(keyOf(address), receive);
    return { send: (packet, to) => this.send(packet, address, to) };
  }

  /** Nobody is at `address` any more. */
  detach(address: PeerAddress): void {
    this.#receivers.delete(keyOf(address));
  }

  /** `from` may be anybody: sources are forged freely. */
  send(packet: Buffer, from: PeerAddress, to: PeerAddress): void {
    const { lossPercent, latency } = this.#options;
    this.sent += 1;
    if (this.#random.below(100) < lossPercent) return;
    const delay = latency[0] + this.#random.below(latency[1] - latency[0] + 1);
    this.#timers.addTask(() => this.#receivers.get(keyOf(to))?.(packet, from), delay);
  }
}

function keyOf({ host, port }: PeerAddress): string {
  return `${host} ${port}`;
}
