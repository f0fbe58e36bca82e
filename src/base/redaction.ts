/**
 * URLs in the form that we may show: without user name, password and keys. A passkey in a tracker's URL is as good as
 * its owner's password, and what we print ends up in logs, bug reports and pictures of screens.
 *
 * The first characters of a key stay, so that its owner can tell two keys apart. All other text keeps its spelling.
 */
import { urlOf } from './url.js';

/** `text` without its secrets. It spells a URL or a magnet link, or is a failed attempt at one. */
export function redactUrl(text: string): string {
  return rewriteUrl(text, shortened);
}

/** The secrets in the URL `text`, each as it is spelled there and also unescaped. */
export function secretsIn(text: string): readonly string[] {
  const secrets = new Set<string>();
  rewriteUrl(text, (secret) => {
    secrets.add(secret);
    secrets.add(unescapeText(secret));
    return '';
  });
  return [...secrets];
}

/** Any text without the secrets of the URLs and links in it. */
export function redactText(text: string): string {
  if (!MAY_HOLD_URL.test(text)) return text;
  const shown = text.replace(URL_IN_TEXT, (found) => {
    const end = endOfUrl(found);
    return redactUrl(found.slice(0, end)) + found.slice(end);
  });
  return withoutBareUserinfo(shown);
}

/** Where the URL at the beginning of `found` ends. Marks that close a sentence or a quote are not part of it. */
function endOfUrl(found: string): number {
  let end = found.length;
  while (end > 0 && `)]}>'"’”,;:.!?`.includes(found.charAt(end - 1))) end -= 1;
  return end;
}

const SCHEME = '(?:https?|udp|wss?|ftps?)(?::|%3a)[\\\\/]*|[a-z][a-z0-9+.-]*(?::|%3a)(?://|%2f%2f)|magnet(?::|%3a)';
const MAY_HOLD_URL = /:|%3a/i;
const URL_IN_TEXT = new RegExp(`(?<![a-z0-9+.-])(?:${SCHEME})\\S+`, 'gi');
/** `user:password` before an `@`, in a URL without its scheme. */
const BARE_USERINFO = /(?:^|[\s'"(=])(?:\/\/)?([^\s/@:'"()=]{1,100}:[^\s/@'"]{1,300})$/;
const MAX_BARE_USERINFO = 404;

/** Looks back from each `@` over a bounded length, so that the time grows only linearly with the text. */
function withoutBareUserinfo(text: string): string {
  const parts = text.split('@');
  return parts
    .map((part, index) => {
      if (index === parts.length - 1) return part;
      // A user name stands before an `@` only when a host follows, and it reaches back to the previous `@` at most.
      const before = index === 0 ? part : `@${part}`;
      const isUser = /^[a-z0-9[]/i.test(parts[index + 1] ?? '');
      const userinfo = isUser ? BARE_USERINFO.exec(before.slice(-MAX_BARE_USERINFO))?.[1] : undefined;
      return userinfo === undefined ? `${part}@` : part.slice(0, part.length - userinfo.length);
    })
    .join('');
}

const MAX_DEPTH = 3;

/** The text that replaces a secret. */
type Rewrite = (secret: string) => string;

function rewriteUrl(text: string, rewrite: Rewrite, depth = 0): string {
  // No honest URL holds URLs within URLs to this depth.
  if (depth > MAX_DEPTH) return rewrite(text);
  if (/^magnet(?::|%3a)/i.test(text)) return rewriteLink(text, rewrite, depth);
  // The whole URL is escaped, as it is when it stands within another URL.
  if (/^[a-z][a-z0-9+.-]*%3a/i.test(text)) {
    const plain = unescapeText(text);
    const rewritten = rewriteUrl(plain, rewrite, depth + 1);
    return rewritten === plain ? text : encodeURIComponent(rewritten);
  }
  const scheme = /^(?:(?:https?|udp|wss?|ftps?):[\\/]*|(?:[a-z][a-z0-9+.-]*:)?\/\/)/i.exec(text)?.[0] ?? '';
  const rest = text.slice(scheme.length);
  const hostBegin = endOfUserinfo(rest, urlOf(text) !== undefined);
  if (hostBegin > 0) rewriteUserinfo(rest.slice(0, hostBegin).replace(/@$/, ''), rewrite);
  const [, host = '', path = '', query = '', fragment = ''] =
    /^([^/\\?#]*)([^?#]*)(\?[^#]*)?(#.*)?$/s.exec(rest.slice(hostBegin)) ?? [];
  const shownPath = path.replace(/[^/\\]+/g, (element) => rewriteParameters(element, rewrite, depth));
  const shownQuery = query === '' ? '' : `?${rewriteParameters(query.slice(1), rewrite, depth)}`;
  const shownFragment = fragment === '' ? '' : `#${rewriteParameters(fragment.slice(1), rewrite, depth)}`;
  return scheme + rewriteHost(host, rewrite) + shownPath + shownQuery + shownFragment;
}

/**
 * Where the host begins in the text after the scheme. When the whole is not a valid URL, a password may hold characters
 * that would end the user information in a URL.
 */
function endOfUserinfo(rest: string, isUrl: boolean): number {
  const authority = /^[^/\\?#]*/.exec(rest)?.[0] ?? '';
  const at = authority.lastIndexOf('@') + 1;
  if (at > 0 || isUrl || /^(?:[^:]*|\[[^\]]*\]?)(?::\d*)?$/.test(authority)) return at;
  // The text after the colon is no port, so it may be a password that no host follows.
  return rest.lastIndexOf('@') + 1 || authority.length;
}

/**
 * Some trackers give each user a host name of its own below the tracker's. The last two labels of a host are never
 * taken for such a name.
 */
function rewriteHost(host: string, rewrite: Rewrite): string {
  if (host.length > MAX_HOST_LENGTH) return rewrite(host);
  return host.replace(/[a-z0-9]{16,}(?=\.[^.]+\.)/gi, (label) =>
    /\d.*\d/.test(label) && looksLikeKey(label) ? rewrite(label) : label,
  );
}

/** More than RFC 1035 allows for a name (255) with a port; an address in brackets with a port is shorter. */
const MAX_HOST_LENGTH = 300;

function rewriteUserinfo(userinfo: string, rewrite: Rewrite): void {
  const colon = userinfo.indexOf(':');
  const parts = colon < 0 ? [userinfo] : [userinfo, userinfo.slice(0, colon), userinfo.slice(colon + 1)];
  for (const part of parts) rewrite(part);
  // Basic authorization spells the user information so.
  rewrite(Buffer.from(unescapeText(userinfo)).toString('base64'));
}

/** Rewrites the parameters of a magnet link that are URLs; they are escaped there. */
function rewriteLink(text: string, rewrite: Rewrite, depth: number): string {
  const link = /^magnet%3a/i.test(text) ? unescapeText(text) : text;
  const head = /^magnet:[/?]*/i.exec(link)?.[0] ?? '';
  return head + link.slice(head.length).replace(/[^&]+/g, (parameter) => rewriteParameter(parameter, rewrite, depth));
}

function rewriteParameter(parameter: string, rewrite: Rewrite, depth: number): string {
  const equals = parameter.indexOf('=');
  if (equals === -1) return parameter;
  const key = parameter.slice(0, equals);
  const plain = unescapeText(parameter.slice(equals + 1));
  const isUrl = URL_PARAMETER.test(key) || /^[a-z][a-z0-9+.-]*(?::|%3a)/i.test(plain);
  if (!isUrl || /^urn:/i.test(plain)) return parameter;
  const rewritten = rewriteUrl(plain, rewrite, depth + 1);
  const escaped = encodeURIComponent(rewritten)
    .replaceAll('%3A', ':')
    .replaceAll('%2F', '/')
    .replaceAll('%E2%80%A6', '…');
  return rewritten === plain ? parameter : `${key}=${escaped}`;
}

/** Parameters of a magnet link whose values are URLs, even when their scheme is missing. */
const URL_PARAMETER = /^(?:tr|ws|xs|as|mt)(?:\.\d+)?$/i;

/** Rewrites the parameters of a query, or of an element of a path, which may hold parameters too. */
function rewriteParameters(text: string, rewrite: Rewrite, depth: number): string {
  return text.replace(/[^&;]+/g, (parameter) => {
    const equals = parameter.indexOf('=');
    // Base64 may also end in `=`.
    if (equals < 0 || /^[^=]*={1,2}$/.test(parameter)) {
      // The whole parameter may be escaped, its `=` too.
      const plain = /^[^:/]{1,40}%3d/i.test(parameter) ? unescapeText(parameter) : parameter;
      const rewritten = plain === parameter ? plain : rewriteParameters(plain, rewrite, depth);
      return rewritten === plain ? rewriteKeys(parameter, rewrite, depth) : rewritten;
    }
    const [name, value] = [parameter.slice(0, equals), parameter.slice(equals + 1)];
    const key = unescapeText(name).toLowerCase();
    if (value === '' || isShortened(value) || PUBLIC_NAMES.has(key)) return parameter;
    if (SECRET_PART.test(key) || SECRET_NAME.test(key)) return `${name}=${rewrite(value)}`;
    return `${rewriteKeys(name, rewrite, depth)}=${rewriteKeys(value, rewrite, depth)}`;
  });
}

/** Parameters with these names hold keys, however short their values are. */
const SECRET_NAME = /^(?:uk|pk|pid|uid|sid|tk|rss|h|k|u|p|user|usr|username)$/;
/** The same for names that hold one of these. */
const SECRET_PART = /pass|auth|key(?!w)|token|secret|secure|sig|cred|sess|cookie|login|pwd|hash/;
/** Parameters that name a torrent by its info-hash (BEP 3, BEP 9), which is no secret. */
const PUBLIC_NAMES: ReadonlySet<string> = new Set(['info_hash', 'infohash', 'xt', 'btih']);

function rewriteKeys(text: string, rewrite: Rewrite, depth: number): string {
  const plain = unescapeText(text);
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(plain)) {
    const rewritten = rewriteUrl(plain, rewrite, depth + 1);
    return rewritten === plain ? text : encodeURIComponent(rewritten);
  }
  const rewritten = plain.replace(/[a-z0-9_~+-]{12,}={0,2}/gi, (word) => (looksLikeKey(word) ? rewrite(word) : word));
  if (rewritten === plain) return text;
  return plain === text ? rewritten : encodeURIComponent(rewritten).replaceAll('%E2%80%A6', '…');
}

/**
 * Whether a word more likely comes from a random generator (hex, base32, base64) than from a person. Such a word has
 * digits between letters, upper case after lower case, or more consonants in a row than people can speak.
 */
function looksLikeKey(word: string): boolean {
  if (/^(?:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{16,})$/i.test(word)) return true;
  const count = (pattern: RegExp): number => word.match(pattern)?.length ?? 0;
  const digitSteps = count(/[a-z](?=\d)|\d(?=[a-z])/gi);
  const caseSteps = count(/[a-z](?=[A-Z])/g);
  if (word.length < 16) {
    const isHex = /^[0-9a-f]+$/i.test(word) && /[a-f]/i.test(word);
    return /^[a-z0-9]+$/i.test(word) && (digitSteps >= 3 || isHex);
  }
  if (/pass|secret|token/i.test(word) || /^\d+=*$/.test(word)) return true;
  // People join words with these characters.
  if (/[_~+-]/.test(word) && !/[a-z0-9]{16,}/i.test(word)) return caseSteps >= 2;
  return count(/\d/g) >= 2 || caseSteps >= 2 || /[b-df-hj-np-tv-xz]{5}/i.test(word);
}

/** Whether a value is what redaction has left of a key: a text may pass through redaction more than once. */
function isShortened(value: string): boolean {
  return /^[a-z0-9_-]{0,4}(?:\u2026|%E2%80%A6)$/i.test(value);
}

/** What we show of a key: its first characters when it is long, else none. */
function shortened(secret: string): string {
  return secret.length < 16 ? '…' : `${/^[a-z0-9_-]{0,4}/i.exec(secret)?.[0] ?? ''}…`;
}

/** `text` with its escapes decoded. A broken escape stays as it is. */
function unescapeText(text: string): string {
  return text.replace(/(?:%[0-9a-f]{2})+/gi, (run) => Buffer.from(run.replaceAll('%', ''), 'hex').toString('utf8'));
}
