/**
 * The state that a tracker keeps for its next start, as bytes: its peers, and how often each torrent was downloaded.
 */
import type { Millis } from '../base/clock.js';
import { BtgetError } from '../base/failure.js';
import { asBytes, asDictionary, asInteger, asList, getInteger, getList } from '../bencode/access.js';
import { type BencodeDictionary, type BencodeValue, decodeBencode } from '../bencode/bencode.js';
import { CANONICAL } from '../bencode/guard.js';
import { hostKeyOf } from '../net/host-key.js';
import { encodeCompact, parseIp } from '../net/ip-address.js';
import type { TrackedPeer } from './torrent-peers.js';
import type { TorrentTable } from './torrent-table.js';

const VERSION = 1;
/** How every state begins, of any version. */
const BEGIN = Buffer.from('d8:torrentsd');

/** The whole state at once. */
export function encodeState(table: TorrentTable): Buffer {
  const slices = encodeInSlices(table, Number.POSITIVE_INFINITY);
  for (;;) {
    const slice = slices.next();
    if (slice.done) return Buffer.concat(slice.value);
  }
}

/**
 * The state in parts. Each step encodes a slice of up to `peersInTurn` peers and torrents. A change between two steps
 * may be in the state or not, but each peer in it is whole.
 */
export function* encodeInSlices(table: TorrentTable, peersInTurn: number): Generator<undefined, Buffer[]> {
  const parts: Buffer[] = [];
  // A text with one Latin-1 character for each byte: a buffer for each peer would make much garbage.
  let slice = BEGIN.toString('latin1');
  let left = peersInTurn;
  const infoHashes = [...table.all()].map(([infoHash]) => infoHash).sort((a, b) => a.compare(b));
  for (const infoHash of infoHashes) {
    const torrent = table.get(infoHash);
    if (torrent === undefined) continue;
    slice += `20:${infoHash.toString('latin1')}d10:downloadedi${torrent.downloaded}e5:peersl`;
    // Null stands for the torrent itself: a torrent without a peer costs time too.
    for (const peer of [null, ...torrent.all()]) {
      if (peer !== null) slice += encodePeer(peer);
      left -= 1;
      if (left > 0) continue;
      parts.push(Buffer.from(slice, 'latin1'));
      slice = '';
      left = peersInTurn;
      yield undefined;
    }
    slice += 'ee';
  }
  parts.push(Buffer.from(`${slice}e7:versioni${VERSION}ee`, 'latin1'));
  return parts;
}

function encodePeer({ peerId, host, port, key, complete, reachable }: TrackedPeer): string {
  const bytes = (text: string) => `${text.length}:${text}`;
  const utf8Key = Buffer.from(key, 'utf8').toString('latin1');
  const flags = `i${complete ? 1 : 0}ei${reachable === 'yes' ? 1 : 0}e`;
  return `l${bytes(peerId.toString('latin1'))}${bytes(host)}i${port}e${bytes(utf8Key)}${flags}e`;
}

/**
 * Puts the torrents and peers of `state` into `table`, as if every peer had announced at `now`. False when
 * `encodeState` cannot have written `state`. Single torrents and peers that make no sense are left out.
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

/**
 * Whether `bytes` begin as a state does, whole or not. So a state that was cut short can be told from a file of another
 * kind.
 */
export function beginsAsState(bytes: Buffer): boolean {
  const length = Math.min(bytes.length, BEGIN.length);
  return length > 0 && bytes.subarray(0, length).equals(BEGIN.subarray(0, length));
}

function restoreTorrent(table: TorrentTable, infoHash: Buffer, fields: BencodeDictionary, now: Millis): void {
  const downloaded = Math.max(0, getInteger(fields, 'downloaded') ?? 0);
  if (downloaded > 0) (table.get(infoHash) ?? table.create(infoHash, '')).downloaded = downloaded;
  for (const element of getList(fields, 'peers') ?? []) {
    const peer = peerOf(asList(element) ?? [], now);
    if (peer !== undefined && table.get(infoHash)?.get(peer.peerId, peer.family) === undefined)
      table.add(infoHash, peer);
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
    source: hostKeyOf(address),
    host: address.text,
    port: portNumber,
    compact,
    key: asBytes(key)?.toString('utf8') ?? '',
    complete: complete === 1,
    lastHit: now,
    reachable: reachable === 1 ? 'yes' : 'unchecked',
    failedChecks: 0,
    failedAt: now,
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
