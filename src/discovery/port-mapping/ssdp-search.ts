import type { Millis, Task } from '../../base/clock.js';
import type { DatagramHandler, DatagramOutcome, DatagramSocket } from '../../net/datagram.js';
import type { PeerAddress, RawServer } from '../../net/raw-server.js';
import { decodeSearchAnswer, encodeSearch, SEARCH_TARGETS, SSDP_GROUP } from './ssdp-message.js';

/** Where a gateway's description is, and who said so. */
export interface FoundGateway {
  readonly location: URL;
  readonly host: string;
}

/** Devices answer within so many seconds. */
const MAX_DELAY = 1;
/** Datagrams get lost: the search is said once more. */
const AGAIN_AFTER: Millis = 600;
const SEARCH_TIME: Millis = 2_500;
/** Gateways that are looked at; a network has one or two. */
const MAX_GATEWAYS = 4;

/**
 * Searches the network of our address `local` for gateways. `found` is told of each at once, `ended` when no more are
 * waited for; neither after `cancel()`.
 */
export function searchGateways(
  rawServer: Pick<RawServer, 'addTask' | 'openDatagram'>,
  local: string,
  found: (gateway: FoundGateway) => void,
  ended: () => void,
): { cancel(): void } {
  const search = new SsdpSearch(rawServer, found, ended);
  search.begin(local);
  return { cancel: () => search.end() };
}

class SsdpSearch implements DatagramHandler {
  readonly #rawServer: Pick<RawServer, 'addTask' | 'openDatagram'>;
  readonly #found: (gateway: FoundGateway) => void;
  readonly #ended: () => void;
  readonly #known = new Set<string>();
  readonly #tasks: Task[] = [];
  #socket: DatagramSocket | null = null;
  #isOver = false;

  constructor(
    rawServer: Pick<RawServer, 'addTask' | 'openDatagram'>,
    found: (gateway: FoundGateway) => void,
    ended: () => void,
  ) {
    this.#rawServer = rawServer;
    this.#found = found;
    this.#ended = ended;
  }

  begin(local: string): void {
    const { family, host } = SSDP_GROUP;
    this.#rawServer.openDatagram({ family, host: local, port: 0, asks: host }, this, (outcome) =>
      this.#opened(outcome),
    );
  }

  datagramCameIn(_: DatagramSocket, data: Buffer, from: PeerAddress): void {
    const location = decodeSearchAnswer(data, from.host);
    if (location === undefined || this.#known.has(location.href) || this.#known.size === MAX_GATEWAYS) return;
    this.#known.add(location.href);
    this.#found({ location, host: from.host });
  }

  sendFailed(): void {
    // There is no network to search, or not yet.
  }

  end(): void {
    this.#isOver = true;
    for (const task of this.#tasks) task.cancel();
    this.#socket?.close();
  }

  #opened(outcome: DatagramOutcome): void {
    if (this.#isOver) {
      if (outcome.ok) outcome.socket.close();
    } else if (outcome.ok) {
      this.#socket = outcome.socket;
      this.#ask();
      this.#tasks.push(this.#rawServer.addTask(() => this.#ask(), AGAIN_AFTER));
      this.#tasks.push(this.#rawServer.addTask(() => this.#finish(), SEARCH_TIME));
    } else this.#finish();
  }

  #ask(): void {
    for (const target of SEARCH_TARGETS) this.#socket?.send(encodeSearch(target, MAX_DELAY), SSDP_GROUP);
  }

  #finish(): void {
    this.end();
    this.#ended();
  }
}
