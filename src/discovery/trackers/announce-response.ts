/** What a tracker answered, as a value: whatever it sent, nothing here throws, and no more is kept than is of use. */
import { asDictionary, asInteger, getBytes, getInteger, getList } from '../../bencode/access.js';
import type { BencodeDictionary, BencodeValue } from '../../bencode/bencode.js';
import { decodeCompact, type IpFamily, ipOfBytes, isUnicast, parseIp } from '../../net/ip-address.js';
import type { AnnounceResponse, TrackerFailure, TrackerPeer } from './tracker-client.js';
import { countOf, decodeTrackerResponse, MAX_INTERVAL, positive, readable } from './tracker-response.js';

const NOTHING: Buffer = Buffer.alloc(0);
const MAX_TRACKER_ID_LENGTH = 256;

/** Seconds. Trackers that do not say get mainline's 30 minutes. */
const DEFAULT_INTERVAL = 1800;
const MIN_INTERVAL = 60;

/** What `body` says, or why it is no answer. */
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

/** Seconds until the next announce, whatever the tracker says. */
export function saneInterval(interval: number | undefined, minInterval?: number): number {
  return Math.min(Math.max(positive(interval) ?? DEFAULT_INTERVAL, minInterval ?? 0, MIN_INTERVAL), MAX_INTERVAL);
}

function trackerIdOf(answer: BencodeDictionary): string | null {
  const id = getBytes(answer, 'tracker id');
  return id !== undefined && id.length > 0 && id.length <= MAX_TRACKER_ID_LENGTH ? id.toString('latin1') : null;
}

/** The peers of all the forms that an answer may have at once. */
function peersOf(answer: BencodeDictionary): TrackerPeer[] {
  const peers = new AnnouncedPeers();
  peers.addCompact(getBytes(answer, 'peers') ?? NOTHING, 4);
  peers.addCompact(getBytes(answer, 'peers6') ?? NOTHING, 6);
  addDictionaries(getList(answer, 'peers'), peers);
  return peers.all();
}

/** BEP 24: the address by which the tracker sees us, 4 or 16 bytes. Some say it of our place in their own network. */
function externalIpOf(answer: BencodeDictionary): string | null {
  const bytes = getBytes(answer, 'external ip');
  if (bytes?.length !== 4 && bytes?.length !== 16) return null;
  const address = ipOfBytes(bytes);
  return isUnicast(address) ? address.text : null;
}

/** BEP 3: dictionaries of `ip`, `port` and `peer id`. A name in the place of an address is not looked up. */
function addDictionaries(list: readonly BencodeValue[] | undefined, peers: AnnouncedPeers): void {
  for (const element of list ?? []) {
    const peer = asDictionary(element);
    const host = peer === undefined ? undefined : getBytes(peer, 'ip')?.toString('latin1', 0, 64);
    const port = asInteger(peer?.get('port'));
    if (peer === undefined || host === undefined || port === undefined) continue;
    const peerId = getBytes(peer, 'peer id');
    // A copy: a view would hold the whole answer for as long as the peer is known.
    if (!peers.add(host, port, peerId?.length === 20 ? Buffer.from(peerId) : null)) return;
  }
}

const MAX_PEERS = 200;

/** The peers of one answer: each address once, none that nobody can have, and no more than are of use. */
export class AnnouncedPeers {
  readonly #peers = new Map<string, TrackerPeer>();

  all(): TrackerPeer[] {
    return [...this.#peers.values()];
  }

  /** Takes one peer, unless it is nonsense; false when there are enough of them. */
  add(host: string, port: number, peerId: Buffer | null): boolean {
    const address = parseIp(host);
    if (address !== undefined && isUnicast(address) && port >= 1 && port <= 65_535) {
      const key = `${address.text} ${port}`;
      if (!this.#peers.has(key)) this.#peers.set(key, { host: address.text, port, peerId });
    }
    return this.#peers.size < MAX_PEERS;
  }

  /** BEP 23 and BEP 7: 6 or 18 bytes a peer. A rest that is no whole peer is left out. */
  addCompact(compact: Buffer, family: IpFamily): void {
    const length = family === 4 ? 6 : 18;
    for (let begin = 0; begin + length <= compact.length; begin += length) {
      const address = decodeCompact(compact.subarray(begin, begin + length), family);
      if (address !== undefined && !this.add(address.host, address.port, null)) return;
    }
  }
}
