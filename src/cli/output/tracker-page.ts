/** Writes the page of a tracker for people: HTML without scripts, in which a name is nothing but text. */
import type { ListedTorrent, TrackerStanding } from '../../tracker/tracker-standing.js';
import { abridged, printable } from './escape.js';
import { formatCount, formatDuration, formatSize } from './format.js';

/** The only style of the page. Its hash stands in the policy of the page, so not a character may differ. */
export const PAGE_STYLE = `
:root{color-scheme:light dark;--text:#1d1d1f;--ground:#fff;--dim:#63636b;--line:#d8d8de}
@media (prefers-color-scheme:dark){:root{--text:#e8e8ec;--ground:#18181b;--dim:#a2a2ac;--line:#3a3a42}}
body{margin:2rem auto;max-width:70rem;padding:0 1rem;font:1rem/1.5 system-ui,sans-serif;color:var(--text);
background:var(--ground)}
h1{font-size:1.4rem}
div{overflow-x:auto}
table{border-collapse:collapse;margin:1rem 0;font-variant-numeric:tabular-nums}
.torrents{width:100%}
th,td{padding:.3rem .8rem .3rem 0;border-bottom:1px solid var(--line);text-align:left;vertical-align:top}
th{font-weight:600}
thead th,p,code{color:var(--dim)}
td:first-child{overflow-wrap:anywhere}
.n{text-align:right;white-space:nowrap}
`;

/** In UTF-16 units. */
const MAX_NAME = 120;

/** `listed` are the torrents that have a row; there may be more. */
export function writeTrackerPage(standing: TrackerStanding, listed: readonly ListedTorrent[]): string {
  const { version, uptime, torrents, seeds, leeches, counts } = standing;
  const { announces, scrapes, refusals, completions } = counts;
  const totals: readonly (readonly [what: string, value: string])[] = [
    ['torrents', formatNumber(torrents)],
    ['seeds', formatNumber(seeds)],
    ['leeches', formatNumber(leeches)],
    ['downloads', formatNumber(completions)],
    ['announces over HTTP', formatNumber(announces.http)],
    ['announces over UDP', formatNumber(announces.udp)],
    ['announces refused', formatNumber(sum(refusals))],
    ['scrapes', formatNumber(sum(scrapes))],
    ['up for', formatDuration(uptime)],
  ];
  const more = torrents - listed.length;
  return [
    '<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n<meta name="viewport" content="width=device-width">\n',
    `<title>btget tracker</title>\n<style>${PAGE_STYLE}</style>\n<h1>btget tracker</h1>\n<table>\n`,
    ...totals.map(([what, value]) => `<tr><th scope="row">${what}<td class="n">${value}\n`),
    '</table>\n',
    ...(listed.length === 0 ? [] : torrentTable(listed)),
    more === 0 ? '' : `<p>${listed.length === 0 ? '' : 'and '}${formatCount(more, 'torrent')} not listed here\n`,
    `<p>btget ${escapeHtml(version)}\n</html>\n`,
  ].join('');
}

/** Names and sizes have columns when one of them is known. */
function torrentTable(listed: readonly ListedTorrent[]): string[] {
  const isNamed = listed.some(({ name }) => name !== null);
  const heads = [
    ...(isNamed ? ['<th scope="col">name', numberHead('size')] : []),
    ...['seeds', 'leeches', 'downloads'].map(numberHead),
    '<th scope="col">info-hash',
  ];
  const rows = listed.map(({ infoHash, name, length, seeds, leeches, downloaded }) => {
    // The name may turn the direction of writing, which ends with `bdi`.
    const shown = name === null ? '–' : `<bdi>${escapeHtml(printable(abridged(name, MAX_NAME)))}</bdi>`;
    const about = isNamed ? `<td>${shown}${numberCell(length === null ? '–' : formatSize(length))}` : '';
    const counts = [seeds, leeches, downloaded].map((count) => numberCell(formatNumber(count))).join('');
    return `<tr>${about}${counts}<td><code>${infoHash}</code>\n`;
  });
  return [
    `<div><table class="torrents">\n<thead><tr>${heads.join('')}</thead>\n<tbody>\n`,
    ...rows,
    '</table></div>\n',
  ];
}

function numberHead(what: string): string {
  return `<th scope="col" class="n">${what}`;
}

function numberCell(value: string): string {
  return `<td class="n">${value}`;
}

function formatNumber(value: number): string {
  return value < 1_000 ? String(value) : value.toLocaleString('en-US');
}

function sum(counts: Readonly<Record<string, number>>): number {
  return Object.values(counts).reduce((total, count) => total + count, 0);
}

function escapeHtml(text: string): string {
  const inText = text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
  return inText.replaceAll('"', '&quot;').replaceAll("'", '&#39;');
}
