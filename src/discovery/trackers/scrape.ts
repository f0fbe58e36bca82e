/** BEP 48 over HTTP: asks a tracker how many seeds and leeches torrents have, and how often they were downloaded. */
import { withoutEnd } from '../../base/without-end.js';
import { asDictionary, getDictionary } from '../../bencode/access.js';
import { escapeBytes, parseHttpUrl, shownUrl, type UrlOutcome } from './announce-url.js';
import type { ScrapedTorrent, ScrapeOutcome } from './tracker-client.js';
import { countOf, decodeTrackerResponse } from './tracker-response.js';

/**
 * The URL of a scrape, made of the announce URL `text`. BEP 48: the last part of the path must begin with `announce`,
 * and `scrape` takes its place. A tracker with another path has no scrape.
 */
export function scrapeUrl(text: string, infoHashes: readonly Buffer[]): UrlOutcome {
  const outcome = parseHttpUrl(text);
  if (!outcome.ok) return outcome;
  const { url } = outcome;
  const path = url.pathname.replace(/\/announce([^/]*)$/, '/scrape$1');
  if (path === url.pathname) {
    return { ok: false, code: 'forbidden', message: `${shownUrl(text)} has no scrape beside it` };
  }
  url.pathname = path;
  url.hash = '';
  const own = withoutEnd(url.search.slice(1), '&');
  const fields = infoHashes.map((infoHash) => `info_hash=${escapeBytes(infoHash)}`);
  url.search = [...(own === '' ? [] : [own]), ...fields].join('&');
  return outcome;
}

/** The counts of each torrent of `infoHashes`, in that order; null for a torrent that the tracker does not know. */
export function decodeScrapeResponse(body: Buffer, infoHashes: readonly Buffer[]): ScrapeOutcome {
  const response = decodeTrackerResponse(body);
  if (!response.ok) return response;
  const files = getDictionary(response.fields, 'files');
  if (files === undefined) return { ok: false, code: 'bad-answer', message: 'the answer has no files' };
  const torrents = infoHashes.map((infoHash): ScrapedTorrent | null => {
    const counts = asDictionary(files.get(infoHash.toString('latin1')));
    if (counts === undefined) return null;
    const [seeds, downloaded] = [countOf(counts, 'complete'), countOf(counts, 'downloaded')];
    return { seeds, downloaded, leeches: countOf(counts, 'incomplete') };
  });
  return { ok: true, torrents };
}
