/** Resolves the hosts that the user gives with `--peer` to the addresses that we dial. */
import { BtgetError } from '../../base/failure.js';
import type { PeerAddress } from '../../net/raw-server.js';
import { isKnownHost, type LookUpHost, lookUpHost, peersAt } from '../../session/node-link-peers.js';

/**
 * With `bind` it resolves no name, because the system's resolver would ask through any interface. Rejects with 'usage'
 * for such a name, and with 'network' when a host has no address.
 */
export async function resolvePeers(
  peers: readonly PeerAddress[],
  bind: string | null,
  lookUp: LookUpHost = lookUpHost,
): Promise<readonly PeerAddress[]> {
  const found = await Promise.all(
    peers.map(async ({ host, port }) => {
      if (bind !== null && !isKnownHost(host))
        throw new BtgetError('usage', `--peer: '${host}' is a name, and --bind allows no look-up; give its address`);
      const outcome = await lookUp(host);
      if (!outcome.ok || outcome.addresses.length === 0)
        throw new BtgetError('network', outcome.ok ? `--peer: ${host} has no address` : `--peer: ${outcome.message}`);
      return peersAt(outcome.addresses, port, bind);
    }),
  );
  return found.flat();
}
