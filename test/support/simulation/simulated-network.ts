import type { Millis, Timers } from '../../../src/base/clock.js';
import type { Random } from '../../../src/base/random.js';
import { normaliseHost } from '../../../src/net/ip-address.js';
import { SimulatedHost } from './simulated-host.js';
import { DEFAULT_SIMULATED_HOST_OPTIONS, type SimulatedHostOptions } from './simulated-host-options.js';
import { SimulatedLoop } from './simulated-loop.js';
import { SimulatedMemory } from './simulated-memory.js';

const RECEIVE_BUFFER_LENGTH = 256 * 1024;
const DEFAULT_LATENCY: Millis = 10;
/** From a host to itself. It is not zero, because two ends that answer each other would make time stand still. */
const INSIDE_LATENCY: Millis = 0.1;

/**
 * A network in memory and in simulated time. Each host has its own RawServer. The same seed gives the same events:
 *
 *     const network = new SimulatedNetwork(timeline, seededRandom(1));
 *     const seed = network.host('10.0.0.1', { upload: 1_000_000 });
 *     const leech = network.host('10.0.0.2', { latency: 40 });
 *
 * A dial takes a round trip. It fails as `unreachable` when no host has the address, and as `refused` when the host
 * does not listen on the port. A host reaches itself, at 127.0.0.1 and its own addresses, within 0.1 ms.
 */
export class SimulatedNetwork {
  readonly #timers: Timers;
  readonly #random: Random;
  readonly #latency: Millis;
  readonly #hosts: Map<string, SimulatedHost> = new Map();
  readonly #loops: Map<string, SimulatedLoop> = new Map();
  readonly #silent: Set<SimulatedLoop> = new Set();
  readonly #receiveBuffer: Buffer = Buffer.allocUnsafeSlow(RECEIVE_BUFFER_LENGTH);
  readonly #memory = new SimulatedMemory();

  /** `latency` is how long every packet takes from one host to another. The options of hosts may add to it. */
  constructor(timers: Timers, random: Random, latency: Millis = DEFAULT_LATENCY) {
    this.#timers = timers;
    this.#random = random;
    this.#latency = latency;
  }

  /**
   * The host at `addresses`, IP literals. The first call makes the host, with `options`. Later calls for one of its
   * addresses must give no options.
   */
  host(addresses: string | readonly string[], options: Partial<SimulatedHostOptions> = {}): SimulatedHost {
    const own = (typeof addresses === 'string' ? [addresses] : addresses).map(literal);
    const known = this.#hosts.get(own[0] ?? '');
    if (known !== undefined && Object.keys(options).length === 0) return known;
    const taken = own.find((address) => this.#hosts.has(address));
    if (taken !== undefined) throw new Error(`two hosts at ${taken}`);
    const loop = new SimulatedLoop(
      {
        timers: this.#timers,
        random: this.#random,
        receiveBuffer: this.#receiveBuffer,
        memory: this.#memory,
        unreachableAfter: 2 * this.#latency,
        find: (address) => this.#loops.get(address),
        all: () => new Set(this.#loops.values()),
        latency: (from, to) =>
          from === to ? INSIDE_LATENCY : this.#latency + from.options.latency + to.options.latency,
        isSilent: (from, to) => from !== to && (this.#silent.has(from) || this.#silent.has(to)),
      },
      own,
      { ...DEFAULT_SIMULATED_HOST_OPTIONS, ...options },
    );
    const host = new SimulatedHost(loop);
    for (const address of own) {
      this.#loops.set(address, loop);
      this.#hosts.set(address, host);
    }
    return host;
  }

  /**
   * From now on no packet gets to the host at `address` or away from it, and neither side is told. A dial to it fails
   * after 127 s, unless the dialling host gives up before.
   */
  silence(address: string): void {
    this.#silent.add(this.#loopAt(address));
  }

  /** Packets to and from the host get through again. What was sent on connections in the meantime arrives. */
  restore(address: string): void {
    this.#silent.delete(this.#loopAt(address));
    for (const loop of new Set(this.#loops.values())) {
      for (const socket of loop.idleScan.sockets) this.#timers.addTask(() => socket.input?.proceed(), 0);
    }
  }

  #loopAt(address: string): SimulatedLoop {
    const loop = this.#loops.get(literal(address));
    if (loop === undefined) throw new Error(`no host at ${address}`);
    return loop;
  }
}

function literal(text: string): string {
  const host = normaliseHost(text);
  if (host === undefined) throw new Error(`not an IP literal: ${text}`);
  return host;
}
