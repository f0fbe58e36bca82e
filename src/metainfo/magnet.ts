/**
 * Magnet links (BEP 9, with the file selection of BEP 53): what a link says about a torrent whose metainfo we do not
 * have yet.
 */
import { toHex } from '../base/bytes.js';
import { BtgetError } from '../base/failure.js';
import { redactText, redactUrl } from '../base/redaction.js';
import { type InfoHash, type InfoHashV1, type InfoHashV2, infoHashV1, infoHashV2, mainHash } from './info-hash.js';
import { contentLength, type Metainfo } from './metainfo.js';
import { isTrackerUrl, isWebSeedUrl } from './parse-sources.js';

/** The files with the indices from `first` to `last`, both included. */
export interface FileRange {
  readonly first: number;
  readonly last: number;
}

/** What a magnet link says. Lists are empty when it names nothing of their kind. */
export interface MagnetLink {
  /** The hash by which we name the torrent until its metadata is here: `infoHashV1` when the link has it. */
  readonly infoHash: InfoHash;
  /**
   * The hash of `urn:btih`, null when the link names the torrent by its v2 hash alone. No link without one of the two
   * hashes exists. A link with this hash alone may name a hybrid, or with the first 20 bytes of a v2 hash a torrent of
   * version 2: only the metadata tells (`isInfoOf`).
   */
  readonly infoHashV1: InfoHashV1 | null;
  /** The hash of `urn:btmh` (BEP 52), or null. */
  readonly infoHashV2: InfoHashV2 | null;
  /** A name to show until we know the torrent's own. It may hold any character; displays must escape it. */
  readonly name: string | null;
  /** Bytes of the whole content. Only the link claims this. */
  readonly length: number | null;
  /** URLs, each once. */
  readonly trackers: readonly string[];
  readonly webSeeds: readonly string[];
  /** Addresses of peers as `host:port`. The host may be a name; IPv6 addresses stand in brackets. */
  readonly peers: readonly string[];
  /** Addresses of DHT nodes, in the same form. */
  readonly nodes: readonly string[];
  /** The files that the link selects, as sorted ranges that do not touch each other; null for all files. */
  readonly selected: readonly FileRange[] | null;
}

/** What to call the torrent of a link until its own name is known: the link's name, or all digits of its hash. */
export function nameOfLink({ name, infoHash, infoHashV1, infoHashV2 }: MagnetLink): string {
  return name ?? toHex(infoHashV1 ?? infoHashV2 ?? infoHash);
}

/** The greatest length of a link in characters. A longer one is abuse: Linux allows 128 KiB for one argument. */
export const MAX_MAGNET_LENGTH = 128 * 1024;
/** How many trackers of a link are kept, and how many web seeds, peers and nodes. */
const MAX_SOURCES = 100;
const MAX_FILE_INDEX = 2_097_151;
const MAX_RANGES = 10_000;
const MAX_SHOWN_LENGTH = 2_000;
/** The parameters that have a meaning for us. */
const KEYS: ReadonlySet<string> = new Set(['xt', 'dn', 'xl', 'tr', 'ws', 'x.pe', 'dht', 'so']);
/** How many values of one key are read. */
const MAX_VALUES = 200;
/** The greatest length of a key in characters, with its escapes and with what stands wrongly before it. */
const MAX_KEY_LENGTH = 100;

/**
 * Reads a magnet link. Throws 'magnet-invalid' when the text is not a magnet link or does not name exactly one torrent.
 * Every other unusable part of the link is ignored, because people pass links on by hand and damage them.
 */
export function parseMagnet(link: string): MagnetLink {
  if (link.length > MAX_MAGNET_LENGTH) {
    throw invalid(`is longer than ${MAX_MAGNET_LENGTH} characters`, `${redactUrl(link).slice(0, 60)}…`);
  }
  const values = parseQuery(queryOf(link));
  const hashes = parseTopics(values.get('xt') ?? [], link);
  const texts = (key: string): string[] => (values.get(key) ?? []).flatMap(({ text }) => text ?? []);
  const length = texts('xl').find((text) => /^\d{1,15}$/.test(text));
  return {
    ...hashes,
    name: values.get('dn')?.find(({ asItStands }) => asItStands !== '')?.asItStands ?? null,
    length: length === undefined ? null : Number(length),
    trackers: several(texts('tr'), isTrackerUrl),
    webSeeds: several(
      texts('ws').map((url) => url.replaceAll(' ', '%20')),
      isWebSeedUrl,
    ),
    peers: several(texts('x.pe'), isHostAndPort),
    nodes: several(texts('dht'), isHostAndPort),
    selected: parseSelected(texts('so')),
  };
}

const SAYS_NOTHING: Omit<MagnetLink, keyof NamedTorrent> = {
  name: null,
  length: null,
  trackers: [],
  webSeeds: [],
  peers: [],
  nodes: [],
  selected: null,
};

/**
 * Reads a magnet link, or an info-hash (alone, or as `urn:btih:…` or `urn:btmh:…`), which is a link that says nothing
 * else. Throws 'magnet-invalid' as `parseMagnet` does.
 */
export function parseLink(text: string): MagnetLink {
  const isHash = /^[0-9a-z]*$/i.test(text);
  return isHash ? linkOfHash(text) : parseMagnet(/^urn:/i.test(text) ? `magnet:?xt=${text}` : text);
}

function linkOfHash(text: string): MagnetLink {
  const v1 = parseInfoHash(text);
  if (v1 !== undefined) return { ...namedBy(infoHashV1(v1), null), ...SAYS_NOTHING };
  if (/^[0-9a-f]{64}$/i.test(text)) {
    return { ...namedBy(null, infoHashV2(Buffer.from(text, 'hex'))), ...SAYS_NOTHING };
  }
  throw new BtgetError('magnet-invalid', `neither a magnet link nor an info-hash: ${shownLink(text)}`);
}

/** The 20 bytes that `text` spells in 40 digits of hex or 32 digits of base32 (BEP 9); undefined for other text. */
export function parseInfoHash(text: string): InfoHash | undefined {
  if (/^[0-9a-f]{40}$/i.test(text)) return Buffer.from(text, 'hex');
  return /^[a-z2-7]{32}$/i.test(text) ? decodeBase32(text) : undefined;
}

/** The link as text. `parseMagnet` reads the same link from it. */
export function formatMagnet(link: MagnetLink): string {
  const parameters: [key: string, value: string][] = [];
  if (link.infoHashV1 !== null) parameters.push(['xt', `urn:btih:${toHex(link.infoHashV1)}`]);
  if (link.infoHashV2 !== null) parameters.push(['xt', `urn:btmh:1220${toHex(link.infoHashV2)}`]);
  if (link.name !== null) parameters.push(['dn', link.name]);
  if (link.length !== null) parameters.push(['xl', String(link.length)]);
  for (const url of link.trackers) parameters.push(['tr', url]);
  for (const url of link.webSeeds) parameters.push(['ws', url]);
  for (const peer of link.peers) parameters.push(['x.pe', peer]);
  for (const node of link.nodes) parameters.push(['dht', node]);
  if (link.selected !== null) {
    const ranges = link.selected.map(({ first, last }) => (first === last ? first : `${first}-${last}`));
    parameters.push(['so', ranges.join(',')]);
  }
  return `magnet:?${parameters.map(([key, value]) => `${key}=${escapeValue(value)}`).join('&')}`;
}

/** The link to a torrent that we have. It names the hashes, the trackers and the web seeds, and no peers. */
export function linkOf(metainfo: Metainfo): MagnetLink {
  const { infoHash, infoHashV1: v1, infoHashV2: v2, name, trackers, webSeeds } = metainfo;
  return {
    infoHash,
    infoHashV1: v1,
    infoHashV2: v2,
    name,
    length: contentLength(metainfo),
    trackers: trackers.flat(),
    webSeeds,
    peers: [],
    nodes: [],
    selected: null,
  };
}

function invalid(what: string, link: string): BtgetError {
  return new BtgetError('magnet-invalid', `the magnet link ${what}: ${redactUrl(link)}`);
}

/**
 * The link, or as much of its two ends as fits into a sentence. A parameter that the cut would split is left out,
 * because half a parameter may be half a secret.
 */
function shownLink(link: string): string {
  if (link.length <= MAX_SHOWN_LENGTH) return link;
  const [head, tail] = [link.slice(0, MAX_SHOWN_LENGTH / 2), link.slice(-MAX_SHOWN_LENGTH / 2)];
  const [headEnd, tailBegin] = [head.lastIndexOf('&'), tail.indexOf('&')];
  const shownHead = head.slice(0, headEnd === -1 ? 60 : headEnd);
  return `${shownHead}…${tailBegin === -1 ? '' : tail.slice(tailBegin)}`;
}

/** The value of a parameter. */
interface Value {
  /** The decoded value; null when an escape in it is broken. */
  readonly text: string | null;
  /** The decoded value, in which a broken escape stays as it is. */
  readonly asItStands: string;
}

/**
 * The parameters of the link, after its scheme. The correct scheme is `magnet:?`, but people and programs also write
 * `magnet://?`, `magnet:/?` and `magnet:`, and some escape the whole link.
 */
function queryOf(link: string): string {
  const plain = /^magnet%3a/i.test(link) ? unescapeText(link) : link;
  // Mails break a quoted link over several lines. URL parsers drop these characters too. Without `s` the expression
  // would end at U+2028, and try a long link anew from each `=` before it.
  const query = /^magnet:\/{0,2}\??(.*=.*)$/is.exec(plain.replace(/[\t\r\n]+/g, ''))?.[1];
  if (query === undefined) throw invalid('has no parameters', link);
  return query;
}

/**
 * The values of each key in their order. `tr.1` counts as `tr`: the numbers only keep keys apart. A link that was
 * copied from the source of an HTML page has `&amp;` for `&`.
 */
function parseQuery(query: string): Map<string, Value[]> {
  const values = new Map<string, Value[]>();
  for (let begin = 0, end = 0; end !== -1; begin = end + 1) {
    end = query.indexOf('&', begin);
    const parameter = query.slice(begin, end === -1 ? undefined : end);
    const equals = parameter.indexOf('=');
    if (equals === -1) continue;
    const key = keyOf(parameter.slice(0, equals));
    const all = values.get(key);
    // A hostile link may hold many thousands of parameters, so those that do not count are not decoded.
    if (!KEYS.has(key) || (all !== undefined && all.length >= MAX_VALUES)) continue;
    const raw = parameter.slice(equals + 1);
    const asItStands = unescapeText(raw.replaceAll('+', ' ')).trim();
    const value = { text: /%(?![0-9a-f]{2})/i.test(raw) ? null : asItStands, asItStands };
    if (all === undefined) values.set(key, [value]);
    else all.push(value);
  }
  return values;
}

function keyOf(raw: string): string {
  if (KEYS.has(raw) || raw.length > MAX_KEY_LENGTH) return raw;
  return unescapeText(raw)
    .trim()
    .toLowerCase()
    .replace(/^(?:amp;|#0*38;|#x0*26;)+/, '')
    .replace(/\.\d+$/, '');
}

function unescapeText(text: string): string {
  return text.replace(/(?:%[0-9a-f]{2})+/gi, (run) => Buffer.from(run.replaceAll('%', ''), 'hex').toString('utf8'));
}

/** Escapes a value. People read links, so ':', '/' and ',' stay: they have no special meaning within a value. */
function escapeValue(value: string): string {
  return encodeURIComponent(Buffer.from(value).toString())
    .replaceAll('%3A', ':')
    .replaceAll('%2F', '/')
    .replaceAll('%2C', ',');
}

/** The hashes by which a link names its torrent. */
export type NamedTorrent = Pick<MagnetLink, 'infoHash' | 'infoHashV1' | 'infoHashV2'>;

/** At least one of the hashes is there. */
function namedBy(v1: InfoHashV1 | null, v2: InfoHashV2 | null): NamedTorrent {
  return { infoHash: mainHash({ v1, v2 }), infoHashV1: v1, infoHashV2: v2 };
}

function parseTopics(values: readonly Value[], link: string): NamedTorrent {
  const topics = values.flatMap(({ text }) => text ?? []);
  const one = (hashes: readonly Buffer[]): Buffer | null => {
    const [hash = null, ...others] = hashes;
    if (others.some((other) => hash?.equals(other) === false)) throw invalid('names two different torrents', link);
    return hash;
  };
  const v1 = one(topics.flatMap((topic) => parseInfoHash(/^urn:btih:(.*)$/is.exec(topic)?.[1] ?? '') ?? []));
  // BEP 52 writes the hash as a multihash: 0x12 stands for SHA-256, 0x20 is its length.
  const multihashes = topics.flatMap((topic) => /^urn:btmh:1220([0-9a-f]{64})$/i.exec(topic)?.[1] ?? []);
  const v2 = one(multihashes.map((hash) => Buffer.from(hash, 'hex')));
  if (v1 !== null || v2 !== null) {
    return namedBy(v1 === null ? null : infoHashV1(v1), v2 === null ? null : infoHashV2(v2));
  }
  const broken = values.find(({ text }) => text === null);
  if (broken !== undefined)
    throw invalid(`holds a broken escape (${redactText(broken.asItStands).slice(0, 60)})`, link);
  if (topics.length === 0) throw invalid('names no torrent (no xt=urn:btih:… or urn:btmh:…)', link);
  const other = topics.find((topic) => /^urn:btmh:/i.test(topic));
  if (other !== undefined) {
    const why = 'has a urn:btmh that is not 1220 (SHA-256, 32 bytes) and 64 hexadecimal digits';
    throw invalid(`${why} (${shownLink(other)})`, link);
  }
  throw invalid(`has an xt that is no info-hash (${shownLink(topics[0] ?? '')})`, link);
}

/** Decodes base32 (RFC 4648) without padding. */
function decodeBase32(text: string): Buffer {
  const bytes = Buffer.alloc(Math.floor((text.length * 5) / 8));
  let value = 0;
  let bits = 0;
  let length = 0;
  for (const digit of text.toLowerCase()) {
    value = ((value << 5) | 'abcdefghijklmnopqrstuvwxyz234567'.indexOf(digit)) & 0xfff;
    bits += 5;
    if (bits < 8) continue;
    bits -= 8;
    bytes[length++] = value >>> bits;
  }
  return bytes;
}

function several(texts: readonly string[], isUsable: (text: string) => boolean): readonly string[] {
  return [...new Set(texts.filter(isUsable))].slice(0, MAX_SOURCES);
}

/** BEP 9: "x.pe=<peer address>", "hostname:port, ipv4-literal:port or [ipv6-literal]:port". */
function isHostAndPort(text: string): boolean {
  const [, port] = /^(?:[a-z0-9._-]{1,253}|\[[0-9a-f:.]{2,45}\]):(\d{1,5})$/i.exec(text) ?? [];
  return port !== undefined && Number(port) >= 1 && Number(port) <= 65535;
}

/** BEP 53: "so=0,2,4,6-8". Parts that are neither index nor range are ignored; without a usable part, null. */
function parseSelected(texts: readonly string[]): readonly FileRange[] | null {
  const ranges: FileRange[] = [];
  for (const part of texts.flatMap((text) => text.split(',', MAX_RANGES)).slice(0, MAX_RANGES)) {
    const [, from, to] = /^(\d{1,10})(?:-(\d{1,10}))?$/.exec(part.trim()) ?? [];
    if (from === undefined) continue;
    const first = Number(from);
    const last = Math.min(to === undefined ? first : Number(to), MAX_FILE_INDEX);
    if (first <= last) ranges.push({ first, last });
  }
  return ranges.length === 0 ? null : joinRanges(ranges);
}

function joinRanges(ranges: FileRange[]): readonly FileRange[] {
  const joined: { first: number; last: number }[] = [];
  for (const { first, last } of ranges.sort((a, b) => a.first - b.first)) {
    const before = joined.at(-1);
    if (before !== undefined && first <= before.last + 1) before.last = Math.max(before.last, last);
    else joined.push({ first, last });
  }
  return joined;
}
