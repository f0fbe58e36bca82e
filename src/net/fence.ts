/**
 * The fence of `--bind`: every socket uses the bound address, or we do not open it at all. The functions here are pure,
 * so that all code that opens a socket (the loop, a tracker client) asks the same question.
 */
import { type IpAddress, isLoopback, isMulticast, isUnicast, parseIp } from './ip-address.js';
import {
  type DatagramOptions,
  type DatagramOutcome,
  MAX_DATAGRAM,
  type PeerAddress,
  type SocketFailure,
} from './raw-server.js';
import { reachOf } from './reach.js';

/** The IP literals that every socket is bound to. There is at least one. */
export interface BindAddresses {
  readonly ipv4?: string;
  readonly ipv6?: string;
}

/** Whether a socket may lead to a host. */
export type Passage =
  /** `host` in its one spelling; `localAddress` is the address to bind the socket to, undefined without a fence. */
  | { readonly code: 'pass'; readonly host: string; readonly localAddress: string | undefined }
  | { readonly code: 'forbidden' }
  | { readonly code: 'not-an-address' };

/** Whether we may send a packet to `host`, an IP literal, and from which address. */
export function passFence(bind: BindAddresses | null, host: string): Passage {
  const address = parseIp(host);
  if (address === undefined) return { code: 'not-an-address' };
  if (bind === null) return { code: 'pass', host: address.text, localAddress: undefined };
  const local = boundAddress(bind, address);
  if (local === undefined || (isLoopback(local) && !isLoopback(address))) return { code: 'forbidden' };
  return { code: 'pass', host: address.text, localAddress: local.text };
}

/** Whether the fence keeps every packet in this machine. */
export function isLoopbackFence({ ipv4, ipv6 }: BindAddresses): boolean {
  return [ipv4, ipv6].every((address) => address === undefined || reachOf(address) === 'loopback');
}

/**
 * The bound address of the family of `address`, or undefined when the fence has none. Throws a RangeError when `bind`
 * names something that is no address of its family.
 */
export function boundAddress(bind: BindAddresses, address: IpAddress): IpAddress | undefined {
  const bound = address.family === 4 ? bind.ipv4 : bind.ipv6;
  if (bound === undefined) return undefined;
  const local = parseIp(bound);
  // An IPv4-mapped address in the place of an IPv6 address would bind no IPv6 socket.
  if (local === undefined || local.family !== address.family) throw new RangeError(`cannot be bound to: ${bound}`);
  return local;
}

/** The addresses to listen at; undefined stands for every address. */
export type ListenPlace =
  | { readonly ok: true; readonly hosts: readonly (string | undefined)[] }
  | { readonly ok: false; readonly code: 'forbidden' | 'failed' };

const ANY: ReadonlySet<string> = new Set(['0.0.0.0', '::']);

/** Where a listener may listen that asks for `host`; undefined asks for every address. */
export function listenPlace(bind: BindAddresses | null, host: string | undefined): ListenPlace {
  if (host === undefined) {
    if (bind === null) return { ok: true, hosts: [undefined] };
    const bound = [bind.ipv4, bind.ipv6].filter((address) => address !== undefined);
    return { ok: true, hosts: bound };
  }
  const address = parseIp(host);
  if (address === undefined) return { ok: false, code: 'failed' };
  if (bind === null) return { ok: true, hosts: [address.text] };
  const local = boundAddress(bind, address);
  // Behind the fence the bound address is the only one of its family, so "every address" means that one.
  if (local === undefined || (address.text !== local.text && !ANY.has(address.text))) {
    return { ok: false, code: 'forbidden' };
  }
  return { ok: true, hosts: [local.text] };
}

/** A UDP socket that we may open. Its addresses are in their one spelling. */
export interface DatagramPlace {
  readonly ok: true;
  readonly family: 4 | 6;
  readonly host: string;
  readonly port: number;
  readonly group: string | null;
  readonly asks: string | null;
}

/** Whether a loop may open the UDP socket of `options`, and where. The rule is the same for every loop. */
export function datagramPlace(
  bind: BindAddresses | null,
  options: DatagramOptions,
): DatagramPlace | (DatagramOutcome & { readonly ok: false }) {
  const { family, port } = options;
  const host = parseIp(options.host ?? (family === 4 ? '0.0.0.0' : '::'));
  if (host?.family !== family) return { ok: false, code: 'failed', cause: `not an IPv${family} literal` };
  const place = listenPlace(bind, host.text);
  if (!place.ok) return place;
  const bound = place.hosts[0] ?? host.text;
  const named = options.group ?? options.asks;
  if (named === undefined) return { ok: true, family, host: bound, port, group: null, asks: null };
  const group = parseIp(named);
  if (group?.family !== family || !isMulticast(group)) return { ok: false, code: 'failed', cause: 'not a group' };
  if (isKeptFrom(bind, group)) return { ok: false, code: 'forbidden' };
  const hears = options.group !== undefined;
  return { ok: true, family, host: bound, port, group: hears ? group.text : null, asks: hears ? null : group.text };
}

type SendPassage =
  /** `host` in its one spelling. */
  { readonly ok: true; readonly host: string } | { readonly ok: false; readonly failure: SocketFailure };

/** Whether the socket at `place` may send `length` bytes to `to`. */
export function passDatagram(
  bind: BindAddresses | null,
  place: Pick<DatagramPlace, 'family' | 'group' | 'asks'>,
  length: number,
  to: PeerAddress,
): SendPassage {
  const address = parseIp(to.host);
  if (address === undefined) return refuse('failed', 'not an IP literal');
  if (!(to.port >= 1 && to.port <= 65_535)) return refuse('failed', 'not a port');
  if (passFence(bind, address.text).code !== 'pass' || !isTarget(bind, place, address)) return refuse('forbidden');
  if (address.family !== place.family) return refuse('unreachable', 'EAFNOSUPPORT');
  if (length > MAX_DATAGRAM) return refuse('failed', 'EMSGSIZE');
  return { ok: true, host: address.text };
}

/**
 * A socket that hears a group is bound to the group's address. When it sends to a single host, the system chooses the
 * address that it sends from, and could choose one outside the fence. So behind a fence it sends to its group only.
 */
function isTarget(
  bind: BindAddresses | null,
  { group, asks }: Pick<DatagramPlace, 'group' | 'asks'>,
  address: IpAddress,
): boolean {
  if (address.text === (group ?? asks)) return true;
  return isUnicast(address) && (group === null || bind === null);
}

/** Whether the fence keeps packets of the family of `group` in this machine, where nobody hears the group. */
function isKeptFrom(bind: BindAddresses | null, group: IpAddress): boolean {
  const local = bind === null ? undefined : boundAddress(bind, group);
  return local !== undefined && isLoopback(local);
}

function refuse(code: SocketFailure['code'], cause?: string): SendPassage {
  return { ok: false, failure: cause === undefined ? { code } : { code, cause } };
}
