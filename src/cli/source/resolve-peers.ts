/** From the names that people write after `--peer` to the addresses that the core dials. */
import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { BtgetError } from '../../base/failure.js';
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
      try {
        return { host: (await lookup(host)).address, port };
      } catch (error) {
        throw new BtgetError('network', `--peer: no address is known for ${host}`, { cause: error });
      }
    }),
  );
}
