/** The peers that a link names (`x.pe`), and those that the user does: from names to addresses. */
import { DEFAULT_NAME_LOOKUP_OPTIONS, lookUpName, type NameOutcome } from '../discovery/http/http-name-lookup.js';
import type { V1MagnetLink } from '../metainfo/magnet.js';
import { passFence } from '../net/fence.js';
import { parseIp } from '../net/ip-address.js';
import { resolveBind } from '../net/node-interfaces.js';
import type { PeerAddress } from '../net/raw-server.js';
import type { TorrentOptions } from '../torrent/torrent-options.js';

/**
 * `HOST:PORT` each, IPv6 addresses in brackets. Links are passed on for years: who cannot be found any more is left
 * out. With `bind` no name is resolved, because the system's resolver would ask through any interface.
 */
export async function resolveLinkPeers(
  peers: readonly string[],
  bind: string | null,
  lookUp: LookUpHost = lookUpHost,
): Promise<readonly PeerAddress[]> {
  const found = await Promise.all(
    peers.map(async (text): Promise<PeerAddress[]> => {
      const end = text.lastIndexOf(':');
      const host = text.slice(0, end).replace(/^\[(.*)\]$/, '$1');
      if (bind !== null && !isKnownHost(host)) return [];
      const outcome = await lookUp(host);
      const port = Number(text.slice(end + 1));
      return outcome.ok ? peersAt(outcome.addresses, port, bind) : [];
    }),
  );
  return found.flat();
}

/** How the addresses of a name are found. */
export type LookUpHost = (host: string) => Promise<NameOutcome>;

// A name may have any number of addresses, and one who chooses them may send us to as many strangers.
const MAX_ADDRESSES = 8;

/**
 * A peer at each address that can be dialled past the fence `bind`; all the same when it lets none pass, to be told so.
 */
export function peersAt(addresses: readonly string[], port: number, bind: string | null): PeerAddress[] {
  const fence = bind === null ? null : resolveBind(bind);
  const fitting = addresses.filter((address) => passFence(fence, address).code === 'pass');
  return (fitting.length > 0 ? fitting : addresses).slice(0, MAX_ADDRESSES).map((host) => ({ host, port }));
}

/** Nobody need be asked where it is. */
export function isKnownHost(host: string): boolean {
  return parseIp(host) !== undefined || host === 'localhost';
}

export async function lookUpHost(host: string): Promise<NameOutcome> {
  if (parseIp(host) !== undefined) return { ok: true, addresses: [host] };
  if (host === 'localhost') return { ok: true, addresses: ['127.0.0.1', '::1'] };
  return new Promise((resolve) => lookUpName(host, DEFAULT_NAME_LOOKUP_OPTIONS, resolve));
}

/** What a link says besides which torrent it is: its peers, looked up, and its files unless the user has said which. */
export function optionsForLink(
  { selected }: V1MagnetLink,
  peers: readonly PeerAddress[],
  options: TorrentOptions,
): TorrentOptions {
  const { select, exclude } = options.selection;
  const ranges = select.length > 0 || exclude.length > 0 ? null : selected;
  return { ...options, linkPeers: peers, selection: { select, exclude, ranges } };
}
