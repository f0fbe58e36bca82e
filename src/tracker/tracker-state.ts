/** What a tracker remembers across a restart, as bytes: peers, and how often each torrent was fetched. */
import type { Millis } from '../base/clock.js';
import { BtgetError } from '../base/failure.js';
import { asBytes, asDictionary, asInteger, asList, getInteger, getList } from '../bencode/access.js';
import { type BencodeDictionary, type BencodeValue, decodeBencode } from '../bencode/bencode.js';
import { type Encodable, encodeBencode } from '../bencode/encode.js';
import { CANONICAL } from '../bencode/guard.js';
import { encodeCompact, parseIp } from '../net/ip-address.js';
import type { TrackedPeer } from './torrent-peers.js';
import type { TorrentTable } from './torrent-table.js';

const VERSION = 1;

export function encodeState(table: TorrentTable): Buffer {
  const torrents = new Map<string, Encodable>();
  for (const [infoHash, torrent] of table.all()) {
    const peers = [...torrent.all()].map(
      ({ peerId, host, port, key, complete, reachable }): Encodable => [
        peerId,
        host,
        port,
        key,
        complete ? 1 : 0,
        reachable === 'yes' ? 1 : 0,
      ],
    );
    const fields = new Map<string, Encodable>([
      ['downloaded', torrent.downloaded],
      ['peers', peers],
    ]);
    torrents.set(infoHash.toString('latin1'), fields);
  }
  return encodeBencode(
    new Map<string, Encodable>([
      ['torrents', torrents],
      ['version', VERSION],
    ]),
  );
}

/**
 * Puts into `table` what `state` holds, as if every peer had announced at `now`. False when it is nothing that
 * `encodeState` wrote; what is odd within is left out.
 */
export function restoreState(table: TorrentTable, state: Buffer, now: Millis): boolean {
  const root = decode(state);
  const torrents = asDictionary(root?.get('torrents'));
  if (root === undefined || torrents === undefined || getInteger(root, 'version') !== VERSION) return false;
  for (const [key, value] of torrents) {
    const fields = asDictionary(value);
    const infoHash = Buffer.from(key, 'latin1');
    if (fields !== undefined && infoHash.length === 20) restoreTorrent(table, infoHash, fields, now);
  }
  return true;
}

function restoreTorrent(table: TorrentTable, infoHash: Buffer, fields: BencodeDictionary, now: Millis): void {
  const torrent = table.get(infoHash) ?? table.create(infoHash);
  if (torrent === undefined) return;
  torrent.downloaded = Math.max(0, getInteger(fields, 'downloaded') ?? 0);
  for (const element of getList(fields, 'peers') ?? []) {
    const peer = peerOf(asList(element) ?? [], now);
    if (peer !== undefined && torrent.get(peer.peerId, peer.family) === undefined) table.placeFor(infoHash)?.add(peer);
  }
}

function peerOf(fields: readonly BencodeValue[], now: Millis): TrackedPeer | undefined {
  const [peerId, host, port, key, complete, reachable] = fields;
  const id = asBytes(peerId);
  const address = parseIp(asBytes(host)?.toString('latin1') ?? '');
  const portNumber = asInteger(port) ?? 0;
  if (id?.length !== 20 || address === undefined || portNumber < 1 || portNumber > 65_535) return undefined;
  const compact = encodeCompact({ host: address.text, port: portNumber });
  if (compact === undefined) return undefined;
  return {
    peerId: Buffer.from(id),
    family: address.family,
    host: address.text,
    port: portNumber,
    compact,
    key: asBytes(key)?.toString('utf8') ?? '',
    complete: complete === 1,
    lastHit: now,
    reachable: reachable === 1 ? 'yes' : 'unchecked',
    failedChecks: 0,
  };
}

function decode(state: Buffer): BencodeDictionary | undefined {
  try {
    return asDictionary(decodeBencode(state, CANONICAL));
  } catch (error) {
    if (error instanceof BtgetError) return undefined;
    throw error;
  }
}
