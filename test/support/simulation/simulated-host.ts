import { LoopContext } from '../../../src/net/loop-context.js';
import type { SimulatedLoop } from './simulated-loop.js';

/** A machine with one process. It is the RawServer of that process, and a test can make the machine fail. */
export class SimulatedHost extends LoopContext {
  readonly #loop: SimulatedLoop;

  constructor(loop: SimulatedLoop) {
    super(loop, loop.domain);
    this.#loop = loop;
  }

  get addresses(): readonly string[] {
    return this.#loop.addresses;
  }

  override get socketCount(): number {
    return this.#loop.idleScan.sockets.size;
  }

  /** The hosts and groups to which a packet of it ever left, but for answers on connections from outside. */
  get contacted(): readonly string[] {
    return [...this.#loop.contacted];
  }

  /** How many UDP sockets were ever opened here, and how many datagrams they ever sent. */
  get datagramTotals(): { readonly opened: number; readonly sent: number } {
    return this.#loop.datagrams.totals;
  }

  /** Bytes that were written to any of its sockets and that the kernel has not taken yet. */
  get unsentLength(): number {
    let length = 0;
    for (const socket of this.#loop.idleScan.sockets) length += socket.unsentLength;
    return length;
  }

  /** Ends the process: its sockets are closed and its tasks forgotten. The machine refuses all dials from now on. */
  close(): void {
    this.#loop.domain.end();
  }

  /** Breaks every connection of this host. The host is told at once, the other sides when the reset reaches them. */
  breakConnections(): void {
    for (const socket of [...this.#loop.idleScan.sockets]) socket.lose({ code: 'reset', cause: 'ECONNRESET' });
  }
}
