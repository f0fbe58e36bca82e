/** What a client says in its announce: a query of binary strings, read once and checked whole. */
import { hostKey } from '../net/host-key.js';
import { isLinkLocal, isLoopback, isPrivate, isUnicast, parseIp } from '../net/ip-address.js';
import { reachesAsFar, reachOfAddress } from '../net/reach.js';

export interface AnnounceQuery {
  readonly infoHash: Buffer;
  readonly peerId: Buffer;
  readonly port: number;
  /** Where the peer is: whence the request came, or what `ip` says when that can be believed. */
  readonly host: string;
  /** The host that asks, by which shares are counted (`hostKey`). */
  readonly source: string;
  /** Nothing is left to fetch. */
  readonly complete: boolean;
  readonly event: 'started' | 'completed' | 'stopped' | null;
  /** Peers wanted; null when the client does not say. */
  readonly numwant: number | null;
  /** Empty when the client sent none. */
  readonly key: string;
  readonly compact: boolean;
  readonly withPeerIds: boolean;
}

const MAX_KEY_LENGTH = 40;
/** Torrents in one scrape, as over UDP (BEP 15). */
const MAX_SCRAPED = 74;

/** What a tracker reads, and how many values of each field: a scrape names several torrents. */
const MAX_VALUES: ReadonlyMap<string, number> = new Map([
  ['info_hash', MAX_SCRAPED],
  ...['peer_id', 'port', 'ip', 'left', 'event', 'numwant', 'key', 'compact', 'no_peer_id'].map(
    (name): [string, number] => [name, 1],
  ),
]);

/** The fields of a query that a tracker reads; of one that may come more than once, its values in order. */
export type QueryFields = ReadonlyMap<string, readonly Buffer[]>;

/** Nothing is made of what is not read: a hostile query is fields from end to end. */
export function parseQuery(query: string): QueryFields {
  const fields = new Map<string, Buffer[]>();
  let mark = -1;
  for (let begin = 0, end = 0; end !== -1; begin = end + 1) {
    end = query.indexOf('&', begin);
    if (mark < begin) mark = query.indexOf('=', begin);
    if (mark === -1) break;
    if (end !== -1 && mark > end) continue;
    const name = nameOf(query.slice(begin, mark));
    const values = fields.get(name) ?? [];
    if (values.length >= (MAX_VALUES.get(name) ?? 0)) continue;
    values.push(unescapeBytes(query.slice(mark + 1, end === -1 ? undefined : end)));
    fields.set(name, values);
  }
  return fields;
}

function nameOf(raw: string): string {
  return raw.includes('%') ? unescapeBytes(raw).toString('latin1') : raw;
}

/** Every `%XX` as its byte; a `%` that escapes nothing, and a `+`, stand for themselves. */
function unescapeBytes(text: string): Buffer {
  const latin1 = text.replace(/%([0-9a-f]{2})/gi, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 16)),
  );
  return Buffer.from(latin1, 'latin1');
}

/** The announce that `fields` spell, or the reason why it is none, for the client's eyes. */
export function readAnnounce(fields: QueryFields, remoteHost: string): AnnounceQuery | string {
  const infoHash = fields.get('info_hash')?.[0];
  const peerId = fields.get('peer_id')?.[0];
  const text = (name: string) => fields.get(name)?.[0]?.toString('latin1');
  const port = wholeNumber(text('port'));
  if (infoHash?.length !== 20) return 'info_hash is not 20 bytes';
  if (peerId?.length !== 20) return 'peer_id is not 20 bytes';
  if (port === null || port < 1 || port > 65_535) return 'port is not a number from 1 to 65535';
  const event = text('event');
  return {
    infoHash,
    peerId,
    port,
    host: hostOf(remoteHost, text('ip')),
    source: hostKey(remoteHost),
    complete: wholeNumber(text('left')) === 0,
    // What BEP 3 does not know, as `paused` of BEP 21, is a plain announce.
    event: event === 'started' || event === 'completed' || event === 'stopped' ? event : null,
    numwant: wholeNumber(text('numwant')),
    // The same client's key over UDP is a number: its digits must not differ in case.
    key: (text('key') ?? '').slice(0, MAX_KEY_LENGTH).toLowerCase(),
    compact: text('compact') === '1',
    withPeerIds: text('no_peer_id') !== '1',
  };
}

/**
 * A client of the tracker's own network may say by which address the world knows it: one that reaches at least as far
 * as its own. Believed of anybody, that would let strangers send a swarm to any victim.
 */
export function hostOf(remoteHost: string, claimed: string | undefined): string {
  const remote = parseIp(remoteHost);
  if (remote === undefined) throw new Error(`a client without an address: ${remoteHost}`);
  const claim = claimed === undefined ? undefined : parseIp(claimed);
  const local = isLoopback(remote) || isPrivate(remote) || isLinkLocal(remote);
  if (!local || claim === undefined || !isUnicast(claim)) return remote.text;
  return reachesAsFar(reachOfAddress(claim), reachOfAddress(remote)) ? claim.text : remote.text;
}

function wholeNumber(text: string | undefined): number | null {
  return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : null;
}
