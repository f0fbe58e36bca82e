/** The method CONNECT of HTTP (RFC 9110, section 9.3.6), as bytes. */
import type { ProxyCredentials, SocksAddress } from './socks5.js';

/** The answer of a proxy that we asked to connect. */
export interface ConnectAnswer {
  /** 200 to 299: it has connected. */
  readonly status: number;
  /** How many bytes the head takes. What follows is of the host that we asked for. */
  readonly length: number;
}

/** The most bytes of a head. */
export const MAX_CONNECT_HEAD = 16 * 1024;

export function encodeConnect({ host, port }: SocksAddress, credentials: ProxyCredentials | null): Buffer {
  const place = host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
  const lines = [`CONNECT ${place} HTTP/1.1`, `Host: ${place}`];
  if (credentials !== null) lines.push(`Proxy-Authorization: ${basicAuthorization(credentials)}`);
  return Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1');
}

/** The value of Proxy-Authorization (RFC 7617). */
export function basicAuthorization({ user, password }: ProxyCredentials): string {
  return `Basic ${Buffer.from(`${user}:${password}`, 'utf8').toString('base64')}`;
}

/** 'more': the head is not whole yet. 'malformed': it is no HTTP, or longer than `MAX_CONNECT_HEAD`. */
export function decodeConnectAnswer(bytes: Buffer): ConnectAnswer | 'more' | 'malformed' {
  if (!'HTTP/1.'.startsWith(bytes.toString('latin1', 0, 7))) return 'malformed';
  const head = bytes.subarray(0, MAX_CONNECT_HEAD);
  // Some proxies end lines with a line feed alone.
  const ends = ['\n\r\n', '\n\n'].map((end) => ({ at: head.indexOf(end, 0, 'latin1'), length: end.length }));
  const [end] = ends.filter(({ at }) => at !== -1).sort((a, b) => a.at - b.at);
  if (end === undefined) return head.length === MAX_CONNECT_HEAD ? 'malformed' : 'more';
  const status = /^HTTP\/1\.\d ([1-5]\d\d)[ \r\n]/.exec(head.toString('latin1', 0, 13));
  if (status === null) return 'malformed';
  return { status: Number(status[1]), length: end.at + end.length };
}
