/** By which addresses, which proxies and whose word of authorities we leave this machine. */
import { findByProxy, findDestinations, findUnlisted } from '../discovery/http/http-destination.js';
import { lookUpName } from '../discovery/http/http-name-lookup.js';
import { allBy, byScheme, type HttpProxies, NO_PROXIES, type UnusableProxy } from '../discovery/http/http-proxies.js';
import { Authorities } from '../discovery/http/http-tls.js';
import { KnownNames, type LookUp } from '../discovery/http/known-names.js';
import type { Blocklist } from '../net/blocklist.js';
import type { BindAddresses } from '../net/fence.js';
import { resolveBind } from '../net/node-interfaces.js';
import { NodeTimers } from '../net/node-timers.js';
import { parseProxy } from '../net/proxy/proxy-server.js';
import { NodeProxy, type ProxyEvents } from './node-proxy.js';

/** The proxies for HTTP alone, as the environment names them. */
export interface HttpProxyUrls {
  /** For `http:` URLs; null for none. */
  readonly http: string | UnusableProxy | null;
  /** For `https:` URLs; null for none. */
  readonly https: string | UnusableProxy | null;
  /** Hosts that are asked without a proxy, as in `NO_PROXY`. */
  readonly except: readonly string[];
}

/** What is said about our way out. */
export interface WayOutOptions {
  /** The address or interface of this machine that every socket uses, or null for any. */
  readonly bind: string | null;
  /** Certificates (PEM) that are trusted over HTTPS besides the well-known ones, or null. */
  readonly caCertificates: string | null;
  /** The proxy that carries everything, as `parseProxy` reads it; null for none. */
  readonly proxy: string | null;
  /** The proxies that carry HTTP when `proxy` is null; null for none. */
  readonly httpProxies: HttpProxyUrls | null;
}

/** What all requests and all sockets of a session share. */
export interface WayOut {
  readonly bind: BindAddresses | null;
  readonly authorities: Authorities | null;
  /** The proxy that carries everything, or null. */
  readonly proxy: NodeProxy | null;
  /** Which proxy carries a request over HTTP. */
  readonly proxies: HttpProxies;
  /** Finds where a host is that no proxy of `proxies` leads to, such as a tracker over UDP. */
  readonly findDestinations: ReturnType<typeof findUnlisted>;
}

/**
 * Throws a 'usage' failure for what is no address, no certificate or no proxy. No way leads to what is on `blocklist`.
 * `lookUp` asks the name servers.
 */
export function openWayOut(
  options: WayOutOptions,
  blocklist: Blocklist | null,
  events: ProxyEvents,
  lookUp: LookUp = lookUpName,
): WayOut {
  const { caCertificates, httpProxies } = options;
  const bind = options.bind === null ? null : resolveBind(options.bind);
  const timers = new NodeTimers();
  const open = (text: string | null, what: string): NodeProxy | null =>
    text === null ? null : new NodeProxy(parseProxy(text, what), events, { bind, timers, find: findDestinations });
  const proxy = open(options.proxy, 'proxy');
  const proxies = (): HttpProxies => {
    if (proxy !== null) return allBy(proxy, blocklist);
    if (httpProxies === null) return NO_PROXIES;
    const { http, https, except } = httpProxies;
    const openNamed = (named: string | UnusableProxy | null, what: string): NodeProxy | UnusableProxy | null =>
      typeof named === 'object' && named !== null ? named : open(named, what);
    return byScheme({ http: openNamed(http, 'http_proxy'), https: openNamed(https, 'https_proxy'), except }, blocklist);
  };
  return {
    bind,
    authorities: caCertificates === null ? null : new Authorities(caCertificates),
    proxy,
    proxies: proxies(),
    findDestinations:
      proxy === null ? findUnlisted(blocklist, new KnownNames(timers, lookUp).lookUp) : findByProxy(proxy, blocklist),
  };
}
