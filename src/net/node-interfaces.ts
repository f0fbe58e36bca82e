/**
 * What the interfaces of this machine say: what `--bind` means, where groups are heard, and which networks are ours.
 */
import { networkInterfaces } from 'node:os';
import type { Millis, Timers } from '../base/clock.js';
import { BtgetError } from '../base/failure.js';
import type { Blocklist } from './blocklist.js';
import type { BindAddresses } from './fence.js';
import {
  type IpAddress,
  type IpNetwork,
  isInNetwork,
  isLinkLocal,
  isLoopback,
  isUnicast,
  isUnspecified,
  parseIp,
  parseNetwork,
} from './ip-address.js';
import { reachOfAddress } from './reach.js';
import type { OwnNetworks } from './reach-rule.js';

/** The addresses of each interface of this machine, as `os.networkInterfaces()` gives them. */
export type Interfaces = Readonly<Record<string, readonly { readonly address: string }[] | undefined>>;

/**
 * What `--bind TEXT` means: one address of this machine, or the first address of each family of an interface. Throws
 * a usage error when this machine has neither, because we must not run without a fence that the user asked for.
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

/**
 * A system answers at all of 127.0.0.0/8, though it lists only 127.0.0.1. An unspecified address is never ours: it
 * would fence nothing.
 */
function isOurs(address: IpAddress, interfaces: Interfaces): boolean {
  if (!isUnicast(address)) return false;
  if (isLoopback(address) && address.family === 4) return true;
  return Object.values(interfaces)
    .flatMap(addressesOf)
    .some(({ text }) => text === address.text);
}

/**
 * Leaves out link-local IPv6 addresses: a socket that is bound to one reaches a host only if it names the interface.
 */
function addressesOf(entries: readonly { readonly address: string }[] | undefined): IpAddress[] {
  return (entries ?? [])
    .map(({ address }) => parseIp(address))
    .filter((address) => address !== undefined)
    .filter((address) => address.family === 4 || !isLinkLocal(address));
}

/** A machine with many virtual networks talks to groups in at most this many of them. */
const MAX_PLACES = 16;

/**
 * The addresses from which this machine may talk to multicast groups: the first of each family of each interface,
 * except loopback and what the fence forbids.
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
 * The interface of this machine that has the address `host`, as Node's multicast calls name it: by the address for
 * IPv4, by a zone for IPv6. Undefined when `host` stands for every address. Throws when no interface has an IPv6
 * `host`.
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

/** The addresses of each interface of this machine with their prefixes, as `os.networkInterfaces()` gives them. */
type PrefixedInterfaces = Readonly<Record<string, readonly { readonly cidr: string | null }[] | undefined>>;

/** All loopback addresses, of both families. */
const LOOPBACK: readonly IpNetwork[] = ['127.0.0.0/8', '::1']
  .map((text) => parseNetwork(text))
  .filter((network) => network !== undefined);
/** A shorter prefix does not tell which hosts are near: some tunnels claim half of all addresses as their network. */
const MIN_BITS = { 4: 8, 6: 32 } as const;

/**
 * The networks of this machine, and those that the fence names. Of a network whose prefix is too short only our own
 * address counts.
 */
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

/** A fence that is bound to a public address names no network: the user only chose the way out. */
function namedBy(bound: IpAddress, attached: readonly IpNetwork[]): IpNetwork[] {
  switch (reachOfAddress(bound)) {
    case 'loopback':
      return LOOPBACK.filter(({ address }) => address.family === bound.family);
    case 'private':
    case 'link-local':
      return attached.filter((network) => isInNetwork(bound, network));
    case 'public':
    case 'nowhere':
      return [];
  }
}

/** How long the networks of this machine count as they were found. To find them takes some 0.1 ms. */
const FOUND_FOR: Millis = 10_000;

/**
 * The networks of this machine as they are by now. A process may begin before the machine has its addresses, and a
 * machine moves from one network to another: no stranger may lead us into the new one either.
 */
export class CurrentOwnNetworks implements OwnNetworks {
  readonly blocklist?: Blocklist;
  readonly #clock: Pick<Timers, 'now'>;
  readonly #find: () => OwnNetworks;
  #found: OwnNetworks;
  #foundAt: Millis;

  /** `find` finds the networks that there are. `blocklist`: null for no list. */
  constructor(clock: Pick<Timers, 'now'>, find: () => OwnNetworks, blocklist: Blocklist | null) {
    this.#clock = clock;
    this.#find = find;
    this.#found = find();
    this.#foundAt = clock.now();
    if (blocklist !== null) this.blocklist = blocklist;
  }

  get attached(): readonly IpNetwork[] {
    return this.#current().attached;
  }

  get named(): readonly IpNetwork[] {
    return this.#current().named;
  }

  #current(): OwnNetworks {
    const now = this.#clock.now();
    if (now - this.#foundAt >= FOUND_FOR) {
      this.#found = this.#find();
      this.#foundAt = now;
    }
    return this.#found;
  }
}
