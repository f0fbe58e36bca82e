/**
 * From a host's name to its addresses, as the system's own lookup finds them, but so that it can be given up: that one
 * holds a thread while it waits for a name server, and the process cannot end before the thread does. So the table of
 * hosts is read and the name servers are asked from here. The system is asked only when they are there and do not know
 * the name, because then it is quick; it may know more (a search domain, a name of the local network).
 */
import { lookup, Resolver } from 'node:dns';
import { readFile } from 'node:fs';
import type { BindAddresses } from '../../net/fence.js';
import { parseIp } from '../../net/ip-address.js';

export type NameOutcome =
  | { readonly ok: true; readonly addresses: readonly string[] }
  | { readonly ok: false; readonly message: string };

/** Where names are looked up. */
export interface NameLookupOptions {
  /**
   * The fence: name servers are asked from these addresses, and not by the system, which cannot be bound; null for
   * none.
   */
  readonly bind: BindAddresses | null;
  /** A table in the form of /etc/hosts. It need not exist. */
  readonly hostsPath: string;
  /** Name servers as `ADDRESS` or `ADDRESS:PORT` (IPv6 in brackets then), or null for those of the system. */
  readonly servers: readonly string[] | null;
  /** Whether the system is asked for what the name servers do not know. */
  readonly askSystem: boolean;
}

export const DEFAULT_NAME_LOOKUP_OPTIONS: NameLookupOptions = {
  bind: null,
  hostsPath: '/etc/hosts',
  servers: null,
  askSystem: true,
};

/** Answers once, later; not after `cancel()`, after which nothing of it keeps the process. */
export function lookUpName(
  name: string,
  options: NameLookupOptions,
  answered: (outcome: NameOutcome) => void,
): { cancel(): void } {
  let cancelled = false;
  let query = { cancel: (): void => undefined };
  const answer = (outcome: NameOutcome): void => {
    if (!cancelled) answered(outcome);
  };
  const failed = (reason: string): void => answer({ ok: false, message: `${name} was not found: ${reason}` });
  const asked = (addresses: readonly string[], reason: string): void => {
    if (addresses.length > 0) answer({ ok: true, addresses });
    else if (cancelled || options.bind !== null || !options.askSystem || !ANSWERED.has(reason)) failed(reason);
    else {
      lookup(name, { all: true, verbatim: true }, (error, found) => {
        if (error === null) answer({ ok: true, addresses: found.map(({ address }) => address) });
        else failed(error.code ?? error.message);
      });
    }
  };
  readFile(options.hostsPath, 'utf8', (error, table) => {
    if (cancelled) return;
    // Where there is no such table, or none for us, the name servers know all that can be known.
    const addresses = error === null ? addressesInHosts(table, name) : [];
    if (addresses.length > 0) answer({ ok: true, addresses });
    else query = askServers(name, options, asked);
  });
  return {
    cancel: () => {
      cancelled = true;
      query.cancel();
    },
  };
}

/** A name server said so, or there is none: whoever asks again is not kept waiting. */
const ANSWERED: ReadonlySet<string> = new Set(['ENOTFOUND', 'ENODATA', 'ECONNREFUSED']);

/** The name's addresses of every family that may be dialled, in turn; without any, why. */
function askServers(
  name: string,
  { bind, servers }: NameLookupOptions,
  answered: (addresses: readonly string[], reason: string) => void,
): { cancel(): void } {
  const resolver = new Resolver({ timeout: 5000, tries: 2 });
  const hasFamily = (family: 'ipv4' | 'ipv6'): boolean => bind === null || bind[family] !== undefined;
  // A name server of a family that has no bound address would be asked past the fence.
  const usable = (servers ?? resolver.getServers()).filter((server) =>
    hasFamily(isIpv4Server(server) ? 'ipv4' : 'ipv6'),
  );
  if (usable.length === 0) {
    answered([], 'no name server can be reached from the bound address');
    return { cancel: () => undefined };
  }
  resolver.setServers(usable);
  if (bind !== null) resolver.setLocalAddress(bind.ipv4 ?? '0.0.0.0', bind.ipv6 ?? '::');
  const found: { ipv4: readonly string[]; ipv6: readonly string[] } = { ipv4: [], ipv6: [] };
  const families = (['ipv4', 'ipv6'] as const).filter(hasFamily);
  let waiting = families.length;
  let reason = 'no address';
  for (const family of families) {
    const collect = (error: NodeJS.ErrnoException | null, addresses: readonly string[]): void => {
      waiting -= 1;
      if (error === null) found[family] = addresses;
      else reason = error.code ?? error.message;
      if (waiting === 0) answered(inTurn(found.ipv4, found.ipv6), reason);
    };
    if (family === 'ipv4') resolver.resolve4(name, collect);
    else resolver.resolve6(name, collect);
  }
  return { cancel: () => resolver.cancel() };
}

/** So that neither family has all of the few dials that there are. */
function inTurn(first: readonly string[], second: readonly string[]): string[] {
  const both: string[] = [];
  for (let index = 0; index < Math.max(first.length, second.length); index += 1)
    both.push(...first.slice(index, index + 1), ...second.slice(index, index + 1));
  return both;
}

/** Name servers come as `192.0.2.1`, `192.0.2.1:5353`, `2001:db8::1` or `[2001:db8::1]:5353`. */
function isIpv4Server(server: string): boolean {
  return /^[0-9.]+(:\d+)?$/.test(server);
}

/** The addresses that a table in the form of /etc/hosts has for `name` (lower case), in its order. */
export function addressesInHosts(table: string, name: string): string[] {
  return table.split('\n').flatMap((line) => {
    const [address = '', ...names] = line.replace(/#.*/, '').trim().split(/\s+/);
    return names.some((each) => each.toLowerCase() === name) && parseIp(address) !== undefined ? [address] : [];
  });
}
