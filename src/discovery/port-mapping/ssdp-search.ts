import type { Millis, Task } from '../../base/clock.js';
import { urlOf } from '../../base/url.js';
import { type IpFamily, parseIp } from '../../net/ip-address.js';
import type { DatagramHandler, DatagramOutcome, DatagramSocket, PeerAddress, RawServer } from '../../net/raw-server.js';
import { reachOf } from '../../net/reach.js';
import { escapedLocation } from '../http/http-location.js';

/** A gateway that has answered a search. */
export interface FoundGateway {
  /** The URL of its description, at `host`. */
  readonly location: URL;
  /** The IP literal from which it answered. */
  readonly host: string;
}

const SSDP_GROUP: PeerAddress & { readonly family: IpFamily } = {
  family: 4,
  host: '239.255.255.250',
  port: 1900,
};
/**
 * What we search for. A gateway of version 2 must answer a search for version 1 too. Some gateways answer only a search
 * for their service.
 */
const SEARCH_TARGETS = [
  'urn:schemas-upnp-org:device:InternetGatewayDevice:1',
  'urn:schemas-upnp-org:device:InternetGatewayDevice:2',
  'urn:schemas-upnp-org:service:WANIPConnection:1',
] as const;
/** Devices must answer within this many seconds. */
const MAX_DELAY = 1;
/** After this we send the search once more, because datagrams get lost. */
const AGAIN_AFTER: Millis = 600;
/** How long we wait for answers. */
const SEARCH_TIME: Millis = 2_500;
/** How many gateways we hand on. A network has one or two. */
const MAX_GATEWAYS = 4;
/** We drop longer answers, and longer URLs. */
const MAX_LENGTH = 2048;
const MAX_URL_LENGTH = 512;

/**
 * Searches the network of our address `local` for gateways, by SSDP. Calls `found` for each gateway at once, and
 * `ended` when the search is over. Calls neither after `cancel()`.
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
    // Without a network the search finds no gateway.
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

/**
 * The search request of SSDP for `target` (UPnP Device Architecture 1.1, section 1.3). Each device answers at a random
 * time within `maxDelay` seconds.
 */
export function encodeSearch(target: string, maxDelay: number): Buffer {
  const { host, port } = SSDP_GROUP;
  const lines = [
    'M-SEARCH * HTTP/1.1',
    `HOST: ${host}:${port}`,
    'MAN: "ssdp:discover"',
    `MX: ${maxDelay}`,
    `ST: ${target}`,
  ];
  return Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1');
}

/**
 * The URL of the description of the gateway that answers from `from`. Undefined when `data` is no answer of a gateway,
 * or when the URL is not to be trusted (see `gatewayUrl`).
 */
export function decodeSearchAnswer(data: Buffer, from: string): URL | undefined {
  if (data.length > MAX_LENGTH) return undefined;
  const [first = '', ...lines] = data.toString('latin1').split(/\r?\n/);
  if (!/^HTTP\/1\.[01] 200(?: |$)/i.test(first)) return undefined;
  const headers = new Map<string, string>();
  for (const line of lines) {
    const colon = line.indexOf(':');
    if (colon > 0) headers.set(line.slice(0, colon).trim().toLowerCase(), line.slice(colon + 1).trim());
  }
  const target = headers.get('st') ?? '';
  if (!/:(?:InternetGatewayDevice|WANIPConnection|WANPPPConnection):\d+$/.test(target)) return undefined;
  return gatewayUrl(escapedLocation(headers.get('location') ?? ''), from);
}

/**
 * Parses a URL that the host `from` gave us. Undefined unless the URL is at that same host and the host is in our own
 * network. Otherwise any host that can send us a datagram could make us send a request to any other host.
 */
export function gatewayUrl(text: string, from: string, base?: URL): URL | undefined {
  if (text === '' || text.length > MAX_URL_LENGTH) return undefined;
  const url = urlOf(text, base?.href);
  if (url?.protocol !== 'http:' || url.username !== '' || url.password !== '' || url.port === '0') return undefined;
  const reach = reachOf(from);
  if (reach !== 'private' && reach !== 'link-local') return undefined;
  return parseIp(url.hostname)?.text === from ? url : undefined;
}
