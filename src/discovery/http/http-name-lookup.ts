/**
 * Finds the addresses of a name. The system's own lookup cannot be cancelled: it holds a thread while it waits for a
 * name server, and the process cannot end before the thread does. So we read the table of hosts and ask the name
 * servers ourselves. We ask the system only after the name servers have answered that they do not know the name. Then
 * it is quick, and it may know more (a search domain, a name of the local network).
 */
import { lookup, Resolver } from 'node:dns';
import type { BindAddresses } from '../../net/fence.js';
import { HostsTable } from './http-hosts-table.js';

export type NameOutcome =
  | { readonly ok: true; readonly addresses: readonly string[] }
  /** `isUnknown`: the name servers say that there is no such name, or that it has no address. */
  | { readonly ok: false; readonly isUnknown: boolean; readonly message: string };

/** Where to look a name up. */
export interface NameLookupOptions {
  /**
   * The fence: we ask name servers from these addresses only, and do not ask the system, which cannot be bound to them.
   * Null for no fence.
   */
  readonly bind: BindAddresses | null;
  /** What is looked at first. */
  readonly hosts: HostsTable;
  /** Name servers as `ADDRESS` or `ADDRESS:PORT` (IPv6 in brackets then), or null for those of the system. */
  readonly servers: readonly string[] | null;
  /** Whether to ask the system when the name servers do not know the name. */
  readonly askSystem: boolean;
}

export const DEFAULT_NAME_LOOKUP_OPTIONS: NameLookupOptions = {
  bind: null,
  hosts: new HostsTable('/etc/hosts'),
  servers: null,
  askSystem: true,
};

/**
 * Looks `name` up, a host's name in lower case. Answers once, later; never after `cancel()`. After `cancel()` the
 * lookup does not keep the process alive.
 */
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
  const failed = (reason: string): void =>
    answer({ ok: false, isUnknown: IS_UNKNOWN.has(reason), message: `${name} was not found: ${reason}` });
  const serversAnswered = (addresses: readonly string[], reason: string): void => {
    if (addresses.length > 0) answer({ ok: true, addresses });
    else if (cancelled || options.bind !== null || !options.askSystem || !IS_QUICK_AFTER.has(reason)) failed(reason);
    else {
      lookup(name, { all: true, verbatim: true }, (error, found) => {
        if (error === null) answer({ ok: true, addresses: found.map(({ address }) => address) });
        else failed(error.code ?? error.message);
      });
    }
  };
  options.hosts.find(name, (addresses) => {
    if (cancelled) return;
    if (addresses.length > 0) answer({ ok: true, addresses });
    else query = askServers(name, options, serversAnswered);
  });
  return {
    cancel: () => {
      cancelled = true;
      query.cancel();
    },
  };
}

/** Reasons that will still be there a minute later. After any other one, another try may find the name. */
const IS_UNKNOWN: ReadonlySet<string> = new Set(['ENOTFOUND', 'ENODATA']);
/** Reasons after which the system's lookup is quick too: a name server has answered, or there is none. */
const IS_QUICK_AFTER: ReadonlySet<string> = new Set(['ENOTFOUND', 'ENODATA', 'ECONNREFUSED']);

/** Asks for the addresses of every family that we may dial. Without addresses, `reason` says why there are none. */
function askServers(
  name: string,
  { bind, servers }: NameLookupOptions,
  answered: (addresses: readonly string[], reason: string) => void,
): { cancel(): void } {
  const resolver = new Resolver({ timeout: 5000, tries: 2 });
  const hasFamily = (family: 'ipv4' | 'ipv6'): boolean => bind === null || bind[family] !== undefined;
  // We leave out name servers of a family that has no bound address: the question would go past the fence.
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
  const reasons: string[] = [];
  for (const family of families) {
    const collect = (error: NodeJS.ErrnoException | null, addresses: readonly string[]): void => {
      waiting -= 1;
      if (error === null) found[family] = addresses;
      else reasons.push(error.code ?? error.message);
      // The family that got no answer may have addresses, whatever is known of the other one.
      const reason = reasons.find((each) => !IS_UNKNOWN.has(each)) ?? reasons[0] ?? 'no address';
      if (waiting === 0) answered(inTurn(found.ipv4, found.ipv6), reason);
    };
    if (family === 'ipv4') resolver.resolve4(name, collect);
    else resolver.resolve6(name, collect);
  }
  return { cancel: () => resolver.cancel() };
}

/** The items of both lists in turn: we dial only a few addresses, and they must not all be of one family. */
function inTurn(first: readonly string[], second: readonly string[]): string[] {
  const both: string[] = [];
  for (let index = 0; index < Math.max(first.length, second.length); index += 1)
    both.push(...first.slice(index, index + 1), ...second.slice(index, index + 1));
  return both;
}

/** A name server is written as `192.0.2.1`, `192.0.2.1:5353`, `2001:db8::1` or `[2001:db8::1]:5353`. */
function isIpv4Server(server: string): boolean {
  return /^[0-9.]+(:\d+)?$/.test(server);
}
