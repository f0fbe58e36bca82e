/**
 * Finds the addresses to which a URL's host may lead. A name is looked up once, here. We check the addresses that come
 * back and dial these same addresses, so a name gains nothing by one address for the check and another for the dial
 * (DNS rebinding).
 */
import type { Blocklist } from '../../net/blocklist.js';
import { type BindAddresses, isLoopbackFence, passFence } from '../../net/fence.js';
import { parseIp } from '../../net/ip-address.js';
import { findOwnNetworks } from '../../net/node-interfaces.js';
import type { ProxyAccess } from '../../net/proxy/proxy-access.js';
import { refusalOfAddress, refusalOfName, refusalOfStep, type UrlStep } from '../../net/url-rule.js';
import { DEFAULT_NAME_LOOKUP_OPTIONS, lookUpName } from './http-name-lookup.js';
import type { LookUp } from './known-names.js';

/** An address that we may dial. */
export interface Destination {
  /** An IP literal; behind a proxy also a name, which the proxy looks up. */
  readonly host: string;
  /** The address of ours that the socket is bound to; undefined when there is no fence. */
  readonly localAddress: string | undefined;
  /** The proxy that connects us; null for none. */
  readonly by: DestinationProxy | null;
}

/** A proxy, and the address that we dial to reach it. */
export interface DestinationProxy {
  readonly access: ProxyAccess;
  /** An IP literal. */
  readonly host: string;
}

export type DestinationOutcome =
  | { readonly ok: true; readonly destinations: readonly [Destination, ...Destination[]] }
  | DestinationFailure;

export interface DestinationFailure {
  readonly ok: false;
  readonly code: 'forbidden' | 'unreachable';
  /** What is to blame, when it is neither the rules nor a name server that does not answer. */
  readonly fault?: 'unknown-name' | 'proxy';
  readonly message: string;
}

/** A name may have any number of addresses, and each dead one costs the time of a dial. */
const MAX_DESTINATIONS = 8;

/**
 * Finds the addresses of `host` (a URL's host name, IPv6 in brackets) to which `step` may lead, and which the fence
 * `bind` allows. Answers once, perhaps within the call; not after `cancel()`.
 *
 * Behind a loopback fence no name is looked up: no packet leaves, not even to a name server.
 */
export function findDestinations(
  host: string,
  bind: BindAddresses | null,
  step: UrlStep,
  answered: (outcome: DestinationOutcome) => void,
): { cancel(): void } {
  return search(host, bind, step, { blocklist: null, lookUp: lookUpName }, answered);
}

/**
 * `findDestinations` that leads to no address on `blocklist`, for trackers and web seeds; null: no list. `lookUp` may
 * know addresses from before: they are judged as those are that were looked up.
 */
export function findUnlisted(blocklist: Blocklist | null, lookUp: LookUp = lookUpName): typeof findDestinations {
  return (host, bind, step, answered) => search(host, bind, step, { blocklist, lookUp }, answered);
}

/**
 * `findDestinations` by way of a proxy. No name but that of the proxy is looked up here, so a name may lead wherever
 * the proxy can reach. Addresses are judged as ever.
 */
export function findByProxy(access: ProxyAccess, blocklist: Blocklist | null): typeof findDestinations {
  return (host, bind, step, answered) => {
    const name = nameOf(host);
    const addresses = knownAddresses(name);
    const refusal = refusalOfStep(step) ?? (addresses === null ? refusalOfName(step, name) : null);
    const judged = addresses === null || refusal !== null ? null : choose(name, addresses, null, step, blocklist);
    const refused = refusal === null ? judged : refuse('forbidden', refusal);
    if (refused !== null && !refused.ok) {
      answered(refused);
      return { cancel: () => undefined };
    }
    const hosts = refused === null ? [name] : refused.destinations.map((each) => each.host);
    return access.findHost((found) => {
      answered(found.ok ? reachedBy(access, found.host, hosts, bind) : blameProxy('unreachable', found.message));
    });
  };
}

function reachedBy(
  access: ProxyAccess,
  proxyHost: string,
  hosts: readonly string[],
  bind: BindAddresses | null,
): DestinationOutcome {
  const passage = passFence(bind, proxyHost);
  if (passage.code !== 'pass')
    return blameProxy('forbidden', `the proxy ${access.server.shown} is outside of the addresses that we are bound to`);
  const [first, ...others] = hosts.map((host) => ({
    host,
    localAddress: passage.localAddress,
    by: { access, host: passage.host },
  }));
  return first === undefined ? refuse('unreachable', 'no address') : { ok: true, destinations: [first, ...others] };
}

function refuse(code: DestinationFailure['code'], message: string): DestinationFailure {
  return { ok: false, code, message };
}

function blameProxy(code: DestinationFailure['code'], message: string): DestinationFailure {
  return { ok: false, code, fault: 'proxy', message };
}

function search(
  host: string,
  bind: BindAddresses | null,
  step: UrlStep,
  { blocklist, lookUp }: { readonly blocklist: Blocklist | null; readonly lookUp: LookUp },
  answered: (outcome: DestinationOutcome) => void,
): { cancel(): void } {
  const name = nameOf(host);
  const addresses = knownAddresses(name);
  const found = (each: readonly string[]) => answered(choose(name, each, bind, step, blocklist));
  const refusal = refusalOfStep(step);
  if (refusal !== null) answered(refuse('forbidden', refusal));
  else if (addresses !== null) found(addresses);
  else if (bind !== null && isLoopbackFence(bind)) {
    answered(refuse('forbidden', `bound to loopback, so ${name} is not looked up`));
  } else {
    return lookUp(name, { ...DEFAULT_NAME_LOOKUP_OPTIONS, bind }, (outcome) => {
      if (outcome.ok) found(outcome.addresses);
      else if (outcome.isUnknown) answered({ ...refuse('unreachable', outcome.message), fault: 'unknown-name' });
      else answered(refuse('unreachable', outcome.message));
    });
  }
  return { cancel: () => undefined };
}

/** A URL's host without the brackets of IPv6, and without the dot at the end of a whole name. */
function nameOf(host: string): string {
  return host.replace(/^\[(.*)\]$/, '$1').replace(/\.$/, '');
}

/** The addresses of `name` that nobody has to be asked for; null when it must be looked up. */
export function knownAddresses(name: string): readonly string[] | null {
  if (parseIp(name) !== undefined) return [name];
  // RFC 6761: "Name resolution APIs and libraries SHOULD recognize localhost names as special and SHOULD always return
  // the IP loopback address for address queries".
  return name === 'localhost' ? ['127.0.0.1', '::1'] : null;
}

function choose(
  name: string,
  addresses: readonly string[],
  bind: BindAddresses | null,
  step: UrlStep,
  blocklist: Blocklist | null,
): DestinationOutcome {
  const { attached } = findOwnNetworks(bind);
  const destinations: Destination[] = [];
  let refusal = `${name} has no address`;
  for (const address of addresses) {
    const ip = parseIp(address);
    const why = ip === undefined ? `${address} is no address` : refusalOfAddress(step, ip, attached);
    const passage = passFence(bind, address);
    if (why !== null) refusal = why;
    else if (blocklist?.refuses(address, 'out') === true) refusal = `${address} is on the blocklist`;
    else if (passage.code !== 'pass') refusal = `${address} is outside of the addresses that we are bound to`;
    else destinations.push({ host: passage.host, localAddress: passage.localAddress, by: null });
  }
  const [first, ...others] = destinations.slice(0, MAX_DESTINATIONS);
  if (first === undefined) return { ok: false, code: 'forbidden', message: refusal };
  return { ok: true, destinations: [first, ...others] };
}
