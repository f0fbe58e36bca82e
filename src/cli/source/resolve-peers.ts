/** From the names that people write after `--peer` to the addresses that the core dials. */
import { isIP } from 'node:net';
import { BtgetError } from '../../base/failure.js';
import { DEFAULT_NAME_LOOKUP_OPTIONS, lookUpName, type NameOutcome } from '../../discovery/http-name-lookup.js';
import type { PeerAddress } from '../../net/raw-server.js';

/** With `--bind` no name is resolved, because the system's resolver would ask through any interface. */
export async function resolvePeers(
  peers: readonly PeerAddress[],
  bind: string | null,
): Promise<readonly PeerAddress[]> {
  return Promise.all(
    peers.map(async ({ host, port }) => {
      if (isIP(host) !== 0) return { host, port };
      if (host === 'localhost') return { host: '127.0.0.1', port };
      if (bind !== null)
        throw new BtgetError('usage', `--peer: '${host}' is a name, and --bind allows no look-up; give its address`);
      const outcome = await new Promise<NameOutcome>((resolve) =>
        lookUpName(host, DEFAULT_NAME_LOOKUP_OPTIONS, resolve),
      );
      const [address] = outcome.ok ? outcome.addresses : [];
      if (address === undefined)
        throw new BtgetError('network', outcome.ok ? `--peer: ${host} has no address` : `--peer: ${outcome.message}`);
      return { host: address, port };
    }),
  );
}
