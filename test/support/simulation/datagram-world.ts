import type { Timers } from '../../../src/base/clock.js';
import type { Random } from '../../../src/base/random.js';
import type { PeerAddress } from '../../../src/net/raw-server.js';

export interface DatagramWorldOptions {
  /** How many of a hundred packets are lost. */
  readonly lossPercent: number;
  /** The shortest and the longest time that a packet takes, in milliseconds. */
  readonly latency: readonly [number, number];
}

export type Receive = (packet: Buffer, from: PeerAddress) => void;

/** Carries datagrams between nodes and nothing else. It is so light that thousands of nodes can form a DHT in it. */
export class DatagramWorld {
  /** How many packets were ever sent. */
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

  /** From now on `receive` gets what is sent to `address`. The answer sends packets from `address`. */
  attach(address: PeerAddress, receive: Receive): { send(packet: Buffer, to: PeerAddress): void } {
    this.#receivers.set(keyOf(address), receive);
    return { send: (packet, to) => this.send(packet, address, to) };
  }

  /** From now on packets to `address` are lost. */
  detach(address: PeerAddress): void {
    this.#receivers.delete(keyOf(address));
  }

  /** Sends a packet. A liar may give any address as `from`. */
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
