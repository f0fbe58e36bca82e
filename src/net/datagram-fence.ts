/** What may be opened and sent over UDP, the same for every loop. */
import { type DatagramOptions, type DatagramOutcome, MAX_DATAGRAM } from './datagram.js';
import { type BindAddresses, boundAddress, listenPlace, passFence } from './fence.js';
import { type IpAddress, isLoopback, isMulticast, isUnicast, parseIp } from './ip-address.js';
import type { PeerAddress } from './peer-address.js';
import type { SocketFailure } from './socket-failure.js';

/** A socket that may be opened: its addresses are in their one spelling. */
export interface DatagramPlace {
  readonly ok: true;
  readonly family: 4 | 6;
  readonly host: string;
  readonly port: number;
  readonly group: string | null;
  readonly asks: string | null;
}

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
  if (isLoopbackFence(bind, group)) return { ok: false, code: 'forbidden' };
  const hears = options.group !== undefined;
  return { ok: true, family, host: bound, port, group: hears ? group.text : null, asks: hears ? null : group.text };
}

export type SendPassage =
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
 * A socket of a group is bound to the group, so the system chooses from which address it sends to one host: behind a
 * fence that must not be left to chance.
 */
function isTarget(
  bind: BindAddresses | null,
  { group, asks }: Pick<DatagramPlace, 'group' | 'asks'>,
  address: IpAddress,
): boolean {
  if (address.text === (group ?? asks)) return true;
  return isUnicast(address) && (group === null || bind === null);
}

function isLoopbackFence(bind: BindAddresses | null, group: IpAddress): boolean {
  const local = bind === null ? undefined : boundAddress(bind, group);
  return local !== undefined && isLoopback(local);
}

function refuse(code: SocketFailure['code'], cause?: string): SendPassage {
  return { ok: false, failure: cause === undefined ? { code } : { code, cause } };
}
