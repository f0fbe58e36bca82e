/** Finds the addresses of the peers that a link (`x.pe`) or the user names. */
import { interrupted } from '../base/failure.js';
import { knownAddresses } from '../discovery/http/http-destination.js';
import {
  DEFAULT_NAME_LOOKUP_OPTIONS,
  lookUpName,
  type NameLookupOptions,
  type NameOutcome,
} from '../discovery/http/http-name-lookup.js';
import type { MagnetLink } from '../metainfo/magnet.js';
import { passFence } from '../net/fence.js';
import { resolveBind } from '../net/node-interfaces.js';
import type { PeerAddress } from '../net/raw-server.js';
import type { TorrentOptions } from '../torrent/torrent-options.js';
import { onAbort } from './on-abort.js';

/**
 * Finds the addresses of `peers`, each written `HOST:PORT`, with an IPv6 address in brackets. A link may be years old,
 * so a peer whose name has no address any more is left out. With `bind` no name is resolved, because the system's
 * resolver may ask through any interface.
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

/** Finds the addresses of a name. */
export type LookUpHost = (host: string) => Promise<NameOutcome>;

// The owner of a name may give it any number of addresses, and so send us to as many strangers.
const MAX_ADDRESSES = 8;

/**
 * Returns a peer at each address that the fence `bind` lets us dial, 8 at the most. When the fence lets none pass, the
 * peers are returned all the same, so that the user is told why they cannot be dialled.
 */
export function peersAt(addresses: readonly string[], port: number, bind: string | null): PeerAddress[] {
  const fence = bind === null ? null : resolveBind(bind);
  const fitting = addresses.filter((address) => passFence(fence, address).code === 'pass');
  return (fitting.length > 0 ? fitting : addresses).slice(0, MAX_ADDRESSES).map((host) => ({ host, port }));
}

/** Whether the addresses of `host` are known without a look-up. */
export function isKnownHost(host: string): boolean {
  return knownAddresses(host) !== null;
}

/** Knows the addresses of no name. Behind a proxy nobody is asked for any. */
export async function lookUpNothing(host: string): Promise<NameOutcome> {
  return isKnownHost(host)
    ? lookUpHost(host)
    : { ok: false, isUnknown: false, message: `${host}: a proxy allows no look-up` };
}

/**
 * Asks the system's resolver, unless the addresses of `host` are known. Rejects as 'interrupted' when `signal` is
 * aborted: name servers that are silent are waited for long.
 */
export async function lookUpHost(
  host: string,
  signal: AbortSignal | null = null,
  options: NameLookupOptions = DEFAULT_NAME_LOOKUP_OPTIONS,
): Promise<NameOutcome> {
  const addresses = knownAddresses(host);
  if (addresses !== null) return { ok: true, addresses };
  return new Promise((resolve, reject) => {
    const search = lookUpName(host, options, (outcome) => {
      forget();
      resolve(outcome);
    });
    const forget = onAbort(signal, () => {
      search.cancel();
      reject(interrupted(signal?.reason));
    });
  });
}

/**
 * Adds to the user's options what a link says: its peers (looked up already), and its files unless the user has
 * selected some.
 */
export function optionsForLink(
  { selected }: MagnetLink,
  peers: readonly PeerAddress[],
  options: TorrentOptions,
): TorrentOptions {
  const { select, exclude } = options.selection;
  const ranges = select.length > 0 || exclude.length > 0 ? null : selected;
  return { ...options, linkPeers: peers, selection: { select, exclude, ranges } };
}
