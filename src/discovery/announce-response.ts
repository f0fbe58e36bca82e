/** What a tracker answered, as a value: whatever it sent, nothing here throws, and no more is kept than is of use. */
import { BtgetError } from '../base/failure.js';
import { asDictionary, asInteger, getBytes, getInteger, getList, getText } from '../bencode/access.js';
import { type BencodeDictionary, type BencodeValue, decodeBencode } from '../bencode/bencode.js';
import { type BencodeRules, TOLERANT } from '../bencode/guard.js';
import { ipOfBytes, isUnicast } from '../net/ip-address.js';
import { printable } from './announce-url.js';
import { AnnouncedPeers } from './announced-peers.js';
import type { AnnounceOutcome, TrackerPeer } from './tracker-client.js';

const NOTHING: Buffer = Buffer.alloc(0);
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
    const message = refusalMessage(reason);
    const retryAfter = retryInOf(decoded);
    return { ok: false, code: 'refused', message, ...(retryAfter === undefined ? {} : { retryAfter }) };
  }
  const minInterval = positive(getInteger(decoded, 'min interval'));
  return {
    ok: true,
    response: {
      interval: saneInterval(getInteger(decoded, 'interval'), minInterval),
      minInterval: minInterval === undefined ? null : Math.min(minInterval, MAX_INTERVAL),
      peers: peersOf(decoded),
      seeds: countOf(decoded, 'complete'),
      leeches: countOf(decoded, 'incomplete'),
      warning: readable(decoded.get('warning message')) ?? null,
      trackerId: trackerIdOf(decoded),
      externalIp: externalIpOf(decoded),
    },
  };
}

/** Seconds until the next announce, whatever the tracker says. */
export function saneInterval(interval: number | undefined, minInterval?: number): number {
  return Math.min(Math.max(positive(interval) ?? DEFAULT_INTERVAL, minInterval ?? 0, MIN_INTERVAL), MAX_INTERVAL);
}

/** The tracker's reason for a refusal as a sentence to show. */
export function refusalMessage(reason: BencodeValue): string {
  return readable(reason) || 'the tracker refused without a reason';
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
