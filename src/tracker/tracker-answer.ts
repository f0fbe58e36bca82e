/**
 * The tracker's answers over HTTP. Clients get bencoded ones, always with status 200; a refusal is a `failure reason`.
 */
import { type Encodable, encodeBencode } from '../bencode/encode.js';
import type { HttpAnswer } from './http-message.js';
import type { TrackedPeer } from './torrent-peers.js';
import type { TorrentTable } from './torrent-table.js';

export function bencodedAnswer(fields: Readonly<Record<string, Encodable>>): HttpAnswer {
  return { status: 200, contentType: 'text/plain', body: encodeBencode(new Map(Object.entries(fields))) };
}

export function failureAnswer(reason: string): HttpAnswer {
  return bencodedAnswer({ 'failure reason': reason });
}

export function textAnswer(status: number, contentType: string, text: string): HttpAnswer {
  return { status, contentType, body: Buffer.from(text) };
}

/** BEP 23 and BEP 7: IPv4 peers in `peers`, IPv6 peers in `peers6`. Without IPv6 peers there is no `peers6`. */
export function compactPeers(peers: readonly TrackedPeer[]): Record<string, Encodable> {
  const of = (family: 4 | 6) =>
    Buffer.concat(peers.filter((peer) => peer.family === family).map(({ compact }) => compact));
  const peers6 = of(6);
  return { peers: of(4), ...(peers6.length === 0 ? {} : { peers6 }) };
}

/** BEP 3: a list of dictionaries. */
export function listedPeers(peers: readonly TrackedPeer[], withPeerIds: boolean): Record<string, Encodable> {
  return {
    peers: peers.map(({ host, port, peerId }) => {
      const peer = new Map<string, Encodable>([
        ['ip', host],
        ['port', port],
      ]);
      return withPeerIds ? peer.set('peer id', peerId) : peer;
    }),
  };
}

/** One torrent on the page and in the statistics. */
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
      `<p>${table.size} torrents\n<table>\n<tr><th>info-hash<th>seeds<th>leeches<th>downloaded\n` +
      `${rows.join('')}</table>\n${more}`,
  );
}

/** `/stats.json`: the same counts, for programs. */
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
