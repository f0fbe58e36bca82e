import { BtgetError } from '../../base/failure.js';
import { urlOf } from '../../base/url.js';
import type { ProxyCredentials } from './socks5.js';

/** A proxy, as the user names it. */
export interface ProxyServer {
  /** 'socks5' carries connections, and datagrams when it grants that; 'http' carries connections alone. */
  readonly kind: 'socks5' | 'http';
  /** An IP literal, or a name that is looked up here. */
  readonly host: string;
  /** 1 to 65535. */
  readonly port: number;
  readonly credentials: ProxyCredentials | null;
  /** Host and port for messages; without user name and password. */
  readonly shown: string;
}

const KINDS: Readonly<Record<string, { readonly kind: ProxyServer['kind']; readonly port: number }>> = {
  // A name goes to the proxy in both forms: a look-up here would tell others whom we ask.
  'socks5:': { kind: 'socks5', port: 1080 },
  'socks5h:': { kind: 'socks5', port: 1080 },
  'http:': { kind: 'http', port: 80 },
};
/** A real URL: in every message, what looks like a password or a broken URL is hidden. */
const FORMS = 'socks5://proxy.example:1080, socks5h://… or http://…, with user name and password before the host';
/** RFC 1929. Bytes. */
const MAX_CREDENTIAL = 255;

/**
 * The proxy that `text` names: `socks5://`, `socks5h://` or `http://`, with user name and password, escaped as in a
 * URL, where the proxy wants them. Without a port: 1080, and 80 for `http`. Anything else is a 'usage' failure whose
 * message begins with `what`, and which never tells the password.
 */
export function parseProxy(text: string, what: string): ProxyServer {
  const scheme = /^([a-z][a-z0-9+.-]*:)\/\//i.exec(text)?.[1]?.toLowerCase();
  const known = scheme === undefined ? undefined : KINDS[scheme];
  const wrong = (why: string): BtgetError => new BtgetError('usage', `${what}: ${why}`);
  if (scheme === undefined) throw wrong(`a proxy is named as ${FORMS}`);
  if (known === undefined) throw wrong(`'${scheme}//' is no proxy that btget speaks to; one is named as ${FORMS}`);
  // URL parsers bring the host into its one form only for well-known schemes.
  const url = urlOf(`http:${text.slice(scheme.length)}`);
  if (url === undefined || !/^\/?$/.test(url.pathname) || url.search !== '' || url.hash !== '')
    throw wrong(`a proxy is named as ${FORMS}`);
  const credentials = credentialsOf(url, wrong);
  if (known.kind === 'http' && credentials?.user.includes(':')) throw wrong('a user name for HTTP has no colon');
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
  // The parser leaves out the usual port of a scheme. No port is the usual one of both.
  const written = url.port || urlOf(`https:${text.slice(scheme.length)}`)?.port;
  const port = written === undefined || written === '' ? known.port : Number(written);
  if (port === 0) throw wrong('0 is no port of a proxy');
  const shown = host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
  return { kind: known.kind, host, port, credentials, shown };
}

function credentialsOf({ username, password }: URL, wrong: (why: string) => BtgetError): ProxyCredentials | null {
  if (username === '' && password === '') return null;
  const credentials = { user: unescaped(username), password: unescaped(password) };
  if (credentials.user === '') throw wrong('a proxy with a password and without a user name');
  for (const [name, value] of Object.entries(credentials))
    if (Buffer.byteLength(value) > MAX_CREDENTIAL)
      throw wrong(`the ${name === 'user' ? 'user name' : 'password'} of a proxy has at most ${MAX_CREDENTIAL} bytes`);
  return credentials;
}

/** What is no escape of UTF-8 stays as it is. */
function unescaped(text: string): string {
  return text.replace(/(?:%[0-9a-f]{2})+/gi, (escapes) => {
    try {
      return decodeURIComponent(escapes);
    } catch {
      return escapes;
    }
  });
}
