/** Where a torrent says its content can be had: trackers, web seeds, DHT nodes. What is unusable is left out. */
import { asInteger, asList, asText, getList } from '../bencode/access.js';
import type { BencodeDictionary, BencodeValue } from '../bencode/bencode.js';

/**
 * Tiers of trackers, none empty, no URL twice. BEP 12: "If the client is compatible with the multitracker
 * specification, and if the "announce-list" key is present, the client will ignore the "announce" key and only use the
 * URLs in "announce-list"." A list without any usable URL counts as absent.
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
 * Web seeds, http and https only, each once. Those of a folder end in a slash, because the path of a file is added to
 * them. `url-list` is of BEP 19. `httpseeds` was meant for the scripts of BEP 17, but creators put plain URLs of BEP 19
 * there as well; a script does not answer as BEP 19 wants, and is dropped when it is tried.
 */
export function parseWebSeeds(root: BencodeDictionary, isFolder: boolean): readonly string[] {
  const seen = new Set<string>();
  return ['url-list', 'httpseeds']
    .flatMap((key): readonly (BencodeValue | undefined)[] => asList(root.get(key)) ?? [root.get(key)])
    .map((url) => webSeedUrl(url, isFolder))
    .filter((url): url is string => isNew(url, seen));
}

/** DHT nodes of BEP 5 as `host:port`, IPv6 addresses in brackets. */
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

/** Which URLs of trackers and web seeds are worth keeping, whoever names them. */

/** Bytes of UTF-8 that a URL may have; longer ones are abuse. */
const MAX_URL_LENGTH = 4096;

export function isTrackerUrl(url: string): boolean {
  return /^(https?|udp|wss?):\/\/[^/]/i.test(url) && isClean(url);
}

/** BEP 19. */
export function isWebSeedUrl(url: string): boolean {
  return /^https?:\/\/[^/]/i.test(url) && isClean(url);
}

/** A line break would end a header; U+FFFD stands for bytes that are no text. */
function isClean(url: string): boolean {
  return Buffer.byteLength(url) <= MAX_URL_LENGTH && !/[\p{Cc}\ufffd]/u.test(url);
}
