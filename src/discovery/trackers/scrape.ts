/** BEP 48: how torrents stand, asked over HTTP. */
import { asDictionary, getDictionary } from '../../bencode/access.js';
import { escapeBytes, parseHttpUrl, shownUrl, type UrlOutcome } from './announce-url.js';
import type { ScrapedTorrent, ScrapeOutcome } from './tracker-client.js';
import { countOf, decodeTrackerResponse } from './tracker-response.js';

/**
 * The URL at which the tracker of the announce URL `text` is scraped. BEP 48: the last part of the path must begin with
 * `announce`, which `scrape` takes the place of; trackers with other paths have no scrape.
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
  const own = url.search.slice(1).replace(/&+$/, '');
  const fields = infoHashes.map((infoHash) => `info_hash=${escapeBytes(infoHash)}`);
  url.search = [...(own === '' ? [] : [own]), ...fields].join('&');
  return outcome;
}

/** The torrents of `infoHashes` in that order, null for each of which the tracker knows nothing. */
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
