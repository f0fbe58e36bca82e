/** The method CONNECT of HTTP (RFC 9110, section 9.3.6), as bytes. */
import type { ProxyCredentials, SocksAddress } from './socks5.js';

/** The answer of a proxy that we asked to connect. */
export interface ConnectAnswer {
  /** Three digits from 200 on. 200 to 299: it has connected. */
  readonly status: number;
  /** How many of the bytes belong to its head. What follows is of the host that we asked for. */
  readonly length: number;
}

/** The most bytes of a head, with the interim answers before it. */
export const MAX_CONNECT_HEAD = 16 * 1024;

/** The request of a connection to `host` and `port`. The host is an IP literal or a name (`isSocksAddress`). */
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

const PROTOCOL = 'HTTP/1.';
/** What comes before the reason. */
const STATUS_LINE = /^HTTP\/1\.\d ([1-5]\d\d)[ \r\n]/;
const STATUS_LINE_LENGTH = 13;
const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;

/**
 * Reads one answer from a stream. It looks at each byte once and keeps only the beginning of the first line: the status
 * is all that counts. Interim answers are passed over (RFC 9110: "A client MUST be able to parse one or more 1xx
 * responses received prior to a final response").
 */
export class ConnectAnswerReader {
  /** The beginning of the first line of the head, and how many bytes of the head have come. */
  #begin = '';
  #headLength = 0;
  #length = 0;
  /** What has come of the current line. */
  #line: 'nothing' | 'carriage return' | 'text' = 'nothing';

  /**
   * Takes the next bytes. 'more': all of them belong to the head, which is not whole yet. 'malformed': it is no HTTP,
   * or longer than `MAX_CONNECT_HEAD`.
   */
  feed(bytes: Buffer): ConnectAnswer | 'more' | 'malformed' {
    for (let at = 0; at < bytes.length; at += 1) {
      const byte = bytes[at] as number;
      this.#length += 1;
      this.#headLength += 1;
      if (this.#headLength <= STATUS_LINE_LENGTH) this.#begin += String.fromCharCode(byte);
      if (this.#headLength <= PROTOCOL.length && !PROTOCOL.startsWith(this.#begin)) return 'malformed';
      if (byte === LINE_FEED && this.#line !== 'text') {
        const status = Number(STATUS_LINE.exec(this.#begin)?.[1] ?? Number.NaN);
        if (!(status < 200)) return Number.isNaN(status) ? 'malformed' : { status, length: at + 1 };
        this.#begin = '';
        this.#headLength = 0;
      }
      // Some proxies end lines with a line feed alone.
      if (byte === LINE_FEED) this.#line = 'nothing';
      else this.#line = byte === CARRIAGE_RETURN && this.#line === 'nothing' ? 'carriage return' : 'text';
      if (this.#length === MAX_CONNECT_HEAD) return 'malformed';
    }
    return 'more';
  }
}
