import { closeSync, openSync, readSync } from 'node:fs';
import { type NetworkInterfaceInfo, networkInterfaces } from 'node:os';
import { type BindAddresses, boundAddress } from './fence.js';
import { type DefaultRoute, parseIpv4Routes, parseIpv6Routes } from './gateway-routes.js';
import { type IpAddress, isLinkLocal, isLoopback, isPrivate, parseIp } from './ip-address.js';

/** The router that leads out of this machine's network, and the address of ours that it sees. */
export interface Gateway {
  readonly family: 4 | 6;
  /** Null where the system does not tell: it may still be found by its answer. */
  readonly gateway: string | null;
  readonly local: string;
}

/** A router's own tables may be long; the default route of any other machine stands well before this. */
const MAX_TABLE_LENGTH = 256 * 1024;

/**
 * One gateway of each family at the most: the preferred one, or behind a fence the preferred one of the bound address.
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

/** The address that shares the gateway's network, else the first that may be used. */
function addressTowards(
  { family, gateway }: DefaultRoute,
  entries: readonly NetworkInterfaceInfo[],
  bind: BindAddresses | null,
): string | undefined {
  const router = parseIp(gateway);
  const near = entries.filter((entry) => router !== undefined && isOnNetwork(router, entry));
  return (usable(near, family, bind)[0] ?? usable(entries, family, bind)[0])?.text;
}

/** IPv6 gateways open their firewall for addresses of the world alone. */
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
    // Not Linux, or without that family.
    return '';
  }
  try {
    const buffer = Buffer.allocUnsafe(MAX_TABLE_LENGTH);
    let length = 0;
    // The system hands such a file out in pieces.
    for (;;) {
      const read = readSync(file, buffer, length, buffer.length - length, null);
      length += read;
      if (read === 0 || length === buffer.length) return buffer.toString('latin1', 0, length);
    }
  } finally {
    closeSync(file);
  }
}
