import { decodeCompact, type IpFamily, isUnicast, parseIp } from '../net/ip-address.js';
import type { TrackerPeer } from './trackers/tracker-client.js';

const MAX_PEERS = 200;

/** The peers of one answer: each address once, none that nobody can have, and no more than are of use. */
export class AnnouncedPeers {
  readonly #peers = new Map<string, TrackerPeer>();

  all(): TrackerPeer[] {
    return [...this.#peers.values()];
  }

  /** Takes one peer, unless it is nonsense; false when there are enough of them. */
  add(host: string, port: number, peerId: Buffer | null): boolean {
    const address = parseIp(host);
    if (address !== undefined && isUnicast(address) && port >= 1 && port <= 65_535) {
      const key = `${address.text} ${port}`;
      if (!this.#peers.has(key)) this.#peers.set(key, { host: address.text, port, peerId });
    }
    return this.#peers.size < MAX_PEERS;
  }

  /** BEP 23 and BEP 7: 6 or 18 bytes a peer. A rest that is no whole peer is left out. */
  addCompact(compact: Buffer, family: IpFamily): void {
    const length = family === 4 ? 6 : 18;
    for (let begin = 0; begin + length <= compact.length; begin += length) {
      const address = decodeCompact(compact.subarray(begin, begin + length), family);
      if (address !== undefined && !this.add(address.host, address.port, null)) return;
    }
  }
}
