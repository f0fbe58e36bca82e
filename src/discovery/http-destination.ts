/**
 * Where a URL's host may lead. Names are resolved here, and what comes back is checked and dialled as it is: a name that
 * means one address to a check and another to a dial (DNS rebinding) gains nothing.
 */
import { lookup, Resolver } from 'node:dns';
import { BlockList, isIP, isIPv6 } from 'node:net';

/** The addresses that every socket is bound to, as the fence says; null when there is no fence. */
export type FenceAddresses = { readonly ipv4?: string; readonly ipv6?: string } | null;

/** How far an address reaches, from our own machine to the world. 'never' is nothing that one dials. */
export type Reach = 'loopback' | 'link-local' | 'private' | 'public' | 'never';

const RANKS: Readonly<Record<Reach, number>> = { never: -1, loopback: 0, 'link-local': 1, private: 2, public: 3 };

const RANGES: readonly (readonly [Exclude<Reach, 'public'>, readonly string[]])[] = [
  ['loopback', ['127.0.0.0/8', '::1/128']],
  ['link-local', ['169.254.0.0/16', 'fe80::/10']],
  ['private', ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '100.64.0.0/10', 'fc00::/7', 'fec0::/10']],
  // "This network", multicast and reserved addresses, and the IPv6 forms that wrap an IPv4 address nobody can check.
  [
    'never',
    ['0.0.0.0/8', '192.0.0.0/24', '198.18.0.0/15', '224.0.0.0/3', '::/96', 'ff00::/8', '2002::/16', '2001::/32'],
  ],
];

// An IPv4 address in an IPv6 one, mapped (RFC 4291) or translated (RFC 6052), reaches as far as the IPv4 address does.
const WRAPPERS = ['::ffff:', '64:ff9b::'];

const LISTS = RANGES.map(([reach, ranges]) => {
  const list = new BlockList();
  for (const range of ranges) {
    const [address = '', prefix = ''] = range.split('/');
    list.addSubnet(address, Number(prefix), isIPv6(address) ? 'ipv6' : 'ipv4');
    if (isIPv6(address)) continue;
    for (const wrapper of WRAPPERS) list.addSubnet(`${wrapper}${address}`, 96 + Number(prefix), 'ipv6');
  }
  return { reach, list };
});

/** How far the IP literal `address` reaches. */
export function reachOf(address: string): Reach {
  const family = isIPv6(address) ? 'ipv6' : 'ipv4';
  return LISTS.find(({ list }) => list.check(address, family))?.reach ?? 'public';
}

/** An address that may be dialled. */
export interface Destination {
  readonly host: string;
  readonly reach: Reach;
  /** Our own address for the socket; undefined when there is no fence. */
  readonly localAddress: string | undefined;
}

export type DestinationOutcome =
  | { readonly ok: true; readonly destinations: readonly [Destination, ...Destination[]] }
  | { readonly ok: false; readonly code: 'forbidden' | 'unreachable'; readonly message: string };

// A name may have any number of addresses; each that is dead costs the time of a dial.
const MAX_DESTINATIONS = 4;

/**
 * The addresses of `host` (a URL's host name, IPv6 in brackets) that the fence allows and that reach at least as far as
 * `floor`: a redirect from the world must not lead into this machine or its network. Answers once, perhaps at once.
 *
 * Behind a loopback fence no name is resolved: no packet leaves, not even to a name server.
 */
export function findDestinations(
  host: string,
  fence: FenceAddresses,
  floor: Reach,
  answered: (outcome: DestinationOutcome) => void,
): { cancel(): void } {
  const name = host.replace(/^\[(.*)\]$/, '$1').replace(/\.$/, '');
  const found = (addresses: readonly string[]) => answered(choose(name, addresses, fence, floor));
  if (isIP(name) !== 0) found([name]);
  // RFC 6761: "Name resolution APIs and libraries SHOULD recognize localhost names as special and SHOULD always return
  // the IP loopback address for address queries".
  else if (name === 'localhost') found(['127.0.0.1', '::1']);
  else if (fence !== null && isLoopbackFence(fence)) {
    answered({ ok: false, code: 'forbidden', message: `bound to loopback, so ${name} is not looked up` });
  } else return resolveName(name, fence, found, (message) => answered({ ok: false, code: 'unreachable', message }));
  return { cancel: () => undefined };
}

function choose(name: string, addresses: readonly string[], fence: FenceAddresses, floor: Reach): DestinationOutcome {
  const destinations: Destination[] = [];
  let refusal = `${name} has no address`;
  for (const host of addresses) {
    const reach = reachOf(host);
    const localAddress = isIPv6(host) ? fence?.ipv6 : fence?.ipv4;
    if (reach === 'never') refusal = `${host} is no address to connect to`;
    else if (RANKS[reach] < RANKS[floor]) refusal = `a redirect from a ${floor} address to ${host} is not followed`;
    else if (fence !== null && localAddress === undefined) refusal = `not bound to an address that could reach ${host}`;
    else if (localAddress !== undefined && reachOf(localAddress) === 'loopback' && reach !== 'loopback') {
      refusal = `bound to loopback, so ${host} is out of reach`;
    } else destinations.push({ host, reach, localAddress });
  }
  const [first, ...others] = destinations.slice(0, MAX_DESTINATIONS);
  if (first === undefined) return { ok: false, code: 'forbidden', message: refusal };
  return { ok: true, destinations: [first, ...others] };
}

function isLoopbackFence(fence: { readonly ipv4?: string; readonly ipv6?: string }): boolean {
  return [fence.ipv4, fence.ipv6].every((address) => address === undefined || reachOf(address) === 'loopback');
}

function resolveName(
  name: string,
  fence: FenceAddresses,
  found: (addresses: readonly string[]) => void,
  failed: (message: string) => void,
): { cancel(): void } {
  let cancelled = false;
  if (fence === null) {
    lookup(name, { all: true, verbatim: true }, (error, addresses) => {
      if (cancelled) return;
      if (error !== null) failed(`${name} was not found: ${error.code ?? error.message}`);
      else found(addresses.map(({ address }) => address));
    });
    return { cancel: () => (cancelled = true) };
  }
  // The system's own lookup cannot be bound to an address, so the name servers are asked from here. Those of a family
  // that the fence has no address for would be asked past it.
  const { ipv4, ipv6 } = fence;
  const resolver = new Resolver({ timeout: 5000, tries: 2 });
  const servers = resolver.getServers().filter((server) => (isIPv4Server(server) ? ipv4 : ipv6) !== undefined);
  if (servers.length === 0) {
    failed(`no name server can be reached from the bound address, so ${name} was not found`);
    return { cancel: () => undefined };
  }
  resolver.setServers(servers);
  resolver.setLocalAddress(ipv4 ?? '0.0.0.0', ipv6 ?? '::0');
  const addresses: string[] = [];
  let asked = 0;
  let reason = 'no address';
  const collect = (error: NodeJS.ErrnoException | null, some: readonly string[]) => {
    asked -= 1;
    if (cancelled) return;
    if (error === null) addresses.push(...some);
    else reason = error.code ?? error.message;
    if (asked > 0) return;
    if (addresses.length > 0) found(addresses);
    else failed(`${name} was not found: ${reason}`);
  };
  if (ipv4 !== undefined) asked += 1;
  if (ipv6 !== undefined) asked += 1;
  if (ipv4 !== undefined) resolver.resolve4(name, collect);
  if (ipv6 !== undefined) resolver.resolve6(name, collect);
  return {
    cancel: () => {
      cancelled = true;
      resolver.cancel();
    },
  };
}

/** Name servers come as `192.0.2.1`, `192.0.2.1:5353`, `2001:db8::1` or `[2001:db8::1]:5353`. */
function isIPv4Server(server: string): boolean {
  return /^[0-9.]+(:\d+)?$/.test(server);
}
