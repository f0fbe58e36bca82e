/**
 * Makes our answers to the queries of others, and stores what they announce and put. Whether an answer may leave is for
 * the owner to decide.
 */
import type { Millis } from '../../base/clock.js';
import { sha1 } from '../../base/digest.js';
import type { Random } from '../../base/random.js';
import type { Encodable } from '../../bencode/encode.js';
import { decodeCompact, type IpFamily } from '../../net/ip-address.js';
import type { PeerAddress } from '../../net/raw-server.js';
import { type Contact, encodeContacts, ID_LENGTH, type NodeId, type Place } from './contact.js';
import { encodeAnswer, encodeError, itemFields } from './encode-message.js';
import { ItemStore, targetOf, type VerifySignature } from './item-store.js';
import { KRPC_ERROR, type KrpcError, type Message, type Query, type Want } from './message.js';
import { PeerStore, type PeerStoreOptions } from './peer-store.js';

/**
 * BEP 32: "A node must not send UDP datagrams with a payload larger than 1024 octets." Only an answer with a stored
 * value may be longer.
 */
const MAX_ANSWER_LENGTH = 1024;
/** Info-hashes in one sample (BEP 51). */
const MAX_SAMPLES = 20;
/** BEP 51: a sample stays the same for this long, so that asking again before is of no use. */
const SAMPLE_LIFE: Millis = 60 * 60_000;
const MAX_CONTACTS = 8;

const BAD_TOKEN: KrpcError = { code: KRPC_ERROR.protocol, text: 'bad token' };
const NO_TRANSACTION: Buffer = Buffer.alloc(0);
/** The length prefix of a long transaction, such as `10:`, has one byte more than the `0:` of an empty one. */
const LONGER_PREFIX = 1;

type Fields = Readonly<Record<string, Encodable | null>>;
type Outcome = { readonly fields: Fields; readonly isCut?: boolean } | { readonly error: KrpcError };
type QueryMessage = Message & { readonly kind: 'query' };

export interface ResponderParts {
  readonly random: Random;
  readonly verify: VerifySignature;
  now(): Millis;
  ownId(): NodeId;
  /** The good nodes of `family` that are closest to `target`, at most `count`. */
  closest(family: IpFamily, target: NodeId, count: number): readonly Contact[];
  /** A host has announced a peer. The peer is at that same host. */
  gotPeer(infoHash: NodeId, peer: PeerAddress): void;
  /** `host` has sent back a token, which proves that it receives what we send to its address. */
  proved(host: string): void;
}

/** The packet that answers a query. `isCut` says that a stored value was left out because there was no room for it. */
export interface Response {
  readonly packet: Buffer;
  readonly isCut: boolean;
}

export class Responder {
  readonly #family: IpFamily;
  readonly #parts: ResponderParts;
  readonly #tokens: WriteTokens;
  readonly #peers: PeerStore;
  readonly #items: ItemStore;
  #samples: Buffer = Buffer.alloc(0);
  #sampledAt: Millis = Number.NEGATIVE_INFINITY;

  /** `family` is the family of the socket through which all queries come. */
  constructor(family: IpFamily, parts: ResponderParts, options: PeerStoreOptions) {
    this.#family = family;
    this.#parts = parts;
    this.#tokens = new WriteTokens(parts.random, parts.now());
    this.#peers = new PeerStore(parts.random, options);
    this.#items = new ItemStore(parts.verify);
  }

  /** How many torrents and peers others have announced to us. */
  get stored(): { readonly torrents: number; readonly peers: number } {
    return { torrents: this.#peers.torrentCount, peers: this.#peers.peerCount };
  }

  /**
   * Makes an answer of at most `maxLength` bytes. The caller allows enough bytes for an answer without nodes, peers,
   * samples and values. Only an answer with a stored value may be longer than `MAX_ANSWER_LENGTH`.
   */
  respond({ transaction, query }: QueryMessage, from: Place, maxLength: number): Response {
    const room = maxLength - transaction.length;
    const usual = Math.min(maxLength, MAX_ANSWER_LENGTH) - transaction.length;
    const outcome = this.#outcomeOf(query, from, room, usual);
    if ('error' in outcome) return { packet: encodeError(transaction, outcome.error, from), isCut: false };
    const packet = encodeAnswer(transaction, this.#parts.ownId(), outcome.fields, from);
    return { packet, isCut: outcome.isCut === true };
  }

  /** Up to `count` random peers that others have announced to us. */
  peersOf(infoHash: NodeId, count: number): PeerAddress[] {
    const sample = this.#peers.sample(infoHash, count, false, this.#parts.now());
    return sample.flatMap((compact) => decodeCompact(compact, this.#family) ?? []);
  }

  /** Forgets peers and items whose time is over. */
  expire(): void {
    this.#peers.expire(this.#parts.now());
    this.#items.expire(this.#parts.now());
  }

  /** `room` is how many bytes all but the transaction may take, `usual` how many without a stored value. */
  #outcomeOf(query: Query, from: Place, room: number, usual: number): Outcome {
    switch (query.method) {
      case 'ping':
        return { fields: {} };
      case 'find_node':
        return { fields: this.#withNodes({}, query, from, usual) };
      case 'get_peers':
        return { fields: this.#peersFor(query, from, usual) };
      case 'announce_peer':
        return this.#announced(query, from);
      case 'get':
        return this.#itemFor(query, from, room, usual);
      case 'put':
        return this.#put(query, from);
      case 'sample_infohashes':
        return { fields: this.#sampleFor(query, from, usual) };
    }
  }

  /** Adds the nodes that the asker wants to `fields`, as many as `room` allows. */
  #withNodes(
    fields: Fields,
    { target, want }: { readonly target: NodeId; readonly want: Want },
    to: Place,
    room: number,
  ): Fields {
    for (let count = MAX_CONTACTS; count > 0; count -= 1) {
      const whole = { ...this.#nodes(target, want, count), ...fields };
      if (this.#lengthOf(whole, to) <= room) return whole;
    }
    return fields;
  }

  /** BEP 32: "in the absence of a want parameter" the asker gets nodes of the family from which its query came. */
  #nodes(target: NodeId, want: Want, count: number): Fields {
    const unsaid = !want.nodes && !want.nodes6;
    const compact = (family: IpFamily, wanted: boolean): Buffer | null => {
      if (!wanted && !(unsaid && family === this.#family)) return null;
      return encodeContacts(this.#parts.closest(family, target, count));
    };
    return { nodes: compact(4, want.nodes), nodes6: compact(6, want.nodes6) };
  }

  #peersFor(query: Query & { readonly method: 'get_peers' }, from: Place, room: number): Fields {
    const { target, want, noSeeds, scrape } = query;
    const now = this.#parts.now();
    const token = this.#tokens.tokenFor(from.host, target, now);
    const filters = scrape ? this.#peers.filters(target, now) : undefined;
    const told = { token, BFsd: filters?.seeds ?? null, BFpe: filters?.leeches ?? null };
    // The filters leave no room for the nodes of two families.
    const wanted = { target, want: filters === undefined ? want : { nodes: false, nodes6: false } };
    const fields = this.#withNodes(told, wanted, from, room);
    // A value takes its length prefix, a colon and its bytes. The list `6:valuesl…e` around the values takes ten more.
    const valueLength = this.#family === 4 ? 8 : 21;
    const count = Math.floor((room - 10 - this.#lengthOf(fields, from)) / valueLength);
    const values = count <= 0 ? [] : this.#peers.sample(target, count, noSeeds, now);
    return values.length === 0 ? fields : { ...fields, values };
  }

  #announced(query: Query & { readonly method: 'announce_peer' }, from: Place): Outcome {
    const now = this.#parts.now();
    if (!this.#tokens.accepts(query.token, from.host, query.target, now)) return { error: BAD_TOKEN };
    this.#parts.proved(from.host);
    const port = query.impliedPort ? from.port : query.port;
    const peer = { host: from.host, port };
    this.#peers.add(query.target, peer, query.isSeed, now);
    this.#parts.gotPeer(query.target, peer);
    return { fields: {} };
  }

  #itemFor(query: Query & { readonly method: 'get' }, from: Place, room: number, usual: number): Outcome {
    const { target, newerThan } = query;
    const now = this.#parts.now();
    const token = this.#tokens.tokenFor(from.host, target, now);
    const item = this.#items.get(target, now);
    const sequence = item?.signed?.sequence ?? null;
    const isNews = item !== undefined && (sequence === null || newerThan === null || sequence > newerThan);
    const fields = isNews ? { ...itemFields(item), token } : { seq: sequence, token };
    // A host that gets the value can do without nodes.
    const whole = this.#withNodes(fields, query, from, usual);
    if (!isNews || this.#lengthOf(whole, from) <= room) return { fields: whole };
    return { fields: this.#withNodes({ seq: sequence, token }, query, from, usual), isCut: true };
  }

  #put(query: Query & { readonly method: 'put' }, from: Place): Outcome {
    const now = this.#parts.now();
    const objection = ItemStore.objection(query);
    if (objection !== null) return { error: objection };
    if (!this.#tokens.accepts(query.token, from.host, targetOf(query.item, query.salt), now)) {
      return { error: BAD_TOKEN };
    }
    this.#parts.proved(from.host);
    const error = this.#items.put(query, now);
    return error === null ? { fields: {} } : { error };
  }

  #sampleFor(query: Query & { readonly method: 'sample_infohashes' }, from: Place, room: number): Fields {
    const now = this.#parts.now();
    if (now - this.#sampledAt >= SAMPLE_LIFE) {
      this.#samples = this.#peers.sampleInfoHashes(MAX_SAMPLES);
      this.#sampledAt = this.#samples.length === 0 ? Number.NEGATIVE_INFINITY : now;
    }
    const left = Math.max(0, Math.min(SAMPLE_LIFE, this.#sampledAt + SAMPLE_LIFE - now));
    const fields = { interval: Math.ceil(left / 1000), num: this.#peers.torrentCount, samples: this.#samples };
    const excess = this.#lengthOf(fields, from) - room;
    const kept = this.#samples.length - Math.max(0, Math.ceil(excess / ID_LENGTH) * ID_LENGTH);
    return this.#withNodes({ ...fields, samples: this.#samples.subarray(0, Math.max(0, kept)) }, query, from, room);
  }

  #lengthOf(fields: Fields, to: Place): number {
    return encodeAnswer(NO_TRANSACTION, this.#parts.ownId(), fields, to).length + LONGER_PREFIX;
  }
}

/** BEP 5: "A secret that changes every five minutes and tokens up to ten minutes old are accepted." */
const SECRET_LIFE: Millis = 5 * 60_000;
const SECRET_LENGTH = 20;
const TOKEN_LENGTH = 8;

/**
 * Makes and checks write tokens. A token proves that a node that wants to write here has lately received a packet at
 * the address from which it writes. Each token is good for one host and one target. All that we keep for the tokens is
 * two secrets.
 */
class WriteTokens {
  readonly #random: Random;
  #secret: Buffer;
  #formerSecret: Buffer;
  #madeAt: Millis;

  constructor(random: Random, now: Millis) {
    this.#random = random;
    this.#secret = random.bytes(SECRET_LENGTH);
    this.#formerSecret = random.bytes(SECRET_LENGTH);
    this.#madeAt = now;
  }

  tokenFor(host: string, target: NodeId, now: Millis): Buffer {
    this.#renew(now);
    return tokenOf(this.#secret, host, target);
  }

  accepts(token: Buffer, host: string, target: NodeId, now: Millis): boolean {
    this.#renew(now);
    return [this.#secret, this.#formerSecret].some((secret) => tokenOf(secret, host, target).equals(token));
  }

  #renew(now: Millis): void {
    const age = now - this.#madeAt;
    if (age < SECRET_LIFE) return;
    this.#formerSecret = age < 2 * SECRET_LIFE ? this.#secret : this.#random.bytes(SECRET_LENGTH);
    this.#secret = this.#random.bytes(SECRET_LENGTH);
    this.#madeAt = now;
  }
}

function tokenOf(secret: Buffer, host: string, target: NodeId): Buffer {
  return sha1(Buffer.concat([secret, target, Buffer.from(host)])).subarray(0, TOKEN_LENGTH);
}
