/** The peers that a link names (`x.pe`), and those that the user does: from names to addresses. */
import { DEFAULT_NAME_LOOKUP_OPTIONS, lookUpName, type NameOutcome } from '../discovery/http-name-lookup.js';
import { parseIp } from '../net/ip-address.js';
import type { PeerAddress } from '../net/raw-server.js';

/**
 * `HOST:PORT` each, IPv6 addresses in brackets. Links are passed on for years: who cannot be found any more is left out. With
 * `bind` no name is resolved, because the system's resolver would ask through any interface.
 */
export async function resolveLinkPeers(peers: readonly string[], bind: string | null): Promise<readonly PeerAddress[]> {
  const found = await Promise.all(
    peers.map(async (text): Promise<PeerAddress[]> => {
      const end = text.lastIndexOf(':');
      const host = text.slice(0, end).replace(/^\[(.*)\]$/, '$1');
      if (bind !== null && !isKnownHost(host)) return [];
      const outcome = await lookUpHost(host);
      const port = Number(text.slice(end + 1));
      return outcome.ok ? outcome.addresses.slice(0, 1).map((address) => ({ host: address, port })) : [];
    }),
  );
  return found.flat();
}

/** Nobody need be asked where it is. */
export function isKnownHost(host: string): boolean {
  return parseIp(host) !== undefined || host === 'localhost';
}

export async function lookUpHost(host: string): Promise<NameOutcome> {
  if (parseIp(host) !== undefined) return { ok: true, addresses: [host] };
  if (host === 'localhost') return { ok: true, addresses: ['127.0.0.1'] };
  return new Promise((resolve) => lookUpName(host, DEFAULT_NAME_LOOKUP_OPTIONS, resolve));
}
