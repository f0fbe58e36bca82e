/** By which way the commands leave this machine: what the options say, and the environment. */
import { BtgetError } from '../base/failure.js';
import type { UnusableProxy } from '../discovery/http/http-proxies.js';
import { parseProxy } from '../net/proxy/proxy-server.js';
import type { HttpProxyUrls, WayOutOptions } from '../session/node-way-out.js';
import { readCaCertificates } from './ca-certificates.js';
import type { Environment } from './io.js';
import { WITHOUT_PROXY } from './output/proxy-remedy.js';

/** What the command line says about the network. */
export interface NetworkValues {
  /** An address or the name of an interface, as `--bind` takes it; null for any. */
  readonly bind: string | null;
  /** The path of a file of certificates (PEM), or null. */
  readonly caCertificate: string | null;
  /** The URL of the proxy for everything, or null. */
  readonly proxy: string | null;
  /** The proxies that the environment names do not count. */
  readonly noProxy: boolean;
}

/** Rejects with a 'usage' failure when a file cannot be read. */
export async function readWayOut(values: NetworkValues, env: Environment): Promise<WayOutOptions> {
  const caCertificates = await readCaCertificates(values.caCertificate);
  const { bind, proxy } = values;
  return { bind, caCertificates, proxy, httpProxies: httpProxiesOf(values, env) };
}

/**
 * The proxies for HTTP that the environment names, as curl reads it: `http_proxy` in lower case alone (a web server
 * sets `HTTP_PROXY` from a header of its client), the others in both, in lower case first. Null when there is none, and
 * when `--proxy` or `--no-proxy` says otherwise.
 */
export function httpProxiesOf({ proxy, noProxy }: NetworkValues, env: Environment): HttpProxyUrls | null {
  if (proxy !== null || noProxy) return null;
  const http = proxyIn(env, ['http_proxy', 'all_proxy', 'ALL_PROXY']);
  const https = proxyIn(env, ['https_proxy', 'HTTPS_PROXY', 'all_proxy', 'ALL_PROXY']);
  if (http === null && https === null) return null;
  const except = (env['no_proxy'] || env['NO_PROXY'] || '').split(/[\s,]+/).filter((entry) => entry !== '');
  return { http, https, except };
}

/**
 * Many commands ask nobody over HTTP. So a proxy that makes no sense to us, such as the `socks://` of some desktops,
 * fails only what it would carry.
 */
function proxyIn(env: Environment, names: readonly string[]): string | UnusableProxy | null {
  const name = names.find((each) => (env[each] ?? '') !== '');
  if (name === undefined) return null;
  const text = env[name] as string;
  // curl takes a proxy without a scheme for one of HTTP, and does not look at a path.
  const url = (text.includes('://') ? text : `http://${text}`).replace(/^([^:]*:\/\/[^/?#]*).*$/s, '$1');
  try {
    parseProxy(url, name);
  } catch (error) {
    if (!(error instanceof BtgetError)) throw error;
    return { unusable: `${error.message}; ${WITHOUT_PROXY}` };
  }
  return url;
}

/** What the user must know of proxies that the environment names; null when there are none. */
export function noticeOfProxies(httpProxies: HttpProxyUrls | null): string | null {
  if (httpProxies === null) return null;
  const named = [httpProxies.http, httpProxies.https].filter((proxy) => proxy !== null);
  const usable = named.filter((proxy) => typeof proxy === 'string');
  if (usable.length === 0) {
    const [why = ''] = named.map((proxy) => (typeof proxy === 'string' ? '' : proxy.unusable));
    return `nothing goes over HTTP: ${why}`;
  }
  const places = [...new Set(usable.map((url) => parseProxy(url, '').shown))].join(' and ');
  const covered = `HTTP goes through the proxy ${places} (from the environment)`;
  return `${covered}; peers and UDP do not: --proxy covers them, --no-proxy does without`;
}
