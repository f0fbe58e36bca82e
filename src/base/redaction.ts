/**
 * URLs as they may be shown: without user name and password, and without keys. A passkey in a tracker's URL is as good
 * as the password of its owner, and what we print ends in logs, bug reports and pictures of screens.
 *
 * Of a key the first characters stay, so that its owner can tell two apart. The rest of the text stays as it is
 * spelled.
 */
import { urlOf } from './url.js';

/** `text`, which spells a URL or a magnet link, or was meant to, without its secrets. */
export function redactUrl(text: string): string {
  return rewriteUrl(text, shortened);
}

/** The secrets in the URL `text`, as they stand there and unescaped. */
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

/** Where the URL ends with which `found` begins. What closes a sentence or a quote is not the URL's. */
function endOfUrl(found: string): number {
  let end = found.length;
  while (end > 0 && `)]}>'"’”,;:.!?`.includes(found.charAt(end - 1))) end -= 1;
  return end;
}

const SCHEME = '(?:https?|udp|wss?|ftps?)(?::|%3a)[\\\\/]*|[a-z][a-z0-9+.-]*(?::|%3a)(?://|%2f%2f)|magnet(?::|%3a)';
const MAY_HOLD_URL = /:|%3a/i;
const URL_IN_TEXT = new RegExp(`(?<![a-z0-9+.-])(?:${SCHEME})\\S+`, 'gi');
/** `user:password` before an `@`, whose scheme was forgotten. */
const BARE_USERINFO = /(?:^|[\s'"(=])(?:\/\/)?([^\s/@:'"()=]{1,100}:[^\s/@'"]{1,300})$/;
const MAX_BARE_USERINFO = 404;

/** Looks back from each `@`, so that the time grows with the length of the text alone. */
function withoutBareUserinfo(text: string): string {
  const parts = text.split('@');
  return parts
    .map((part, index) => {
      if (index === parts.length - 1) return part;
      // A host follows, and what stands before an earlier `@` is not its user.
      const before = index === 0 ? part : `@${part}`;
      const isUser = /^[a-z0-9[]/i.test(parts[index + 1] ?? '');
      const userinfo = isUser ? BARE_USERINFO.exec(before.slice(-MAX_BARE_USERINFO))?.[1] : undefined;
      return userinfo === undefined ? `${part}@` : part.slice(0, part.length - userinfo.length);
    })
    .join('');
}

const MAX_DEPTH = 3;

/** What a secret is replaced by. */
type Rewrite = (secret: string) => string;

function rewriteUrl(text: string, rewrite: Rewrite, depth = 0): string {
  // Nobody puts a URL into a URL so often in good faith.
  if (depth > MAX_DEPTH) return rewrite(text);
  if (/^magnet(?::|%3a)/i.test(text)) return rewriteLink(text, rewrite, depth);
  // A URL within a URL is escaped as a whole.
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

/** Where the host begins in what follows the scheme. In what is no URL a password may hold what would end it. */
function endOfUserinfo(rest: string, isUrl: boolean): number {
  const authority = /^[^/\\?#]*/.exec(rest)?.[0] ?? '';
  const at = authority.lastIndexOf('@') + 1;
  if (at > 0 || isUrl || /^(?:[^:]*|\[[^\]]*\]?)(?::\d*)?$/.test(authority)) return at;
  // What no port can be may be a password, to which no host was written.
  return rest.lastIndexOf('@') + 1 || authority.length;
}

/** Some trackers give each user a name of its own below theirs. What two labels end in is somebody's name. */
function rewriteHost(host: string, rewrite: Rewrite): string {
  if (host.length > MAX_HOST_LENGTH) return rewrite(host);
  return host.replace(/[a-z0-9]{16,}(?=\.[^.]+\.)/gi, (label) =>
    /\d.*\d/.test(label) && looksLikeKey(label) ? rewrite(label) : label,
  );
}

/** RFC 1035, and an address in brackets with a port is shorter. */
const MAX_HOST_LENGTH = 300;

function rewriteUserinfo(userinfo: string, rewrite: Rewrite): void {
  const colon = userinfo.indexOf(':');
  const parts = colon < 0 ? [userinfo] : [userinfo, userinfo.slice(0, colon), userinfo.slice(colon + 1)];
  for (const part of parts) rewrite(part);
  // As Basic authorization spells it.
  rewrite(Buffer.from(unescapeText(userinfo)).toString('base64'));
}

/** The parameters of a link; those that are URLs are escaped. */
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

/** Parameters of a link that are URLs, though their scheme was forgotten. */
const URL_PARAMETER = /^(?:tr|ws|xs|as|mt)(?:\.\d+)?$/i;

/** A query, or an element of a path, which may hold parameters too. */
function rewriteParameters(text: string, rewrite: Rewrite, depth: number): string {
  return text.replace(/[^&;]+/g, (parameter) => {
    const equals = parameter.indexOf('=');
    // Base64 ends in such a sign, too.
    if (equals < 0 || /^[^=]*={1,2}$/.test(parameter)) {
      // A parameter that was escaped as a whole.
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

/** Names of parameters whose values are keys, however short they are. */
const SECRET_NAME = /^(?:uk|pk|pid|uid|sid|tk|rss|h|k|u|p|user|usr|username)$/;
/** The same for names that hold one of these. */
const SECRET_PART = /pass|auth|key(?!w)|token|secret|secure|sig|cred|sess|cookie|login|pwd|hash/;
/** BEP 3's own hash, and what torrents are named by. */
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
 * Whether a word is more likely made by chance (hex, base32, base64) than by a person: digits stand between letters,
 * upper case behind lower, or more consonants side by side than can be spoken.
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
  // People put words together with these.
  if (/[_~+-]/.test(word) && !/[a-z0-9]{16,}/i.test(word)) return caseSteps >= 2;
  return count(/\d/g) >= 2 || caseSteps >= 2 || /[b-df-hj-np-tv-xz]{5}/i.test(word);
}

/** A text may pass here more than once. */
function isShortened(value: string): boolean {
  return /^[a-z0-9_-]{0,4}(?:…|%E2%80%A6)$/i.test(value);
}

/** What is left of a key when it is shown. */
function shortened(secret: string): string {
  return secret.length < 16 ? '…' : `${/^[a-z0-9_-]{0,4}/i.exec(secret)?.[0] ?? ''}…`;
}

/** Broken escapes stand for themselves. */
function unescapeText(text: string): string {
  return text.replace(/(?:%[0-9a-f]{2})+/gi, (run) => Buffer.from(run.replaceAll('%', ''), 'hex').toString('utf8'));
}
