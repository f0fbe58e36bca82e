/**
 * Whether a URL may lead us to its host. That depends on its source. Every URL passes here before we look up its name,
 * and every address of that name passes here before we dial it. The maker of a torrent chooses the path, the query and
 * the bytes of the info-hash. A service in our own network may take them for a command, and obey it because we sent it.
 */
import { SecretUrl } from '../base/secret-url.js';
import { isBarredPort } from './barred-ports.js';
import { type IpAddress, type IpNetwork, ipOfBytes, isInNetwork, parseIp } from './ip-address.js';
import { isWrapped, type Reach, reachesAsFar, reachOfAddress } from './reach.js';

/** Who named a URL. */
export type UrlSource =
  /** The user: an argument, an option, an argument of the library. It may lead everywhere. */
  | 'user'
  /** A torrent or a link: `announce`, `announce-list`, `tr`. */
  | 'torrent-tracker'
  /** A torrent or a link: `url-list`, `ws`. */
  | 'torrent-web-seed'
  /**
   * A gateway, in its answer to our search (UPnP). `port-mapping/upnp.ts` makes sure that the URL leads to the gateway.
   */
  | 'gateway';

/** A URL and its source. */
export interface SourcedUrl {
  readonly url: SecretUrl;
  readonly source: UrlSource;
}

/** The `urls`, all with the same `source`. */
export function namedBy(source: UrlSource, urls: Iterable<string>): SourcedUrl[] {
  return Array.from(urls, (url) => ({ url: new SecretUrl(url), source }));
}

/** One request that we are about to make. */
export interface UrlStep {
  readonly source: UrlSource;
  readonly port: number;
  /** Empty for a UDP tracker whose URL has no path. An HTTP URL has at least `/`. */
  readonly path: string;
  /** Empty, or from `?` on. For a tracker it is the query in the URL itself, without the fields that we add. */
  readonly query: string;
  /** The redirect that leads here, or null for the URL that `source` named. */
  readonly redirect: Redirect | null;
}

/** An answer that sent us on. */
export interface Redirect {
  /** The address that answered, an IP literal. */
  readonly host: string;
  /** The query of our request to it. */
  readonly query: string;
  /** Neither this redirect nor one before it has left the origin that the source named: scheme, host and port. */
  readonly isAtOrigin: boolean;
}

/** Why we must not take the step, whatever addresses its host has; null when we may. */
export function refusalOfStep(step: UrlStep): string | null {
  if (isAtPlaceOfUser(step)) return null;
  const { source, port, query, redirect } = step;
  // Some gateways serve their description at the port of SSDP.
  if (isBarredPort(port) && !(source === 'gateway' && port === 1900)) {
    const why = 'that of another kind of service';
    return redirect === null ? `port ${port} is ${why}` : `a redirect to port ${port} is not followed: it is ${why}`;
  }
  const key = source === 'torrent-tracker' && redirect === null ? reservedKeyIn(query) : null;
  return key === null ? null : `the query of the url says ${key}, which is ours to say`;
}

/**
 * Whether the user has named the service that the step leads to. It may say where in it the file is: a redirect that
 * stays there reaches nothing new.
 */
function isAtPlaceOfUser({ source, redirect }: UrlStep): boolean {
  return source === 'user' && (redirect === null || redirect.isAtOrigin);
}

/**
 * Why the step must not lead to `ip`, one of its host's addresses; null when it may. `attached` are the networks of our
 * interfaces, each with the address that we have there.
 */
export function refusalOfAddress(step: UrlStep, ip: IpAddress, attached: readonly IpNetwork[]): string | null {
  const reach = reachOfAddress(ip);
  if (reach === 'nowhere') return `${ip.text} is no address to connect to`;
  const { source, redirect } = step;
  if (source === 'user' && redirect === null) return null;
  if (METADATA_SERVICES.has(ip.text)) return `${ip.text} is a metadata service`;
  if (isWrapped(ip)) {
    if (reach !== 'public' || !isNat64(ip)) return `${ip.text} leads to another address`;
    return refusalOfAddress(step, ipOfBytes(ip.bytes.subarray(12)), attached);
  }
  const near = reachFromHere(ip, attached);
  if (redirect !== null && ip.text !== redirect.host) {
    const floor = reachOfOrigin(redirect.host, attached);
    if (!reachesAsFar(near, floor)) return `a redirect from a ${floor} address to ${ip.text} is not followed`;
  }
  if (near === 'public') return null;
  const refusal = NEAR_RULES[source](step);
  if (refusal !== null) return `${ip.text} is ${nameOf(near)}: ${refusal}`;
  return near === 'link-local' && source !== 'user' ? `${ip.text} is link-local` : null;
}

/**
 * Why the step must not lead to the host `name`, of which only a proxy learns the addresses; null when it may. Such
 * names lead into the network of the proxy, which we cannot tell by an address: those without a dot, and the ends that
 * RFC 6762, RFC 8375 and ICANN ("internal") keep for private use.
 */
export function refusalOfName(step: UrlStep, name: string): string | null {
  if (isAtPlaceOfUser(step)) return null;
  const isNear = !name.includes('.') || /\.(?:local|localhost|internal|intranet|lan|home|corp|home\.arpa)$/i.test(name);
  return isNear ? `${name} is a name of a private network` : null;
}

const ADVICE = 'a tracker that you trust is given by --tracker';

/**
 * For each source, why a step must not lead into our own machine or network. Each refusal completes a sentence. A
 * request without a query, at a path that only trackers have, is no command to any service (libtorrent's
 * `ssrf_mitigation`). The path of a web seed may be any.
 */
const NEAR_RULES: Readonly<Record<UrlSource, (step: UrlStep) => string | null>> = {
  user: () => null,
  gateway: () => null,
  'torrent-tracker': ({ path, query, redirect }) => {
    // A redirect may repeat the query that we sent.
    if (query !== '' && query !== redirect?.query) return `a torrent may name no tracker with a query there; ${ADVICE}`;
    if (path === '/announce' || path === '' || (path === '/scrape' && redirect !== null)) return null;
    return `a torrent may name only /announce there; ${ADVICE}`;
  },
  'torrent-web-seed': () => 'a torrent may name no web seed there; one that you trust is given by --web-seed',
};

/** Clouds tell their machines secrets, keys included, at these addresses. They are the same in every machine. */
const METADATA_SERVICES: ReadonlySet<string> = new Set([
  // Nearly all, Amazon's containers, Amazon's and Google's by IPv6.
  ...['169.254.169.254', '169.254.170.2', '169.254.170.23', 'fd00:ec2::254', 'fd00:ec2::23', 'fd20:ce::254'],
  // Alibaba, Oracle, Azure.
  ...['100.100.100.200', '192.0.0.192', 'fd00:c1::a9fe:a9fe', '168.63.129.16'],
]);

/**
 * The keys of an announce (BEP 3, 7, 23, and those that clients have added). If the URL named one of them too, the
 * tracker might believe the URL's value and not ours.
 */
const RESERVED_KEYS: ReadonlySet<string> = new Set([
  ...['info_hash', 'peer_id', 'port', 'uploaded', 'downloaded', 'left', 'corrupt', 'redundant', 'event', 'compact'],
  ...['numwant', 'num_want', 'no_peer_id', 'key', 'ip', 'ipv4', 'ipv6', 'trackerid', 'supportcrypto', 'requirecrypto'],
  'cryptoport',
]);

/** The first reserved key in `query`, in lower case; null when it has none. Case and escapes do not hide a key. */
function reservedKeyIn(query: string): string | null {
  for (const parameter of query.slice(1).split(/[&;]/)) {
    const key = unescapeKey(parameter.replace(/=.*$/s, '')).trim().toLowerCase();
    if (RESERVED_KEYS.has(key)) return key;
  }
  return null;
}

function unescapeKey(key: string): string {
  return key.replace(/%([0-9a-f]{2})/gi, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 16)));
}

/** 64:ff9b::/96: a network without IPv4 gives such addresses to the names of IPv4 hosts (RFC 6147). */
function isNat64({ bytes }: IpAddress): boolean {
  return bytes.toString('hex', 0, 12) === '0064ff9b0000000000000000';
}

/** How far `ip` reaches, when a public address of our own machine or network counts as near. */
function reachFromHere(ip: IpAddress, attached: readonly IpNetwork[]): Reach {
  const reach = reachOfAddress(ip);
  if (reach !== 'public') return reach;
  if (attached.some(({ address }) => address.text === ip.text)) return 'loopback';
  return attached.some((network) => isInNetwork(ip, network)) ? 'private' : 'public';
}

/** A server at a public address of ours is open to the world, so a redirect from it counts as one from the world. */
function reachOfOrigin(host: string, attached: readonly IpNetwork[]): Reach {
  const ip = parseIp(host);
  if (ip === undefined) return 'public';
  const isOwn = attached.some(({ address }) => address.text === ip.text);
  return isOwn ? reachOfAddress(ip) : reachFromHere(ip, attached);
}

function nameOf(reach: Reach): string {
  if (reach === 'loopback') return 'this machine';
  return reach === 'private' ? 'in a network of ours' : reach;
}
