/**
 * Whether the address of a peer or a node may lead us to its host. That depends on the source of the address. Every
 * address that a stranger names passes here before we send anything to it, because we send the info-hash, whose bytes
 * the maker of the torrent has chosen.
 */
import { isBarredPort } from './barred-ports.js';
import type { Blocklist } from './blocklist.js';
import { type IpAddress, type IpNetwork, isInNetwork, isUnicast, parseIp } from './ip-address.js';
import { isWrapped, reachOfAddress } from './reach.js';

/**
 * Where an address of a peer came from. It decides where the address may lead, and whose share of the spares it takes.
 */
export type AddressSource =
  /** The user named it: `--peer`, an argument of the library. */
  | { readonly kind: 'user' }
  /** A magnet link or a .torrent named it (`x.pe`, `nodes`). We do not know who made the link or the .torrent. */
  | { readonly kind: 'link' }
  /** The peer connected to us, and says that it listens there. */
  | { readonly kind: 'incoming'; readonly teller: string }
  /** `teller` is the IP literal of the host that named it. Where we know no address, it is the host's name. */
  | { readonly kind: 'tracker' | 'pex' | 'dht' | 'lsd'; readonly teller: string };

export type AddressSourceKind = AddressSource['kind'];

/** The networks of this host, and the addresses that its user wants nothing from. */
export interface OwnNetworks {
  /** The networks of its interfaces, the public ones too. */
  readonly attached: readonly IpNetwork[];
  /** The networks that the user named: loopback or a private one, when the fence is bound to an address in it. */
  readonly named: readonly IpNetwork[];
  /** No source may lead us to an address on this list, the user neither. Absent: the user has no list. */
  readonly blocklist?: Blocklist;
}

/**
 * For code that does not know its networks. Loopback and private networks are known by their addresses all the same.
 */
export const NO_OWN_NETWORKS: OwnNetworks = { attached: [], named: [] };

/** How near an address is to us. 'own': a public address in a network of this host. */
type Nearness = 'loopback' | 'link-local' | 'private' | 'own' | 'public';

const DISTANCES: Readonly<Record<Nearness, number>> = { loopback: 1, 'link-local': 2, private: 3, own: 4, public: 5 };

/** Only services of the system listen below this port, and peers at the two ports that every firewall opens. */
const FIRST_PORT = 1024;
const OPEN_EVERYWHERE: ReadonlySet<number> = new Set([80, 443]);

/**
 * Whether `source` may lead us to `ip` and `port`. The user may name every host that is not on the user's own
 * blocklist. An address that others name must not be nearer to us than they are, unless the user has named its network.
 * Its port must not be that of another kind of service.
 */
export function mayLead(source: AddressSource, ip: IpAddress, port: number, own: OwnNetworks): boolean {
  if (!isUnicast(ip) || port < 1 || port > 65_535 || own.blocklist?.refuses(ip.text, 'out') === true) return false;
  if (source.kind === 'user') return true;
  if (isServicePort(port) || isWrapped(ip) || isBroadcast(ip, own)) return false;
  if (isInAny(ip, own.named)) return true;
  return DISTANCES[nearnessOf(ip, own)] >= DISTANCES[nearnessOfTeller(source, own)];
}

/** Whether `port`, which a stranger named, is that of a service which is neither a peer nor a node. */
export function isServicePort(port: number): boolean {
  return isBarredPort(port) || (port < FIRST_PORT && !OPEN_EVERYWHERE.has(port));
}

function nearnessOfTeller(source: Exclude<AddressSource, { readonly kind: 'user' }>, own: OwnNetworks): Nearness {
  if (source.kind === 'link') return 'public';
  const ip = parseIp(source.teller);
  // We do not know where a name is, nor an address that no host can have. Such a teller counts as far away.
  return ip === undefined || !isUnicast(ip) || isWrapped(ip) ? 'public' : nearnessOf(ip, own);
}

/** `ip` is an address that one host can have. */
function nearnessOf(ip: IpAddress, { attached }: OwnNetworks): Nearness {
  const reach = reachOfAddress(ip);
  if (reach === 'nowhere' || reach === 'public') return isInAny(ip, attached) ? 'own' : 'public';
  return reach;
}

function isInAny(ip: IpAddress, networks: readonly IpNetwork[]): boolean {
  return networks.some((network) => isInNetwork(ip, network));
}

/** Whether `ip` is the first or the last address of one of our IPv4 networks (RFC 1812), which all its hosts hear. */
function isBroadcast(ip: IpAddress, { attached }: OwnNetworks): boolean {
  if (ip.family === 6) return false;
  return attached.some((network) => {
    if (network.bits > 30 || !isInNetwork(ip, network)) return false;
    const hosts = 0xffff_ffff >>> network.bits;
    const host = (ip.bytes.readUInt32BE(0) & hosts) >>> 0;
    return host === 0 || host === hosts;
  });
}
