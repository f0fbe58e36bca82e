/** Decodes the packets of other nodes (KRPC) into values. Nothing here throws, whatever bytes a node sends. */
import { BtgetError } from '../../base/failure.js';
import {
  asBytes,
  asDictionary,
  asInteger,
  getBytes,
  getDictionary,
  getInteger,
  getList,
} from '../../bencode/access.js';
import { type BencodeDictionary, type BencodeValue, decodeBencode, decodeBencodeParts } from '../../bencode/bencode.js';
import { type BencodeRules, TOLERANT } from '../../bencode/guard.js';
import { decodeCompact } from '../../net/ip-address.js';
import type { PeerAddress } from '../../net/raw-server.js';
import { type Contact, decodeContacts, ID_LENGTH } from './contact.js';
import {
  type Answer,
  KRPC_ERROR,
  type KrpcError,
  MAX_PACKET_LENGTH,
  type Malformed,
  type Message,
  type Query,
  type Signed,
  type Want,
} from './message.js';

// A stored value (BEP 44) has up to 1000 bytes and may be nested deeply, since two bytes make a list.
const RULES: BencodeRules = { ...TOLERANT, maxDepth: 100, maxTokens: MAX_PACKET_LENGTH };
const MAX_TRANSACTION_LENGTH = 32;
/** For the write tokens that other nodes give us and that we send back to them. */
const MAX_TOKEN_LENGTH = 128;
const MAX_ERROR_LENGTH = 200;
/** BEP 5: "the K (8) closest good nodes". Some nodes send twice as many. */
const MAX_CONTACTS = 16;
const MAX_SEQUENCE = 0x7fff_ffff_ffff_ffffn;

/** Decodes one packet. The value holds copies: `packet` may be overwritten afterwards. */
export function decodeMessage(packet: Buffer): Message | Malformed {
  if (packet.length > MAX_PACKET_LENGTH) return rubbish(`${packet.length} bytes`);
  const root = dictionaryOf(packet);
  if (typeof root === 'string') return rubbish(root);
  const transaction = copyOf(root, 't', 0, MAX_TRANSACTION_LENGTH);
  if (transaction === undefined) return rubbish('no transaction');
  switch (getBytes(root, 'y')?.toString('latin1')) {
    case 'q':
      return decodeQuery(packet, root, transaction);
    case 'r':
      return decodeAnswer(root, transaction);
    case 'e':
      return { kind: 'error', transaction, error: errorOf(root) };
    default:
      return rubbish('neither query, response nor error');
  }
}

function rubbish(why: string): Malformed {
  return { kind: 'rubbish', why };
}

function dictionaryOf(packet: Buffer): BencodeDictionary | string {
  try {
    return asDictionary(decodeBencode(packet, RULES)) ?? 'not a dictionary';
  } catch (error) {
    if (error instanceof BtgetError) return error.message;
    throw error;
  }
}

function decodeQuery(packet: Buffer, root: BencodeDictionary, transaction: Buffer): Message | Malformed {
  const bad = (error: KrpcError): Malformed => ({ kind: 'bad-query', transaction, error });
  const method = getBytes(root, 'q')?.toString('latin1');
  const args = getDictionary(root, 'a');
  if (method === undefined || args === undefined) return bad(invalid('no method or no arguments'));
  const query = queryOf(method, args, packet);
  if ('code' in query) return bad(query);
  const id = copyOf(args, 'id', ID_LENGTH);
  if (id === undefined) return bad(invalid('id is not 20 bytes'));
  return { kind: 'query', transaction, id, query, readOnly: isSet(root, 'ro') };
}

function queryOf(method: string, args: BencodeDictionary, packet: Buffer): Query | KrpcError {
  if (method === 'ping') return { method };
  if (method === 'put') return putOf(args, packet);
  if (method === 'announce_peer') return announceOf(args);
  const isGetPeers = method === 'get_peers';
  if (!isGetPeers && method !== 'find_node' && method !== 'get' && method !== 'sample_infohashes') {
    return { code: KRPC_ERROR.methodUnknown, text: 'method unknown' };
  }
  const target = copyOf(args, isGetPeers ? 'info_hash' : 'target', ID_LENGTH);
  if (target === undefined) return invalid('the target is not 20 bytes');
  const want = wantOf(args);
  if (isGetPeers) return { method, target, want, noSeeds: isSet(args, 'noseed'), scrape: isSet(args, 'scrape') };
  if (method !== 'get') return { method, target, want };
  return { method, target, want, newerThan: sequenceOf(args.get('seq')) ?? null };
}

function announceOf(args: BencodeDictionary): Query | KrpcError {
  const target = copyOf(args, 'info_hash', ID_LENGTH);
  const token = copyOf(args, 'token', 0, MAX_TOKEN_LENGTH);
  if (target === undefined || token === undefined) return invalid('no info_hash or no token');
  const impliedPort = (getInteger(args, 'implied_port') ?? 0) !== 0;
  const given = getInteger(args, 'port') ?? 0;
  const port = given >= 1 && given <= 65_535 ? given : 0;
  if (!impliedPort && port === 0) return invalid('invalid port');
  return { method: 'announce_peer', target, token, port, impliedPort, isSeed: isSet(args, 'seed') };
}

function putOf(args: BencodeDictionary, packet: Buffer): Query | KrpcError {
  const token = copyOf(args, 'token', 0, MAX_TOKEN_LENGTH);
  const value = storedValue(args, packet);
  if (token === undefined || value === undefined) return invalid('no token or no value');
  const expected = args.has('cas') ? sequenceOf(args.get('cas')) : null;
  const salt = args.has('salt') ? copyOf(args, 'salt', 0, MAX_PACKET_LENGTH) : Buffer.alloc(0);
  if (expected === undefined || salt === undefined) return invalid('invalid cas or salt');
  if (!args.has('k')) return { method: 'put', token, item: { value, signed: null }, salt, expected };
  const signed = signedOf(args);
  if (signed === undefined) return invalid('invalid k, sig or seq');
  return { method: 'put', token, item: { value, signed }, salt, expected };
}

function decodeAnswer(root: BencodeDictionary, transaction: Buffer): Message | Malformed {
  const fields = getDictionary(root, 'r');
  const id = fields === undefined ? undefined : copyOf(fields, 'id', ID_LENGTH);
  if (fields === undefined || id === undefined) return rubbish('a response without an id');
  const answer: Answer = {
    id,
    contacts: contactsOf(fields),
    peers: peersOf(fields),
    token: copyOf(fields, 'token', 0, MAX_TOKEN_LENGTH) ?? null,
  };
  return { kind: 'answer', transaction, answer, seenAs: addressOf(root.get('ip')) ?? null };
}

function contactsOf(fields: BencodeDictionary): Contact[] {
  const nodes = getBytes(fields, 'nodes') ?? Buffer.alloc(0);
  const nodes6 = getBytes(fields, 'nodes6') ?? Buffer.alloc(0);
  return [...decodeContacts(nodes, 4, MAX_CONTACTS), ...decodeContacts(nodes6, 6, MAX_CONTACTS)];
}

/** BEP 32: a node must accept "hybrid values lists" of both families. Elements of any other length are left out. */
function peersOf(fields: BencodeDictionary): PeerAddress[] {
  const peers: PeerAddress[] = [];
  for (const element of getList(fields, 'values') ?? []) {
    const peer = addressOf(element);
    if (peer !== undefined) peers.push(peer);
  }
  return peers;
}

function signedOf(fields: BencodeDictionary): Signed | undefined {
  const publicKey = copyOf(fields, 'k', 32);
  const signature = copyOf(fields, 'sig', 64);
  const sequence = sequenceOf(fields.get('seq'));
  if (publicKey === undefined || signature === undefined || sequence === undefined) return undefined;
  return { publicKey, signature, sequence };
}

/**
 * The bytes of `v` in the arguments `args` of the packet. BEP 44: "It is important to use the verbatim bencoded
 * representation as it appeared in the message." Undefined also when a key appears twice, which makes them ambiguous.
 */
function storedValue(args: BencodeDictionary, packet: Buffer): Buffer | undefined {
  if (!args.has('v')) return undefined;
  try {
    const { raw: dictionary } = decodeBencodeParts(packet, { ...RULES, rawKey: 'a' });
    if (dictionary === null) return undefined;
    const { raw: value } = decodeBencodeParts(dictionary, { ...RULES, rawKey: 'v' });
    return value === null ? undefined : Buffer.from(value);
  } catch (error) {
    if (error instanceof BtgetError) return undefined;
    throw error;
  }
}

function errorOf(root: BencodeDictionary): KrpcError {
  const [code, text] = getList(root, 'e') ?? [];
  return {
    code: asInteger(code) ?? KRPC_ERROR.generic,
    text: asBytes(text)?.toString('utf8', 0, MAX_ERROR_LENGTH) ?? '',
  };
}

function addressOf(value: BencodeValue | undefined): PeerAddress | undefined {
  const compact = asBytes(value);
  if (compact?.length === 6) return decodeCompact(compact, 4);
  return compact?.length === 18 ? decodeCompact(compact, 6) : undefined;
}

function wantOf(args: BencodeDictionary): Want {
  const wanted = (getList(args, 'want') ?? []).map((element) => asBytes(element)?.toString('latin1'));
  return { nodes: wanted.includes('n4'), nodes6: wanted.includes('n6') };
}

function sequenceOf(value: BencodeValue | undefined): bigint | undefined {
  if (typeof value !== 'number' && typeof value !== 'bigint') return undefined;
  const sequence = BigInt(value);
  return sequence >= 0n && sequence <= MAX_SEQUENCE ? sequence : undefined;
}

function isSet(dictionary: BencodeDictionary, key: string): boolean {
  return getInteger(dictionary, key) === 1;
}

/** A copy of the string at `key`. Undefined when its length is not `shortest` to `longest` bytes. */
function copyOf(dictionary: BencodeDictionary, key: string, shortest: number, longest = shortest): Buffer | undefined {
  const bytes = getBytes(dictionary, key);
  return bytes !== undefined && bytes.length >= shortest && bytes.length <= longest ? Buffer.from(bytes) : undefined;
}

function invalid(text: string): KrpcError {
  return { code: KRPC_ERROR.protocol, text };
}
