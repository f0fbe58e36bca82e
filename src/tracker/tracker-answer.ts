/**
 * The tracker's answers over HTTP. Clients get bencoded ones, always with status 200; a refusal is a `failure reason`.
 */
import { sha256 } from '../base/digest.js';
import { type Encodable, encodeBencode } from '../bencode/encode.js';
import { METRICS_TYPE } from '../measure/metrics-text.js';
import type { HttpAnswer } from './http-message.js';
import type { TrackedPeer } from './torrent-peers.js';
import { trackerMetrics } from './tracker-metrics.js';
import type { ListedTorrent, TrackerStanding } from './tracker-standing.js';

/** An answer that is the dictionary of `fields`. */
export function bencodedAnswer(fields: Readonly<Record<string, Encodable>>): HttpAnswer {
  return { status: 200, contentType: 'text/plain', body: encodeBencode(new Map(Object.entries(fields))) };
}

/** A refusal (BEP 3): "a human readable string which explains why the query failed". */
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

/** A browser keeps to the type that we say, and asks again each time. */
const SHOWN = { 'X-Content-Type-Options': 'nosniff', 'Cache-Control': 'no-store' };

const NOTHING = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/** The page at `/`, for people. Nothing in it runs or loads, and no other page may hold it in a frame. */
export function pageAnswer(html: string, style: string): HttpAnswer {
  const hash = sha256(Buffer.from(style)).toString('base64');
  const policy = `${NOTHING}; style-src 'sha256-${hash}'`;
  const headers = { ...SHOWN, 'Content-Security-Policy': policy };
  return { ...textAnswer(200, 'text/html; charset=utf-8', html), headers };
}

/** `/stats.json`: the same, for programs. */
export function statsAnswer(standing: TrackerStanding, listed: readonly ListedTorrent[]): HttpAnswer {
  const { version, uptime, torrents, seeds, leeches, counts } = standing;
  const stats = { torrentCount: torrents, version, uptime, seeds, leeches, ...counts, torrents: listed };
  return { ...textAnswer(200, 'application/json', `${JSON.stringify(stats)}\n`), headers: SHOWN };
}

/** `/metrics`, for Prometheus. */
export function metricsAnswer(standing: TrackerStanding): HttpAnswer {
  return { ...textAnswer(200, METRICS_TYPE, trackerMetrics(standing)), headers: SHOWN };
}
