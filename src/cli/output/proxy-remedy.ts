import { parseProxy } from '../../net/proxy/proxy-server.js';
import type { SessionOptions } from '../../session/session-options.js';

/** The proxies of a session. */
export type Proxies = Pick<SessionOptions, 'proxy' | 'httpProxies'>;

/** The user has named the proxy by an option. */
export const LOOK_AT_PROXY = 'btget doctor --proxy URL looks at the proxy';
/** The environment names it. */
export const WITHOUT_PROXY = '--no-proxy does without it';

/**
 * What the user can do about a failure whose message blames a proxy. Null when the message says that itself; undefined
 * when it blames none.
 */
export function proxyRemedy(message: string, { proxy, httpProxies }: Proxies): string | null | undefined {
  if (message.includes(WITHOUT_PROXY)) return null;
  const isBlamed = (url: string): boolean => message.includes(`the proxy ${parseProxy(url, 'proxy').shown}`);
  if (proxy !== null) return isBlamed(proxy) ? LOOK_AT_PROXY : undefined;
  const named = [httpProxies?.http ?? null, httpProxies?.https ?? null].filter((each) => typeof each === 'string');
  return named.some(isBlamed) ? WITHOUT_PROXY : undefined;
}

/** `message` with what the user can do, when it blames a proxy. */
export function withProxyRemedy(message: string, proxies: Proxies): string {
  const remedy = proxyRemedy(message, proxies) ?? null;
  return remedy === null ? message : `${message} (${remedy})`;
}
