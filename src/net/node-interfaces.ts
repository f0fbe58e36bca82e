import { networkInterfaces } from 'node:os';
import { BtgetError } from '../base/failure.js';
import type { BindAddresses } from './fence.js';
import { type IpAddress, isLinkLocal, isLoopback, isUnicast, parseIp } from './ip-address.js';

/** The addresses of each interface of this machine, as `os.networkInterfaces()` gives them. */
export type Interfaces = Readonly<Record<string, readonly { readonly address: string }[] | undefined>>;

/**
 * What `--bind TEXT` means: one address of this machine, or the first address of each family of an interface. Throws
 * a usage error when there is no such thing here: a fence that cannot be kept must not be left out.
 */
export function resolveBind(text: string, interfaces: Interfaces = networkInterfaces()): BindAddresses {
  const address = parseIp(text);
  if (address !== undefined) {
    if (isOurs(address, interfaces)) return bindTo(address);
    throw new BtgetError('usage', `this machine does not have the address ${text}`);
  }
  const found = Object.hasOwn(interfaces, text) ? addressesOf(interfaces[text]) : [];
  const ipv4 = found.find(({ family }) => family === 4);
  const ipv6 = found.find(({ family }) => family === 6);
  if (ipv4 === undefined && ipv6 === undefined) {
    throw new BtgetError('usage', `neither an address nor an interface with one: ${text}`);
  }
  return { ...(ipv4 && bindTo(ipv4)), ...(ipv6 && bindTo(ipv6)) };
}

function bindTo({ family, text }: IpAddress): BindAddresses {
  return family === 4 ? { ipv4: text } : { ipv6: text };
}

/** Systems answer for all of 127.0.0.0/8, of which they list 127.0.0.1. An unspecified address would fence nothing. */
function isOurs(address: IpAddress, interfaces: Interfaces): boolean {
  if (!isUnicast(address)) return false;
  if (isLoopback(address) && address.family === 4) return true;
  return Object.values(interfaces)
    .flatMap(addressesOf)
    .some(({ text }) => text === address.text);
}

/** Link-local IPv6 addresses are left out: nobody can be reached from them without naming the interface each time. */
function addressesOf(entries: readonly { readonly address: string }[] | undefined): IpAddress[] {
  return (entries ?? [])
    .map(({ address }) => parseIp(address))
    .filter((address) => address !== undefined)
    .filter((address) => address.family === 4 || !isLinkLocal(address));
}
