/**
 * Reads a tracker's answer to an announce. No bytes make it throw, and it keeps no more of the answer than we can use.
 */
import { asDictionary, asInteger, getBytes, getInteger, getList } from '../../bencode/access.js';
import type { BencodeDictionary, BencodeValue } from '../../bencode/bencode.js';
import { decodeCompact, type IpFamily, ipOfBytes, isUnicast, parseIp } from '../../net/ip-address.js';
import type { AnnounceResponse, TrackerFailure, TrackerPeer } from './tracker-client.js';
import { countOf, decodeTrackerResponse, MAX_INTERVAL, positive, readable } from './tracker-response.js';

const NOTHING: Buffer = Buffer.alloc(0);
const MAX_TRACKER_ID_LENGTH = 256;

/** Seconds; mainline's 30 minutes, for trackers that name no interval. */
const DEFAULT_INTERVAL = 1800;
/** Seconds. We do not believe a shorter interval. */
const MIN_INTERVAL = 60;

/** The answer in `body`, or the tracker's refusal, or what is wrong with `body`. */
export function decodeAnnounceResponse(
  body: Buffer,
): { readonly ok: true; readonly response: AnnounceResponse } | TrackerFailure {
  const answer = decodeTrackerResponse(body);
  if (!answer.ok) return answer;
  const { fields } = answer;
  const minInterval = positive(getInteger(fields, 'min interval'));
  return {
    ok: true,
    response: {
      interval: saneInterval(getInteger(fields, 'interval'), minInterval),
      minInterval: minInterval === undefined ? null : Math.min(minInterval, MAX_INTERVAL),
      peers: peersOf(fields),
      seeds: countOf(fields, 'complete'),
      leeches: countOf(fields, 'incomplete'),
      warning: readable(fields.get('warning message')) ?? null,
      trackerId: trackerIdOf(fields),
      externalIp: externalIpOf(fields),
    },
  };
}

/** Seconds until the next announce: what the tracker says, within `MIN_INTERVAL` and `MAX_INTERVAL`. */
export function saneInterval(interval: number | undefined, minInterval?: number): number {
  return Math.min(Math.max(positive(interval) ?? DEFAULT_INTERVAL, minInterval ?? 0, MIN_INTERVAL), MAX_INTERVAL);
}

/** We take at most this many peers of one answer. */
const MAX_PEERS = 200;

/** The peers of one answer: each address once, only addresses that a host can have, and at most `MAX_PEERS`. */
export class AnnouncedPeers {
  readonly #peers = new Map<string, TrackerPeer>();

  all(): TrackerPeer[] {
    return [...this.#peers.values()];
  }

  /** Takes one peer, unless its address or its port is impossible. False when there are enough peers. */
  add(host: string, port: number, peerId: Buffer | null): boolean {
    const address = parseIp(host);
    if (address !== undefined && isUnicast(address) && port >= 1 && port <= 65_535) {
      const key = `${address.text} ${port}`;
      if (!this.#peers.has(key)) this.#peers.set(key, { host: address.text, port, peerId });
    }
    return this.#peers.size < MAX_PEERS;
  }

  /** BEP 23 and BEP 7: 6 or 18 bytes for each peer. Bytes at the end that are no whole peer are left out. */
  addCompact(compact: Buffer, family: IpFamily): void {
    const length = family === 4 ? 6 : 18;
    for (let begin = 0; begin + length <= compact.length; begin += length) {
      const address = decodeCompact(compact.subarray(begin, begin + length), family);
      if (address !== undefined && !this.add(address.host, address.port, null)) return;
    }
  }
}

function trackerIdOf(answer: BencodeDictionary): string | null {
  const id = getBytes(answer, 'tracker id');
  return id !== undefined && id.length > 0 && id.length <= MAX_TRACKER_ID_LENGTH ? id.toString('latin1') : null;
}

/** The peers of the answer, which may have them in several forms at once. */
function peersOf(answer: BencodeDictionary): TrackerPeer[] {
  const peers = new AnnouncedPeers();
  peers.addCompact(getBytes(answer, 'peers') ?? NOTHING, 4);
  peers.addCompact(getBytes(answer, 'peers6') ?? NOTHING, 6);
  addDictionaries(getList(answer, 'peers'), peers);
  return peers.all();
}

/**
 * BEP 24: the address at which the tracker sees us, 4 or 16 bytes. A tracker in our network tells a private address.
 */
function externalIpOf(answer: BencodeDictionary): string | null {
  const bytes = getBytes(answer, 'external ip');
  if (bytes?.length !== 4 && bytes?.length !== 16) return null;
  const address = ipOfBytes(bytes);
  return isUnicast(address) ? address.text : null;
}

/**
 * BEP 3: dictionaries of `ip`, `port` and `peer id`. We do not look up a name that stands in the place of an address.
 */
function addDictionaries(list: readonly BencodeValue[] | undefined, peers: AnnouncedPeers): void {
  for (const element of list ?? []) {
    const peer = asDictionary(element);
    const host = peer === undefined ? undefined : getBytes(peer, 'ip')?.toString('latin1', 0, 64);
    const port = asInteger(peer?.get('port'));
    if (peer === undefined || host === undefined || port === undefined) continue;
    const peerId = getBytes(peer, 'peer id');
    // A copy, because a view would keep the whole answer in memory for as long as we know the peer.
    if (!peers.add(host, port, peerId?.length === 20 ? Buffer.from(peerId) : null)) return;
  }
}
