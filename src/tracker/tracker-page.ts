import type { HttpAnswer } from './http-message.js';
import type { TorrentTable } from './torrent-table.js';
import { textAnswer } from './tracker-answer.js';

interface Row {
  readonly infoHash: string;
  readonly seeds: number;
  readonly leeches: number;
  readonly downloaded: number;
}

/** The page at `/`: the torrents and their counts, for people. */
export function pageAnswer(table: TorrentTable, maxListed: number): HttpAnswer {
  const rows = rowsOf(table, maxListed).map(
    ({ infoHash, seeds, leeches, downloaded }) =>
      `<tr><td><code>${infoHash}</code><td>${seeds}<td>${leeches}<td>${downloaded}\n`,
  );
  const more = table.size > rows.length ? `<p>and ${table.size - rows.length} more\n` : '';
  return textAnswer(
    200,
    'text/html; charset=utf-8',
    '<!doctype html>\n<html lang="en"><meta charset="utf-8"><title>btget tracker</title>\n<h1>btget tracker</h1>\n' +
      `<p>${table.size} torrents\n<table>\n<tr><th>info-hash<th>seeds<th>leeches<th>downloaded\n${rows.join('')}</table>\n${more}`,
  );
}

/** `/stats.json`: the same for programs. */
export function statsAnswer(table: TorrentTable, maxListed: number): HttpAnswer {
  const stats = { torrentCount: table.size, torrents: rowsOf(table, maxListed) };
  return textAnswer(200, 'application/json', `${JSON.stringify(stats)}\n`);
}

function rowsOf(table: TorrentTable, maxListed: number): Row[] {
  const rows: Row[] = [];
  for (const [infoHash, torrent] of table.all()) {
    if (rows.length >= maxListed) break;
    const { seedCount, leechCount, downloaded } = torrent;
    rows.push({ infoHash: infoHash.toString('hex'), seeds: seedCount, leeches: leechCount, downloaded });
  }
  return rows;
}
