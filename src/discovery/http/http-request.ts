import { validateHeaderName, validateHeaderValue } from 'node:http';
import { basicAuthorization } from '../../net/proxy/http-connect.js';
import { refusedByProxy } from '../../net/proxy/proxy-handshake.js';
import type { HttpResponseHead } from './http-response.js';
import { type HttpPlace, isForProxy } from './http-socket.js';

/**
 * The bytes of a request to `place`, as the server wants them or the proxy that passes it on. Throws when a header
 * would not stay one line, which is a fault of ours: no header here comes unchecked from a stranger.
 */
export function encodeRequest(
  method: string,
  place: HttpPlace,
  body: Buffer | null,
  headers: Readonly<Record<string, string>>,
): Buffer {
  const { host, pathname, search } = place.url;
  const target = isForProxy(place) ? `http://${host}${pathname}${search}` : pathname + search;
  const lines = [`${method} ${target} HTTP/1.1`];
  for (const [name, value] of Object.entries({ ...headers, ...proxyHeaders(place) })) {
    validateHeaderName(name);
    validateHeaderValue(name, value);
    lines.push(`${name}: ${value}`);
  }
  return Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'), body ?? Buffer.alloc(0)]);
}

/** What the proxy that passes a request on must hear. */
function proxyHeaders(place: HttpPlace): Readonly<Record<string, string>> {
  const credentials = place.destination.by?.access.server.credentials ?? null;
  return isForProxy(place) && credentials !== null ? { 'Proxy-Authorization': basicAuthorization(credentials) } : {};
}

/**
 * Why the proxy does not pass our requests on, when `head` is that of its own answer; else null. The proxy hears how it
 * stands with it.
 */
export function heardFromProxy(place: HttpPlace, { status, headers }: HttpResponseHead): string | null {
  const { access } = place.destination.by ?? {};
  if (access === undefined || !isForProxy(place)) return null;
  // tinyproxy answers 401 to a wrong password, as a host does.
  const isTinyproxy = /^tinyproxy\b/i.test(headers.get('server')?.[0] ?? '');
  const isOfProxy = status === 407 || (status === 401 && isTinyproxy);
  const trouble = isOfProxy ? refusedByProxy(access.server) : null;
  access.told(trouble);
  return trouble;
}
