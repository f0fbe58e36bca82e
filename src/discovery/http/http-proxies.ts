/** Which proxy carries a request over HTTP. */
import type { Blocklist } from '../../net/blocklist.js';
import { isInNetwork, parseIp, parseNetwork } from '../../net/ip-address.js';
import type { ProxyAccess } from '../../net/proxy/proxy-access.js';
import { findByProxy, type findDestinations } from './http-destination.js';
import { portOf } from './http-socket.js';

export interface HttpProxies {
  /** Finds the way to the host of `url` by the proxy that carries it; null when none does. */
  findFor(url: URL): typeof findDestinations | null;
}

/** No proxy carries anything. */
export const NO_PROXIES: HttpProxies = { findFor: () => null };

/** One proxy carries everything. */
export function allBy(access: ProxyAccess, blocklist: Blocklist | null): HttpProxies {
  const find = findByProxy(access, blocklist);
  return { findFor: () => find };
}

/** A proxy that is named, and that we cannot use. */
export interface UnusableProxy {
  /** The sentence with which each request fails that the proxy would carry. */
  readonly unusable: string;
}

/** The proxies that the environment names for HTTP. */
export interface EnvironmentProxies {
  /** For `http:`; null for none. */
  readonly http: ProxyAccess | UnusableProxy | null;
  /** For `https:`; null for none. */
  readonly https: ProxyAccess | UnusableProxy | null;
  /** As in `NO_PROXY`: hosts that are asked without a proxy. */
  readonly except: readonly string[];
}

/** As curl does it: one proxy for each scheme, and none for the hosts of `NO_PROXY`. */
export function byScheme({ http, https, except }: EnvironmentProxies, blocklist: Blocklist | null): HttpProxies {
  const findBy = (proxy: ProxyAccess | UnusableProxy | null): typeof findDestinations | null => {
    if (proxy === null) return null;
    return 'unusable' in proxy ? findNothing(proxy) : findByProxy(proxy, blocklist);
  };
  const finds = { 'http:': findBy(http), 'https:': findBy(https) };
  return {
    findFor: (url) => {
      const find = url.protocol === 'https:' ? finds['https:'] : finds['http:'];
      return except.some((entry) => isExcepted(entry, url)) ? null : find;
    },
  };
}

function findNothing({ unusable }: UnusableProxy): typeof findDestinations {
  return (_host, _bind, _step, answered) => {
    answered({ ok: false, code: 'unreachable', fault: 'proxy', message: unusable });
    return { cancel: () => undefined };
  };
}

/**
 * Whether `entry` of `NO_PROXY` names the host of `url`: `*` names all, a name names itself and all below it, with or
 * without a dot before it, an address or a network in CIDR names addresses. A port behind it must be the port of `url`.
 */
export function isExcepted(entry: string, url: URL): boolean {
  const text = entry.trim().toLowerCase();
  if (text === '') return false;
  if (text === '*') return true;
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1').replace(/\.$/, '');
  const [, bracketed, plain = '', port] = /^(?:\[(.*)\]|([^:]*|.*:.*:.*?))(?::(\d+))?$/.exec(text) ?? [];
  const named = (bracketed ?? plain).replace(/^\*?\./, '').replace(/\.$/, '');
  if (port !== undefined && Number(port) !== portOf(url)) return false;
  const ip = parseIp(host);
  const network = named.includes('/') ? parseNetwork(named) : undefined;
  if (network !== undefined) return ip !== undefined && isInNetwork(ip, network);
  if (ip !== undefined) return parseIp(named)?.text === ip.text;
  return named !== '' && (host === named || host.endsWith(`.${named}`));
}
