/**
 * As much of RFC 6265 as a redirect to the same server needs: some servers redirect again and again until the client
 * sends their cookie back.
 */

interface Cookie {
  readonly host: string;
  readonly path: string;
  readonly secure: boolean;
  readonly name: string;
  readonly value: string;
}

const MAX_COOKIES = 50;
/** Cookies of one answer that we look at: some take others away. */
const MAX_READ = 100;
const MAX_COOKIE_LENGTH = 4096;

/** The cookies of one fetch. We ignore `Domain`: a cookie goes back only to the host that set it. */
export class HttpCookies {
  #cookies: Cookie[] = [];

  /** Takes the values of the Set-Cookie headers in the answer from `url`, within limits. */
  take(url: URL, setCookies: readonly string[]): void {
    for (const text of setCookies.slice(0, MAX_READ)) {
      // RFC 6265 counts name, value and attributes together.
      if (text.length > MAX_COOKIE_LENGTH) continue;
      const [pair = '', ...attributes] = text.split(';').map((part) => part.trim());
      const mark = pair.indexOf('=');
      // We drop a cookie with a character that could end a header, or that no header may have.
      if (mark < 1 || !/^[\x20-\x7e]*$/.test(pair)) continue;
      const attribute = (name: string): string | undefined =>
        attributes.findLast((each) => each.toLowerCase().startsWith(`${name}=`))?.slice(name.length + 1);
      const secure = attributes.some((each) => each.toLowerCase() === 'secure');
      const path = attribute('path') ?? '';
      const cookie: Cookie = {
        host: url.hostname,
        path: path.startsWith('/') ? path : url.pathname.replace(/\/[^/]*$/, '') || '/',
        secure,
        name: pair.slice(0, mark).trim(),
        value: pair.slice(mark + 1).trim(),
      };
      const isSame = ({ host, path, name }: Cookie) =>
        host === cookie.host && path === cookie.path && name === cookie.name;
      this.#cookies = this.#cookies.filter((each) => !isSame(each));
      const isOver = /^-|^0+$/.test(attribute('max-age') ?? '') || Date.parse(attribute('expires') ?? '') < Date.now();
      if (!isOver && this.#cookies.length < MAX_COOKIES && (!secure || url.protocol === 'https:'))
        this.#cookies.push(cookie);
    }
  }

  /** The value of the Cookie header for `url`, or null for none. */
  headerFor(url: URL): string | null {
    const pairs: string[] = [];
    let length = 0;
    for (const { host, path, secure, name, value } of this.#cookies) {
      const isUnder = url.pathname === path || url.pathname.startsWith(path.endsWith('/') ? path : `${path}/`);
      if (host !== url.hostname || !isUnder || (secure && url.protocol !== 'https:')) continue;
      length += name.length + value.length + 3;
      if (length <= 2 * MAX_COOKIE_LENGTH) pairs.push(`${name}=${value}`);
    }
    return pairs.length === 0 ? null : pairs.join('; ');
  }
}
