/** What a tracker answered, as a value: whatever it sent, nothing here throws, and no more is kept than is of use. */
import { BtgetError } from '../base/failure.js';
import { asDictionary, asInteger, getBytes, getInteger, getList, getText } from '../bencode/access.js';
import { type BencodeDictionary, type BencodeValue, decodeBencode } from '../bencode/bencode.js';
import { type BencodeRules, TOLERANT } from '../bencode/guard.js';
import { decodeCompact, type IpFamily, isUnicast, parseIp } from '../net/ip-address.js';
import { printable } from './announce-url.js';
import type { AnnounceOutcome, TrackerPeer } from './tracker-client.js';

const MAX_PEERS = 200;
const MAX_MESSAGE_LENGTH = 1024;
const MAX_TRACKER_ID_LENGTH = 256;

/** Seconds. Trackers that do not say get mainline's 30 minutes. */
const DEFAULT_INTERVAL = 1800;
const MIN_INTERVAL = 60;
const MAX_INTERVAL = 86_400;

// A list of dictionaries needs seven tokens for each peer; nobody sends thousands.
const RULES: BencodeRules = { ...TOLERANT, maxDepth: 10, maxTokens: 200_000 };

export function decodeAnnounceResponse(body: Buffer): AnnounceOutcome {
  const decoded = decode(body);
  if (typeof decoded === 'string') return { ok: false, code: 'bad-answer', message: decoded };
  const reason = decoded.get('failure reason');
  if (reason !== undefined) {
    const message = readable(reason) || 'the tracker refused without a reason';
    const retryAfter = retryInOf(decoded);
    return { ok: false, code: 'refused', message, ...(retryAfter === undefined ? {} : { retryAfter }) };
  }
  const minInterval = positive(getInteger(decoded, 'min interval'));
  const interval = positive(getInteger(decoded, 'interval')) ?? DEFAULT_INTERVAL;
  return {
    ok: true,
    response: {
      interval: Math.min(Math.max(interval, minInterval ?? 0, MIN_INTERVAL), MAX_INTERVAL),
      minInterval: minInterval === undefined ? null : Math.min(minInterval, MAX_INTERVAL),
      peers: peersOf(decoded),
      seeds: countOf(decoded, 'complete'),
      leeches: countOf(decoded, 'incomplete'),
      warning: readable(decoded.get('warning message')) ?? null,
      trackerId: trackerIdOf(decoded),
    },
  };
}

/** The root dictionary, or what is wrong with the answer. */
function decode(body: Buffer): BencodeDictionary | string {
  try {
    return asDictionary(decodeBencode(body, RULES)) ?? 'the answer is not a dictionary';
  } catch (error) {
    if (error instanceof BtgetError) return `the answer is ${error.message}`;
    throw error;
  }
}

/** BEP 31's `retry in` in seconds: a number of minutes, or "never", which means as long as anything is waited for. */
function retryInOf(answer: BencodeDictionary): number | undefined {
  if (getText(answer, 'retry in') === 'never') return MAX_INTERVAL;
  const minutes = positive(getInteger(answer, 'retry in'));
  return minutes === undefined ? undefined : Math.min(minutes * 60, MAX_INTERVAL);
}

function positive(value: number | undefined): number | undefined {
  return value !== undefined && value > 0 ? value : undefined;
}

function countOf(answer: BencodeDictionary, key: string): number | null {
  const count = getInteger(answer, key);
  return count !== undefined && count >= 0 ? count : null;
}

function readable(value: BencodeValue | undefined): string | undefined {
  if (!Buffer.isBuffer(value)) return undefined;
  return printable(value.toString('utf8', 0, MAX_MESSAGE_LENGTH * 2), MAX_MESSAGE_LENGTH);
}

function trackerIdOf(answer: BencodeDictionary): string | null {
  const id = getBytes(answer, 'tracker id');
  return id !== undefined && id.length > 0 && id.length <= MAX_TRACKER_ID_LENGTH ? id.toString('latin1') : null;
}

/** The peers of all the forms that an answer may have at once, each address once. */
function peersOf(answer: BencodeDictionary): TrackerPeer[] {
  const peers = new Map<string, TrackerPeer>();
  const add = (host: string, port: number, peerId: Buffer | null): boolean => {
    const address = parseIp(host);
    if (address !== undefined && isUnicast(address) && port >= 1 && port <= 65_535) {
      const key = `${address.text} ${port}`;
      if (!peers.has(key)) peers.set(key, { host: address.text, port, peerId });
    }
    return peers.size < MAX_PEERS;
  };
  addCompact(getBytes(answer, 'peers'), 4, add);
  addCompact(getBytes(answer, 'peers6'), 6, add);
  addDictionaries(getList(answer, 'peers'), add);
  return [...peers.values()];
}

/** Takes one peer; false when there are enough of them. */
type AddPeer = (host: string, port: number, peerId: Buffer | null) => boolean;

/** BEP 23 and BEP 7: 6 or 18 bytes a peer. A rest that is no whole peer is left out. */
function addCompact(compact: Buffer | undefined, family: IpFamily, add: AddPeer): void {
  const length = family === 4 ? 6 : 18;
  for (let begin = 0; compact !== undefined && begin + length <= compact.length; begin += length) {
    const address = decodeCompact(compact.subarray(begin, begin + length), family);
    if (address !== undefined && !add(address.host, address.port, null)) return;
  }
}

/** BEP 3: dictionaries of `ip`, `port` and `peer id`. A name in the place of an address is not looked up. */
function addDictionaries(list: readonly BencodeValue[] | undefined, add: AddPeer): void {
  for (const element of list ?? []) {
    const peer = asDictionary(element);
    const host = peer === undefined ? undefined : getBytes(peer, 'ip')?.toString('latin1', 0, 64);
    const port = asInteger(peer?.get('port'));
    if (peer === undefined || host === undefined || port === undefined) continue;
    const peerId = getBytes(peer, 'peer id');
    // A copy: a view would hold the whole answer for as long as the peer is known.
    if (!add(host, port, peerId?.length === 20 ? Buffer.from(peerId) : null)) return;
  }
}
