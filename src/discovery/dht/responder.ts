/** What others get when they ask us. It decides and stores; whether an answer may leave is its owner's business. */
import type { Millis } from '../../base/clock.js';
import type { Random } from '../../base/random.js';
import type { Encodable } from '../../bencode/encode.js';
import { decodeCompact, type IpFamily } from '../../net/ip-address.js';
import type { PeerAddress } from '../../net/raw-server.js';
import { type Contact, encodeContacts, type NodeId, type Place } from './contact.js';
import { encodeAnswer, encodeError, itemFields } from './encode-message.js';
import { targetOf, type VerifySignature } from './item.js';
import { ItemStore } from './item-store.js';
import { KRPC_ERROR, type KrpcError, type Message, type Query, type Want } from './message.js';
import { PeerStore, type PeerStoreOptions } from './peer-store.js';
import { WriteTokens } from './write-tokens.js';

/**
 * BEP 32: "A node must not send UDP datagrams with a payload larger than 1024 octets." A stored value may be longer.
 */
const MAX_ANSWER_LENGTH = 1024;
const MAX_SAMPLES = 20;
/** BEP 51: how long a sample stays the same, so that asking again is of no use. */
const SAMPLE_LIFE: Millis = 60 * 60_000;
const MAX_CONTACTS = 8;

type Fields = Readonly<Record<string, Encodable | null>>;
type QueryMessage = Message & { readonly kind: 'query' };

export interface ResponderMediator {
  readonly random: Random;
  readonly verify: VerifySignature;
  now(): Millis;
  ownId(): NodeId;
  /** The good nodes of that family that are closest to `target`, `count` at the most. */
  closest(family: IpFamily, target: NodeId, count: number): readonly Contact[];
  /** Somebody has told where a peer of his is: at his own host. */
  gotPeer(infoHash: NodeId, peer: PeerAddress): void;
}

export class Responder {
  readonly #family: IpFamily;
  readonly #mediator: ResponderMediator;
  readonly #tokens: WriteTokens;
  readonly #peers: PeerStore;
  readonly #items: ItemStore;
  #samples: Buffer = Buffer.alloc(0);
  #sampledAt: Millis = Number.NEGATIVE_INFINITY;

  /** `family` is that of everybody who asks. */
  constructor(family: IpFamily, mediator: ResponderMediator, options: PeerStoreOptions) {
    this.#family = family;
    this.#mediator = mediator;
    this.#tokens = new WriteTokens(mediator.random, mediator.now());
    this.#peers = new PeerStore(mediator.random, options);
    this.#items = new ItemStore(mediator.verify);
  }

  /** Torrents and peers that others have announced to us. */
  get stored(): { readonly torrents: number; readonly peers: number } {
    return { torrents: this.#peers.torrentCount, peers: this.#peers.peerCount };
  }

  /** The packet that answers. */
  respond({ transaction, query }: QueryMessage, from: Place): Buffer {
    const outcome = this.#outcomeOf(query, from, transaction.length);
    if ('error' in outcome) return encodeError(transaction, outcome.error, from);
    return encodeAnswer(transaction, this.#mediator.ownId(), outcome.fields, from);
  }

  /** Peers that others have announced to us, up to `count` by chance. */
  peersOf(infoHash: NodeId, count: number): PeerAddress[] {
    const sample = this.#peers.sample(infoHash, count, false, this.#mediator.now());
    return sample.flatMap((compact) => decodeCompact(compact, this.#family) ?? []);
  }

  /** Forgets what is out of date. */
  expire(): void {
    this.#peers.expire(this.#mediator.now());
    this.#items.expire(this.#mediator.now());
  }

  #outcomeOf(query: Query, from: Place, overhead: number): { fields: Fields } | { error: KrpcError } {
    switch (query.method) {
      case 'ping':
        return { fields: {} };
      case 'find_node':
        return { fields: this.#nodes(query.target, query.want) };
      case 'get_peers':
        return { fields: this.#peersFor(query, from, overhead) };
      case 'announce_peer':
        return this.#announced(query, from);
      case 'get':
        return { fields: this.#itemFor(query, from) };
      case 'put':
        return this.#put(query, from);
      case 'sample_infohashes':
        return { fields: this.#sampleFor(query.target, query.want) };
    }
  }

  /** "In the absence of a want parameter": the nodes of the family from which the query came. */
  #nodes(target: NodeId, want: Want): Fields {
    const unsaid = !want.nodes && !want.nodes6;
    const compact = (family: IpFamily, wanted: boolean): Buffer | null => {
      if (!wanted && !(unsaid && family === this.#family)) return null;
      return encodeContacts(this.#mediator.closest(family, target, MAX_CONTACTS));
    };
    return { nodes: compact(4, want.nodes), nodes6: compact(6, want.nodes6) };
  }

  #peersFor(query: Query & { readonly method: 'get_peers' }, from: Place, overhead: number): Fields {
    const { target, want, noSeeds, scrape } = query;
    const now = this.#mediator.now();
    const token = this.#tokens.tokenFor(from.host, target, now);
    const filters = scrape ? this.#peers.filters(target, now) : undefined;
    // The filters leave no room for the nodes of two families.
    const nodes = this.#nodes(target, filters === undefined ? want : { nodes: false, nodes6: false });
    const fields = { ...nodes, token, BFsd: filters?.seeds ?? null, BFpe: filters?.leeches ?? null };
    // What each value takes: its length, a colon, and its bytes; and the list `6:valuesl…e` around them.
    const valueLength = this.#family === 4 ? 8 : 21;
    const most = Math.floor((MAX_ANSWER_LENGTH - 10) / valueLength);
    const values = this.#peers.sample(target, most, noSeeds, now);
    if (values.length === 0) return fields;
    const room = MAX_ANSWER_LENGTH - 10 - overhead - this.#lengthOf(fields, from);
    return { ...fields, values: values.slice(0, Math.max(0, Math.floor(room / valueLength))) };
  }

  #announced(
    query: Query & { readonly method: 'announce_peer' },
    from: Place,
  ): { fields: Fields } | { error: KrpcError } {
    const now = this.#mediator.now();
    if (!this.#tokens.accepts(query.token, from.host, query.target, now)) return { error: BAD_TOKEN };
    const port = query.impliedPort ? from.port : query.port;
    const peer = { host: from.host, port };
    this.#peers.add(query.target, peer, query.isSeed, now);
    this.#mediator.gotPeer(query.target, peer);
    return { fields: {} };
  }

  #itemFor({ target, want, newerThan }: Query & { readonly method: 'get' }, from: Place): Fields {
    const now = this.#mediator.now();
    const token = this.#tokens.tokenFor(from.host, target, now);
    const item = this.#items.get(target, now);
    const nodes = this.#nodes(target, want);
    if (item === undefined) return { ...nodes, token };
    const sequence = item.signed?.sequence ?? null;
    const known = sequence !== null && newerThan !== null && sequence <= newerThan;
    const fields = { ...(known ? { seq: sequence } : itemFields(item)), token };
    const whole = { ...nodes, ...fields };
    // Whoever finds the value needs no nodes.
    return this.#lengthOf(whole, from) <= MAX_ANSWER_LENGTH ? whole : fields;
  }

  #put(query: Query & { readonly method: 'put' }, from: Place): { fields: Fields } | { error: KrpcError } {
    const now = this.#mediator.now();
    const objection = ItemStore.objection(query);
    if (objection !== null) return { error: objection };
    if (!this.#tokens.accepts(query.token, from.host, targetOf(query.item, query.salt), now)) {
      return { error: BAD_TOKEN };
    }
    const error = this.#items.put(query, now);
    return error === null ? { fields: {} } : { error };
  }

  #sampleFor(target: NodeId, want: Want): Fields {
    const now = this.#mediator.now();
    if (now - this.#sampledAt >= SAMPLE_LIFE) {
      this.#samples = this.#peers.sampleInfoHashes(MAX_SAMPLES);
      this.#sampledAt = this.#samples.length === 0 ? Number.NEGATIVE_INFINITY : now;
    }
    const left = Math.max(0, Math.min(SAMPLE_LIFE, this.#sampledAt + SAMPLE_LIFE - now));
    const sample = { interval: Math.ceil(left / 1000), num: this.#peers.torrentCount, samples: this.#samples };
    return { ...this.#nodes(target, want), ...sample };
  }

  #lengthOf(fields: Fields, to: Place): number {
    return encodeAnswer(Buffer.alloc(4), this.#mediator.ownId(), fields, to).length;
  }
}

const BAD_TOKEN: KrpcError = { code: KRPC_ERROR.protocol, text: 'bad token' };
