/** From the names that people write after `--peer`, and links after `x.pe`, to the addresses that the core dials. */
import { isIP } from 'node:net';
import { BtgetError } from '../../base/failure.js';
import { DEFAULT_NAME_LOOKUP_OPTIONS, lookUpName, type NameOutcome } from '../../discovery/http-name-lookup.js';
import type { PeerAddress } from '../../net/raw-server.js';
import { readPeer } from '../values.js';

/** With `--bind` no name is resolved, because the system's resolver would ask through any interface. */
export async function resolvePeers(
  peers: readonly PeerAddress[],
  bind: string | null,
): Promise<readonly PeerAddress[]> {
  return Promise.all(
    peers.map(async ({ host, port }) => {
      if (bind !== null && !isKnown(host))
        throw new BtgetError('usage', `--peer: '${host}' is a name, and --bind allows no look-up; give its address`);
      const outcome = await lookUp(host);
      const [address] = outcome.ok ? outcome.addresses : [];
      if (address === undefined)
        throw new BtgetError('network', outcome.ok ? `--peer: ${host} has no address` : `--peer: ${outcome.message}`);
      return { host: address, port };
    }),
  );
}

/** The peers of a link, `HOST:PORT` each. Links are passed on for years: who cannot be found any more is left out. */
export async function resolveLinkPeers(peers: readonly string[], bind: string | null): Promise<readonly PeerAddress[]> {
  const found = await Promise.all(
    peers.map(async (text): Promise<PeerAddress[]> => {
      const { host, port } = readPeer(text, 'x.pe');
      if (bind !== null && !isKnown(host)) return [];
      const outcome = await lookUp(host);
      return outcome.ok ? outcome.addresses.slice(0, 1).map((address) => ({ host: address, port })) : [];
    }),
  );
  return found.flat();
}

function isKnown(host: string): boolean {
  return isIP(host) !== 0 || host === 'localhost';
}

async function lookUp(host: string): Promise<NameOutcome> {
  if (isIP(host) !== 0) return { ok: true, addresses: [host] };
  if (host === 'localhost') return { ok: true, addresses: ['127.0.0.1'] };
  return new Promise((resolve) => lookUpName(host, DEFAULT_NAME_LOOKUP_OPTIONS, resolve));
}
