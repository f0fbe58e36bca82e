import { networkInterfaces } from 'node:os';
import type { BindAddresses } from './fence.js';
import { type IpAddress, isUnicast, parseIp } from './ip-address.js';
import { type IpNetwork, isInNetwork, parseNetwork } from './ip-network.js';
import { reachOfAddress } from './reach.js';
import type { OwnNetworks } from './reach-rule.js';

/** The addresses of each interface of this machine with their prefixes, as `os.networkInterfaces()` gives them. */
export type PrefixedInterfaces = Readonly<Record<string, readonly { readonly cidr: string | null }[] | undefined>>;

/** All of the loopback addresses that there are, of each family. */
const LOOPBACK = ['127.0.0.0/8', '::1'] as const;
/** A prefix that is shorter says nothing of who is near: some tunnels take half of the world for their network. */
const MIN_BITS = { 4: 8, 6: 32 } as const;

/** The networks of this machine, and which of them the fence names. */
export function findOwnNetworks(
  bind: BindAddresses | null,
  interfaces: PrefixedInterfaces = networkInterfaces(),
): OwnNetworks {
  const attached: IpNetwork[] = [];
  for (const { cidr } of Object.values(interfaces).flatMap((entries) => entries ?? [])) {
    const network = cidr === null ? undefined : parseNetwork(cidr);
    if (network === undefined || !isUnicast(network.address)) continue;
    const { address, bits } = network;
    attached.push({ address, bits: bits < MIN_BITS[address.family] ? 8 * address.bytes.length : bits });
  }
  const bound = [bind?.ipv4, bind?.ipv6].map((host) => parseIp(host ?? '')).filter((address) => address !== undefined);
  return { attached, named: bound.flatMap((address) => namedBy(address, attached)) };
}

/** A fence that is bound to a public address names no network: it is there to choose a way out. */
function namedBy(bound: IpAddress, attached: readonly IpNetwork[]): IpNetwork[] {
  switch (reachOfAddress(bound)) {
    case 'loopback':
      return LOOPBACK.map(parseNetwork).filter((network) => network?.address.family === bound.family) as IpNetwork[];
    case 'private':
    case 'link-local':
      return attached.filter((network) => isInNetwork(bound, network));
    case 'public':
    case 'nowhere':
      return [];
  }
}
