/**
 * Where an address of a peer or a node may lead, by where it came from. Every address that somebody names passes here
 * before anything is sent to it: we send the info-hash, and the maker of a torrent has chosen its bytes.
 */
import { isBarredPort } from './barred-ports.js';
import { type IpAddress, type IpNetwork, isInNetwork, isUnicast, parseIp } from './ip-address.js';
import { isWrapped, reachOfAddress } from './reach.js';

/** The networks of this host. */
export interface OwnNetworks {
  /** Those of its interfaces, the public ones too. */
  readonly attached: readonly IpNetwork[];
  /** Those that the user named: loopback or a private network, behind a fence that is bound to an address there. */
  readonly named: readonly IpNetwork[];
}

/** What is true wherever we are: loopback and private networks are known by their addresses alone. */
export const NO_OWN_NETWORKS: OwnNetworks = { attached: [], named: [] };

/** How near an address is to us. 'own': a public address in a network of this host. */
type Nearness = 'loopback' | 'link-local' | 'private' | 'own' | 'public';

const DISTANCES: Readonly<Record<Nearness, number>> = { loopback: 1, 'link-local': 2, private: 3, own: 4, public: 5 };

/** Below this only the system's services listen, and peers that hide behind the two ports that every firewall opens. */
const FIRST_PORT = 1024;
const OPEN_EVERYWHERE: ReadonlySet<number> = new Set([80, 443]);

/**
 * Whether `source` may lead us to `ip` and `port`. The user may name every host. What others name must not be nearer
 * to us than they are, unless the user has named that network; and it must be no service of another kind.
 */
export function mayLead(source: AddressSource, ip: IpAddress, port: number, own: OwnNetworks): boolean {
  if (!isUnicast(ip) || port < 1 || port > 65_535) return false;
  if (source.kind === 'user') return true;
  if (isServicePort(port) || isWrapped(ip) || isBroadcast(ip, own)) return false;
  if (isInAny(ip, own.named)) return true;
  return DISTANCES[nearnessOf(ip, own)] >= DISTANCES[nearnessOfTeller(source, own)];
}

/** Whether a stranger's port is one of a service that is no peer and no node. */
export function isServicePort(port: number): boolean {
  return isBarredPort(port) || (port < FIRST_PORT && !OPEN_EVERYWHERE.has(port));
}

function nearnessOfTeller(source: Exclude<AddressSource, { readonly kind: 'user' }>, own: OwnNetworks): Nearness {
  if (source.kind === 'link') return 'public';
  const ip = parseIp(source.teller);
  // Of a name, and of an address that no host can have, it is not known where it is.
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

/** The first or the last address of a network of IPv4 (RFC 1812), which every host in it hears. */
function isBroadcast({ family, bytes }: IpAddress, { attached }: OwnNetworks): boolean {
  if (family === 6) return false;
  return attached.some(({ address, bits }) => {
    if (address.family === 6 || bits > 30) return false;
    const hosts = 0xffff_ffff >>> bits;
    const host = (bytes.readUInt32BE(0) & hosts) >>> 0;
    return isInNetwork({ family, bytes, text: '' }, { address, bits }) && (host === 0 || host === hosts);
  });
}

/**
 * Where an address of a peer came from. It decides where the address may lead, and whose share of the spares it takes.
 */
export type AddressSource =
  /** The user named it: `--peer`, an argument of the library. */
  | { readonly kind: 'user' }
  /** A magnet link or a torrent file named it (`x.pe`, `nodes`). Who made that is not known. */
  | { readonly kind: 'link' }
  /** It connected to us, and says that it listens there. */
  | { readonly kind: 'incoming'; readonly teller: string }
  /** `teller` is the IP literal of the host that named it, or its name where no address is known. */
  | { readonly kind: 'tracker' | 'pex' | 'dht' | 'lsd'; readonly teller: string };

export type AddressSourceKind = AddressSource['kind'];
