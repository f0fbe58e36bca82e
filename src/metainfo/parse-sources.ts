/** The sources that a torrent names for its content: trackers, web seeds and DHT nodes. Unusable ones are left out. */
import { asInteger, asList, asText, getList } from '../bencode/access.js';
import type { BencodeDictionary, BencodeValue } from '../bencode/bencode.js';

/**
 * Tiers of trackers. No tier is empty, and no URL occurs twice. BEP 12: "If the client is compatible with the
 * multitracker specification, and if the "announce-list" key is present, the client will ignore the "announce" key and
 * only use the URLs in "announce-list"." A list without any usable URL counts as absent.
 */
export function parseTrackers(root: BencodeDictionary): readonly (readonly string[])[] {
  const seen = new Set<string>();
  const tiers: string[][] = [];
  for (const tier of getList(root, 'announce-list') ?? []) {
    // Some creators write a list of URLs instead of a list of lists.
    const urls = (asList(tier) ?? [tier]).map(trackerUrl).filter((url) => isNew(url, seen));
    if (urls.length > 0) tiers.push(urls);
  }
  if (tiers.length > 0) return tiers;
  const announce = trackerUrl(root.get('announce'));
  return announce === undefined ? [] : [[announce]];
}

/**
 * Web seeds (BEP 19), each once, by http and https only. For a torrent that is a folder the URLs end in a slash,
 * because the path of a file is added to them.
 */
export function parseWebSeeds(root: BencodeDictionary, isFolder: boolean): readonly string[] {
  const seen = new Set<string>();
  return oneOrSeveral(root.get('url-list'))
    .map((url) => webSeedUrl(url, isFolder))
    .filter((url): url is string => isNew(url, seen));
}

/** The scripts of BEP 17, each once, by http and https only. */
export function parseHttpSeeds(root: BencodeDictionary): readonly string[] {
  const seen = new Set<string>();
  return oneOrSeveral(root.get('httpseeds'))
    .map((value) => asText(value)?.trim())
    .filter((url): url is string => url !== undefined && isWebSeedUrl(url) && isNew(url, seen));
}

/** DHT nodes (BEP 5) as `host:port`, with IPv6 addresses in brackets, each once. */
export function parseNodes(root: BencodeDictionary): readonly string[] {
  const nodes = (getList(root, 'nodes') ?? []).map((value) => {
    const [hostValue, portValue] = asList(value) ?? [];
    const host = asText(hostValue);
    const port = asInteger(portValue);
    if (host === undefined || !/^[a-z0-9._:-]{1,255}$/i.test(host)) return undefined;
    if (port === undefined || port < 1 || port > 65535) return undefined;
    return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
  });
  const seen = new Set<string>();
  return nodes.filter((node): node is string => isNew(node, seen));
}

function oneOrSeveral(value: BencodeValue | undefined): readonly (BencodeValue | undefined)[] {
  return asList(value) ?? [value];
}

function isNew(text: string | undefined, seen: Set<string>): text is string {
  if (text === undefined || seen.has(text)) return false;
  seen.add(text);
  return true;
}

function trackerUrl(value: BencodeValue | undefined): string | undefined {
  const url = asText(value)?.trim();
  return url !== undefined && isTrackerUrl(url) ? url : undefined;
}

function webSeedUrl(value: BencodeValue | undefined, isFolder: boolean): string | undefined {
  const url = asText(value)?.trim().replaceAll(' ', '%20');
  if (url === undefined || !isWebSeedUrl(url)) return undefined;
  return !isFolder || url.endsWith('/') ? url : `${url}/`;
}

/** The greatest length of a URL in bytes of UTF-8; a longer one is abuse. */
const MAX_URL_LENGTH = 4096;

/** Whether a torrent, a link or a user may name this URL as a tracker. */
export function isTrackerUrl(url: string): boolean {
  return /^(https?|udp|wss?):\/\/[^/]/i.test(url) && isClean(url);
}

/** Whether a torrent or a link may name this URL as a web seed (BEP 19). */
export function isWebSeedUrl(url: string): boolean {
  return /^https?:\/\/[^/]/i.test(url) && isClean(url);
}

/** A line break in a URL would end a header of the request. U+FFFD stands for bytes that are not text. */
function isClean(url: string): boolean {
  return Buffer.byteLength(url) <= MAX_URL_LENGTH && !/[\p{Cc}\ufffd]/u.test(url);
}
