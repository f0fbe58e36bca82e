import { LoopContext } from '../../../src/net/loop-context.js';
import type { SimulatedLoop } from './simulated-loop.js';

/** A machine with one process on it: the RawServer of that process, and what may befall the machine. */
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

  /** UDP sockets that were ever opened here, and datagrams that ever left them. */
  get datagramTotals(): { readonly opened: number; readonly sent: number } {
    return this.#loop.datagrams.totals;
  }

  /** Bytes that were written and that no kernel has taken, over all sockets. */
  get unsentLength(): number {
    let length = 0;
    for (const socket of this.#loop.idleScan.sockets) length += socket.unsentLength;
    return length;
  }

  /** The process ends: its sockets are closed, its tasks forgotten. The machine refuses whoever dials it from now on. */
  close(): void {
    this.#loop.domain.end();
  }

  /** Every connection of this host breaks: it is told at once, the other sides with the next packet. */
  breakConnections(): void {
    for (const socket of [...this.#loop.idleScan.sockets]) socket.lose({ code: 'reset', cause: 'ECONNRESET' });
  }
}
