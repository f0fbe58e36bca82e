import { networkInterfaces } from 'node:os';
import type { BindAddresses } from './fence.js';
import { type IpAddress, isLinkLocal, isLoopback, isUnspecified, parseIp } from './ip-address.js';

/** Machines with many virtual networks say what they have in so many of them, not in all. */
const MAX_PLACES = 16;

/**
 * The addresses from which this machine may talk to groups: for each interface but loopback the first of each family,
 * as far as the fence lets it.
 */
export function multicastPlaces(bind: BindAddresses | null): { readonly family: 4 | 6; readonly host: string }[] {
  const fenced = bind === null ? null : [bind.ipv4, bind.ipv6].map((host) => host && parseIp(host)?.text);
  const places: IpAddress[] = [];
  for (const entries of Object.values(networkInterfaces())) {
    const usable = (entries ?? [])
      .map(({ address }) => parseIp(address))
      .filter((address) => address !== undefined)
      .filter((address) => !isLoopback(address) && (address.family === 4 || !isLinkLocal(address)))
      .filter(({ text }) => fenced === null || fenced.includes(text));
    for (const family of [4, 6]) places.push(...usable.filter((address) => address.family === family).slice(0, 1));
  }
  return places.slice(0, MAX_PLACES).map(({ family, text }) => ({ family, host: text }));
}

/**
 * The interface of this machine that has the address `host`, as Node's multicast calls name it: for IPv4 the address,
 * for IPv6 a zone. Undefined when `host` stands for every address. Throws when no interface has it.
 */
export function multicastInterface(host: string): string | undefined {
  const wanted = parseIp(host);
  if (wanted === undefined || isUnspecified(wanted)) return undefined;
  if (wanted.family === 4) return wanted.text;
  for (const [name, entries] of Object.entries(networkInterfaces())) {
    for (const entry of entries ?? []) {
      if (parseIp(entry.address)?.text !== wanted.text || entry.family !== 'IPv6') continue;
      return `::%${process.platform === 'win32' ? entry.scopeid : name}`;
    }
  }
  throw new Error(`no interface has the address ${host}`);
}
