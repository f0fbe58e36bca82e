/** Resolves the hosts that the user gives with `--peer` to the addresses that we dial. */
import { BtgetError } from '../../base/failure.js';
import type { PeerAddress } from '../../net/raw-server.js';
import { isKnownHost, type LookUpHost, lookUpHost, peersAt } from '../../session/node-link-peers.js';
import type { WayOutOptions } from '../../session/node-way-out.js';

/**
 * With `bind` and with `proxy` it resolves no name, because the system's resolver would ask beside them. Rejects with
 * 'usage' for such a name, and with 'network' when a host has no address.
 */
export async function resolvePeers(
  peers: readonly PeerAddress[],
  { bind, proxy }: Pick<WayOutOptions, 'bind' | 'proxy'>,
  lookUp: LookUpHost = lookUpHost,
): Promise<readonly PeerAddress[]> {
  const found = await Promise.all(
    peers.map(async ({ host, port }) => {
      const fence = proxy !== null ? '--proxy' : bind !== null ? '--bind' : null;
      if (fence !== null && !isKnownHost(host))
        throw new BtgetError('usage', `--peer: '${host}' is a name, and ${fence} allows no look-up; give its address`);
      const outcome = await lookUp(host);
      if (!outcome.ok || outcome.addresses.length === 0)
        throw new BtgetError('network', outcome.ok ? `--peer: ${host} has no address` : `--peer: ${outcome.message}`);
      return peersAt(outcome.addresses, port, bind);
    }),
  );
  return found.flat();
}
