import { closeSync, openSync, readSync } from 'node:fs';
import { type NetworkInterfaceInfo, networkInterfaces } from 'node:os';
import { type BindAddresses, boundAddress } from './fence.js';
import { type DefaultRoute, parseIpv4Routes, parseIpv6Routes } from './gateway-routes.js';
import { type IpAddress, isLinkLocal, isLoopback, isPrivate, parseIp } from './ip-address.js';

/** The router that leads out of this machine's network, and our address in that network. */
export interface Gateway {
  readonly family: 4 | 6;
  /** An IP literal. Null where the system does not tell; the router may still answer a search. */
  readonly gateway: string | null;
  /** The IP literal by which the router knows us. */
  readonly local: string;
}

/** A router's own tables may be long. On any other machine the default route stands well before this length. */
const MAX_TABLE_LENGTH = 256 * 1024;

/**
 * Finds at most one gateway of each family: the one that the system prefers, or behind a fence the one that it prefers
 * for the bound address.
 */
export function findGateways(bind: BindAddresses | null): Gateway[] {
  const interfaces = networkInterfaces();
  const routes = [
    ...parseIpv4Routes(readTable('/proc/net/route')),
    ...parseIpv6Routes(readTable('/proc/net/ipv6_route')),
  ];
  const found: Gateway[] = [];
  for (const route of routes) {
    if (found.some(({ family }) => family === route.family)) continue;
    const local = addressTowards(route, interfaces[route.interface] ?? [], bind);
    if (local !== undefined) found.push({ family: route.family, gateway: route.gateway, local });
  }
  if (process.platform === 'linux') return found;
  const entries = Object.values(interfaces).flatMap((each) => each ?? []);
  const own = usable(entries, 4, bind).find(isPrivate);
  return own === undefined ? [] : [{ family: 4, gateway: null, local: own.text }];
}

/** Our address in the gateway's network, else our first usable address. */
function addressTowards(
  { family, gateway }: DefaultRoute,
  entries: readonly NetworkInterfaceInfo[],
  bind: BindAddresses | null,
): string | undefined {
  const router = parseIp(gateway);
  const near = entries.filter((entry) => router !== undefined && isOnNetwork(router, entry));
  return (usable(near, family, bind)[0] ?? usable(entries, family, bind)[0])?.text;
}

/** IPv6 gateways open their firewall only for public addresses, so the others are left out. */
function usable(entries: readonly NetworkInterfaceInfo[], family: 4 | 6, bind: BindAddresses | null): IpAddress[] {
  return entries
    .map(({ address }) => parseIp(address))
    .filter((address) => address !== undefined)
    .filter((address) => address.family === family && !isLoopback(address))
    .filter((address) => family === 4 || (!isLinkLocal(address) && !isPrivate(address)))
    .filter((address) => bind === null || boundAddress(bind, address)?.text === address.text);
}

function isOnNetwork(router: IpAddress, { address, netmask }: NetworkInterfaceInfo): boolean {
  const [own, mask] = [parseIp(address), parseIp(netmask)];
  if (own?.family !== router.family || mask?.family !== router.family) return false;
  return router.bytes.every(
    (byte, index) =>
      (byte & mask.bytes.readUInt8(index)) === (own.bytes.readUInt8(index) & mask.bytes.readUInt8(index)),
  );
}

function readTable(path: string): string {
  let file: number;
  try {
    file = openSync(path, 'r');
  } catch {
    // This is not Linux, or the system does not have that family.
    return '';
  }
  try {
    const buffer = Buffer.allocUnsafe(MAX_TABLE_LENGTH);
    let length = 0;
    // The system gives such a file out in parts.
    for (;;) {
      const read = readSync(file, buffer, length, buffer.length - length, null);
      length += read;
      if (read === 0 || length === buffer.length) return buffer.toString('latin1', 0, length);
    }
  } finally {
    closeSync(file);
  }
}
