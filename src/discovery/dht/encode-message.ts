/**
 * Encodes values as packets (KRPC). Of the bytes that a node sends, only the transaction, its tokens and the stored
 * values of BEP 44 go out again unchanged.
 */
import { type Encodable, encodeBencode, Verbatim } from '../../bencode/encode.js';
import { compactAddress, type NodeId, type Place } from './contact.js';
import type { Item, KrpcError, Query, Want } from './message.js';

/** The fields of a dictionary. A field that is null is left out. */
type Fields = Readonly<Record<string, Encodable | null>>;

/** `id` is our own. `readOnly` says that we answer no queries (BEP 43). */
export function encodeQuery(transaction: Buffer, id: NodeId, query: Query, readOnly: boolean): Buffer {
  return encode({
    a: dictionary({ id, ...argumentsOf(query) }),
    q: query.method,
    ro: flag(readOnly),
    t: transaction,
    y: 'q',
  });
}

/**
 * An answer with `id`, our own, and `fields`. It tells the asker the address `to` at which we see it. BEP 42: "all DHT
 * responses SHOULD include" it.
 */
export function encodeAnswer(transaction: Buffer, id: NodeId, fields: Fields, to: Place): Buffer {
  return encode({ ip: compactAddress(to), r: dictionary({ id, ...fields }), t: transaction, y: 'r' });
}

/** An error. It tells the asker its address `to`, as an answer does. */
export function encodeError(transaction: Buffer, { code, text }: KrpcError, to: Place): Buffer {
  return encode({ e: [code, text], ip: compactAddress(to), t: transaction, y: 'e' });
}

/** The fields of a stored value. They are the same in a query and in an answer. */
export function itemFields({ value, signed }: Item): Fields {
  return {
    v: new Verbatim(value),
    k: signed?.publicKey ?? null,
    seq: signed?.sequence ?? null,
    sig: signed?.signature ?? null,
  };
}

function argumentsOf(query: Query): Fields {
  switch (query.method) {
    case 'ping':
      return {};
    case 'find_node':
    case 'sample_infohashes':
      return { target: query.target, want: wantList(query.want) };
    case 'get_peers':
      return {
        info_hash: query.target,
        want: wantList(query.want),
        noseed: flag(query.noSeeds),
        scrape: flag(query.scrape),
      };
    case 'announce_peer':
      return {
        info_hash: query.target,
        port: query.port,
        implied_port: flag(query.impliedPort),
        seed: flag(query.isSeed),
        token: query.token,
      };
    case 'get':
      return { target: query.target, want: wantList(query.want), seq: query.newerThan };
    case 'put':
      return {
        ...itemFields(query.item),
        token: query.token,
        salt: query.salt.length === 0 ? null : query.salt,
        cas: query.expected,
      };
  }
}

function wantList({ nodes, nodes6 }: Want): Encodable | null {
  const wanted = [...(nodes ? ['n4'] : []), ...(nodes6 ? ['n6'] : [])];
  return wanted.length === 0 ? null : wanted;
}

function flag(set: boolean): 1 | null {
  return set ? 1 : null;
}

function encode(fields: Fields): Buffer {
  return encodeBencode(dictionary(fields));
}

function dictionary(fields: Fields): ReadonlyMap<string, Encodable> {
  const entries = new Map<string, Encodable>();
  for (const [key, value] of Object.entries(fields)) if (value !== null) entries.set(key, value);
  return entries;
}
