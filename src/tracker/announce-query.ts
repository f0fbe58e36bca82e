/** Reads and checks what a client says in its announce. Over HTTP that is a query of binary strings. */
import { isLinkLocal, isLoopback, isPrivate, isUnicast, parseIp } from '../net/ip-address.js';
import { reachesAsFar, reachOfAddress } from '../net/reach.js';
import { MAX_SCRAPED } from '../wire/udp-tracker-request.js';

/** An announce whose values are checked. */
export interface AnnounceQuery {
  /** 20 bytes. */
  readonly infoHash: Buffer;
  /** 20 bytes. */
  readonly peerId: Buffer;
  /** 1 to 65535. */
  readonly port: number;
  /** The peer's address, an IP literal: the sender of the request, or what `ip` says when we can believe it. */
  readonly host: string;
  /** The address that sent the request. The tracker counts shares by it. */
  readonly remoteHost: string;
  /** Nothing is left to fetch. */
  readonly complete: boolean;
  readonly event: 'started' | 'completed' | 'stopped' | null;
  /** How many peers the client wants; null when it does not say. */
  readonly numwant: number | null;
  /** Empty when the client sent none. */
  readonly key: string;
  /** Whether the client wants its peers in the form of BEP 23. */
  readonly compact: boolean;
  /** Whether a list of dictionaries has the peers' ids. */
  readonly withPeerIds: boolean;
}

const MAX_KEY_LENGTH = 40;

/** The fields that a tracker reads, and the most values of each. A scrape names as many torrents as over UDP. */
const MAX_VALUES: ReadonlyMap<string, number> = new Map([
  ['info_hash', MAX_SCRAPED],
  ...['peer_id', 'port', 'ip', 'left', 'event', 'numwant', 'key', 'compact', 'no_peer_id'].map(
    (name): [string, number] => [name, 1],
  ),
]);

/** The fields of a query that a tracker reads. A field that came more than once has its values in order. */
export type QueryFields = ReadonlyMap<string, readonly Buffer[]>;

/** Splits a query. It makes no text of the fields that no tracker reads, because a hostile query is full of them. */
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

/** Turns every `%XX` into its byte. A `%` that escapes nothing, and a `+`, stay as they are. */
function unescapeBytes(text: string): Buffer {
  const latin1 = text.replace(/%([0-9a-f]{2})/gi, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 16)),
  );
  return Buffer.from(latin1, 'latin1');
}

/** The announce in `fields`, or a sentence that tells the client what is wrong. `remoteHost` is an IP literal. */
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
    remoteHost,
    complete: wholeNumber(text('left')) === 0,
    // An event that BEP 3 does not know, such as `paused` of BEP 21, is a plain announce.
    event: event === 'started' || event === 'completed' || event === 'stopped' ? event : null,
    numwant: wholeNumber(text('numwant')),
    // Over UDP the same client's key is a number. Lower case makes both equal.
    key: (text('key') ?? '').slice(0, MAX_KEY_LENGTH).toLowerCase(),
    compact: text('compact') === '1',
    withPeerIds: text('no_peer_id') !== '1',
  };
}

/**
 * The address of a client at `remoteHost` that claims to be at `claimed`. A client in the tracker's own network may
 * name the address by which the world knows it, if that reaches at least as far as its own. If we believed every
 * client, a stranger could send a swarm to any victim.
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
