/**
 * Magnet links (BEP 9, with the file selection of BEP 53): what they say of a torrent whose metainfo is not there yet.
 */
import { toHex } from '../base/bytes.js';
import { BtgetError } from '../base/failure.js';
import { redactText, redactUrl } from '../base/redaction.js';
import type { InfoHash, Metainfo } from './metainfo.js';
import { isTrackerUrl, isWebSeedUrl } from './parse-sources.js';

/** Files by index, `first` to `last`, both included. */
export interface FileRange {
  readonly first: number;
  readonly last: number;
}

export interface MagnetLink {
  /** Null when the link names the torrent by its v2 hash alone. */
  readonly infoHash: InfoHash | null;
  /** 32 bytes; one of both hashes is there. */
  readonly infoHashV2: Buffer | null;
  /** What the torrent is called until its own name is known. May hold anything that a display must escape. */
  readonly name: string | null;
  /** Bytes of the whole content, as the link claims. */
  readonly length: number | null;
  /** Each URL once. */
  readonly trackers: readonly string[];
  readonly webSeeds: readonly string[];
  /** `host:port`, names allowed, IPv6 addresses in brackets. */
  readonly peers: readonly string[];
  /** DHT nodes, likewise. */
  readonly nodes: readonly string[];
  /** The files that the link selects, sorted, apart from each other; null for all. */
  readonly selected: readonly FileRange[] | null;
}

/** Characters of a link; longer ones are abuse, and the shell's own limit for one argument is 128 KiB. */
export const MAX_MAGNET_LENGTH = 128 * 1024;
/** How many trackers, web seeds, peers and nodes are kept of each kind. */
const MAX_SOURCES = 100;
const MAX_FILE_INDEX = 2_097_151;
const MAX_RANGES = 10_000;
const MAX_SHOWN_LENGTH = 2_000;
/** The parameters that mean something, and how many of one key are looked at. */
const KEYS: ReadonlySet<string> = new Set(['xt', 'dn', 'xl', 'tr', 'ws', 'x.pe', 'dht', 'so']);
const MAX_VALUES = 200;
/** Characters of a key, escapes and what else gets in front of it included. */
const MAX_KEY_LENGTH = 100;

/**
 * Throws 'magnet-invalid' when the text is no magnet link, or does not name one torrent. Everything else that is
 * unusable in it is left out: links are passed on by hand, and get damaged.
 */
export function parseMagnet(link: string): MagnetLink {
  if (link.length > MAX_MAGNET_LENGTH) {
    throw invalid(`is longer than ${MAX_MAGNET_LENGTH} characters`, `${redactUrl(link).slice(0, 60)}…`);
  }
  const values = parseQuery(queryOf(link));
  const { infoHash, infoHashV2 } = parseTopics(values.get('xt') ?? [], link);
  const texts = (key: string): string[] => (values.get(key) ?? []).flatMap(({ text }) => text ?? []);
  const length = texts('xl').find((text) => /^\d{1,15}$/.test(text));
  return {
    infoHash,
    infoHashV2,
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

/** The link of a bare info-hash, as people hand it on: 40 digits of hex or 32 of base32 (BEP 9). */
export function parseInfoHash(text: string): InfoHash | undefined {
  if (/^[0-9a-f]{40}$/i.test(text)) return Buffer.from(text, 'hex');
  return /^[a-z2-7]{32}$/i.test(text) ? decodeBase32(text) : undefined;
}

export function formatMagnet(link: MagnetLink): string {
  const parameters: [key: string, value: string][] = [];
  if (link.infoHash !== null) parameters.push(['xt', `urn:btih:${toHex(link.infoHash)}`]);
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

/** The link to a torrent that is here: all who have only that can find it and its trackers. */
export function linkOf(metainfo: Metainfo): MagnetLink {
  const { infoHash, infoHashV2, name, files, trackers, webSeeds } = metainfo;
  return {
    infoHash,
    infoHashV2,
    name,
    length: files.reduce((sum, file) => (file.padding ? sum : sum + file.length), 0),
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
 * The link, or as much of its ends as a sentence may hold. Half a parameter might be half a secret, and is left out.
 */
function shownLink(link: string): string {
  if (link.length <= MAX_SHOWN_LENGTH) return link;
  const [head, tail] = [link.slice(0, MAX_SHOWN_LENGTH / 2), link.slice(-MAX_SHOWN_LENGTH / 2)];
  const [headEnd, tailBegin] = [head.lastIndexOf('&'), tail.indexOf('&')];
  const shownHead = head.slice(0, headEnd === -1 ? 60 : headEnd);
  return `${shownHead}…${tailBegin === -1 ? '' : tail.slice(tailBegin)}`;
}

/** What stands behind a key. */
interface Value {
  /** Null when an escape in it is broken. */
  readonly text: string | null;
  /** The same; a broken escape stands for itself. */
  readonly asItStands: string;
}

/**
 * What follows the scheme: `magnet:?` by rights; people and programs write `magnet://?`, `magnet:/?` and `magnet:` too,
 * and some escape the whole link.
 */
function queryOf(link: string): string {
  const plain = /^magnet%3a/i.test(link) ? unescapeText(link) : link;
  // A link is broken over lines where it is quoted; URL parsers leave these characters out, too.
  const query = /^magnet:\/{0,2}\??(.*=.*)$/i.exec(plain.replace(/[\t\r\n]+/g, ''))?.[1];
  if (query === undefined) throw invalid('has no parameters', link);
  return query;
}

/**
 * The values of each key in order. `tr.1` is a `tr`: the numbers only keep keys apart. A link that is copied out of the
 * source of a page has `&amp;` for `&`.
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
    // Nothing is made of what does not count: a hostile link is parameters from end to end.
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

/** ':', '/' and ',' mean nothing within a value, and links are read by people. */
function escapeValue(value: string): string {
  return encodeURIComponent(Buffer.from(value).toString())
    .replaceAll('%3A', ':')
    .replaceAll('%2F', '/')
    .replaceAll('%2C', ',');
}

function parseTopics(values: readonly Value[], link: string): Pick<MagnetLink, 'infoHash' | 'infoHashV2'> {
  const topics = values.flatMap(({ text }) => text ?? []);
  const one = (hashes: readonly Buffer[]): Buffer | null => {
    const [hash = null, ...others] = hashes;
    if (others.some((other) => hash?.equals(other) === false)) throw invalid('names two different torrents', link);
    return hash;
  };
  const infoHash = one(topics.flatMap((topic) => parseInfoHash(/^urn:btih:(.*)$/is.exec(topic)?.[1] ?? '') ?? []));
  // BEP 52 names the hash as a multihash: 0x12 is SHA-256, 0x20 its length.
  const v2 = topics.flatMap((topic) => /^urn:btmh:1220([0-9a-f]{64})$/i.exec(topic)?.[1] ?? []);
  const infoHashV2 = one(v2.map((hash) => Buffer.from(hash, 'hex')));
  if (infoHash !== null || infoHashV2 !== null) return { infoHash, infoHashV2 };
  const broken = values.find(({ text }) => text === null);
  if (broken !== undefined)
    throw invalid(`holds a broken escape (${redactText(broken.asItStands).slice(0, 60)})`, link);
  if (topics.length === 0) throw invalid('names no torrent (no xt=urn:btih:…)', link);
  throw invalid(`has an xt that is no info-hash (${shownLink(topics[0] ?? '')})`, link);
}

/** RFC 4648, without padding. */
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

/** BEP 53: "so=0,2,4,6-8". What is no index or no range says nothing; no usable one at all means all files. */
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

export interface V1MagnetLink extends MagnetLink {
  readonly infoHash: InfoHash;
}

const SAYS_NOTHING: MagnetLink = {
  infoHash: null,
  infoHashV2: null,
  name: null,
  length: null,
  trackers: [],
  webSeeds: [],
  peers: [],
  nodes: [],
  selected: null,
};

/**
 * Links by which a torrent can be begun: those that name it by the hash that peers and trackers know.
 *
 * A magnet link, or an info-hash, which is a link that says nothing else, alone or as `urn:btih:…`. Throws
 * 'magnet-invalid' as `parseMagnet` does, and 'torrent-invalid' when it names a torrent of version 2 alone.
 */
export function parseV1Link(text: string): V1MagnetLink {
  const isHash = /^[0-9a-z]*$/i.test(text);
  const link = isHash ? linkOfHash(text) : parseMagnet(/^urn:/i.test(text) ? `magnet:?xt=${text}` : text);
  const { infoHash } = link;
  if (infoHash !== null) return { ...link, infoHash };
  throw new BtgetError('torrent-invalid', `torrents of version 2 alone are not supported yet: ${shownLink(text)}`);
}

function linkOfHash(text: string): MagnetLink {
  const infoHash = parseInfoHash(text) ?? null;
  if (infoHash !== null || /^[0-9a-f]{64}$/i.test(text)) return { ...SAYS_NOTHING, infoHash };
  throw new BtgetError('magnet-invalid', `neither a magnet link nor an info-hash: ${shownLink(text)}`);
}
