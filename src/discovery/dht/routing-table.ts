/**
 * The nodes of one family that we know, many near our own id and few far from it (BEP 5). A node enters when it has
 * answered us, so that nobody gets others in by naming them; one for each host, one of each network in a bucket.
 */
import type { Millis } from '../../base/clock.js';
import type { Random } from '../../base/random.js';
import { Bucket, KnownNode, type NodeState } from './bucket.js';
import {
  addressKey,
  type Contact,
  compareDistance,
  ID_LENGTH,
  isSame,
  type NodeId,
  sharedPrefix,
  withSharedPrefix,
} from './contact.js';
import { nodeKey } from './neighbourhood.js';

const REFRESH_AFTER: Millis = 15 * 60_000;
const MAX_BUCKETS = 159;
/** Strangers that are being asked whether they are there. */
const MAX_STRANGERS = 16;

export interface RoutingTableParts {
  readonly random: Random;
  now(): Millis;
  /** Asks whether the node is there and of use. What comes of it is told by `answered` or `failed`, later. */
  probe(contact: Contact): void;
}

export class RoutingTable {
  readonly ownId: NodeId;
  readonly #parts: RoutingTableParts;
  /** The nodes of bucket i share i bits with our id; those of the last one at least as many. */
  readonly #buckets: Bucket[];
  /** By host, but by host and port where several nodes may stand behind one. */
  readonly #nodes = new Map<string, KnownNode>();
  readonly #strangers = new Set<string>();

  constructor(ownId: NodeId, parts: RoutingTableParts) {
    this.ownId = ownId;
    this.#parts = parts;
    this.#buckets = [new Bucket(parts.now())];
  }

  get size(): number {
    return this.#nodes.size;
  }

  /** How many nodes are in `state`. */
  count(state: NodeState): number {
    const now = this.#parts.now();
    let count = 0;
    for (const node of this.#nodes.values()) if (node.state(now) === state) count += 1;
    return count;
  }

  /** Every node, the good ones first. */
  contacts(): Contact[] {
    const now = this.#parts.now();
    const isGood = (node: KnownNode): number => (node.state(now) === 'good' ? 0 : 1);
    return [...this.#nodes.values()].sort((a, b) => isGood(a) - isGood(b)).map(({ contact }) => contact);
  }

  /** The node has given a useful answer: it is there, at this address, under this id, and knows others. */
  answered(contact: Contact): void {
    const now = this.#parts.now();
    this.#strangers.delete(addressKey(contact));
    if (contact.id.equals(this.ownId)) return;
    const known = this.#nodes.get(nodeKey(contact));
    if (known !== undefined && isSame(known.contact, contact)) {
      known.answered(now);
      const bucket = this.#bucketOf(known.contact.id);
      // One with room is refreshed all the same, to be filled.
      if (!bucket.hasRoom) bucket.lastChanged = now;
      this.#probe(bucket, known);
      return;
    }
    if (known !== undefined) {
      if (this.#hasPlaceOf(contact)) return;
      this.#remove(known);
    }
    const node = new KnownNode(contact);
    node.answered(now);
    this.#place(node);
  }

  /** A node of an earlier run, of which we do not know whether it lives. It takes a free place or none. */
  restore(contact: Contact): void {
    if (contact.id.equals(this.ownId) || this.#nodes.has(nodeKey(contact))) return;
    this.#place(new KnownNode(contact));
  }

  /**
   * The node has sent us a query; it may be anybody, at any address. A stranger for whom there is a place is probed.
   */
  queried(contact: Contact): void {
    const known = this.#nodes.get(nodeKey(contact));
    if (known !== undefined && isSame(known.contact, contact)) known.queried(this.#parts.now());
    else this.heardOf(contact);
  }

  /** A node is said to be there. It is asked, if it would get a place. */
  heardOf(contact: Contact): void {
    if (contact.id.equals(this.ownId) || this.#hasPlaceOf(contact)) return;
    const key = addressKey(contact);
    if (this.#strangers.size >= MAX_STRANGERS || this.#strangers.has(key)) return;
    const bucket = this.#bucketOf(contact.id);
    if (
      !bucket.hasRoom &&
      bucket !== this.#last &&
      bucket.weakest(new KnownNode(contact), this.#parts.now()) === undefined
    )
      return;
    this.#strangers.add(key);
    this.#parts.probe(contact);
  }

  /** The node has not answered a query of ours, or answered under another id, or with what is of no use. */
  failed(contact: Contact): void {
    this.#strangers.delete(addressKey(contact));
    const known = this.#nodes.get(nodeKey(contact));
    if (known === undefined || !isSame(known.contact, contact)) return;
    known.failed();
    this.#giveWay(known);
  }

  /** Another id answers at the node's address: whoever had this one is gone. */
  gone(contact: Contact): void {
    this.#strangers.delete(addressKey(contact));
    const known = this.#nodes.get(nodeKey(contact));
    if (known !== undefined && isSame(known.contact, contact)) this.#remove(known);
  }

  /** The node has named nodes that are not there, and none that is. */
  misled(contact: Contact): void {
    const known = this.#nodes.get(nodeKey(contact));
    if (known === undefined || !isSame(known.contact, contact)) return;
    known.misled(this.#parts.now());
    this.#giveWay(known);
  }

  /**
   * Up to `count` nodes, the closest to `target` first: of the good ones, which are fit to be named to others, or of
   * all that are not bad.
   */
  closest(target: NodeId, count: number, fitness: 'good' | 'not-bad'): Contact[] {
    const now = this.#parts.now();
    const found: KnownNode[] = [];
    const take = (bucket: Bucket | undefined): void => {
      for (const node of bucket?.nodes ?? []) {
        const state = node.state(now);
        if (state === 'good' || (fitness === 'not-bad' && state === 'questionable')) found.push(node);
      }
    };
    // Bit by bit: the bucket of the target first, then all deeper ones, which are equally far, then the shallower ones.
    const own = this.#indexOf(target);
    take(this.#buckets[own]);
    if (found.length < count)
      for (let index = own + 1; index < this.#buckets.length; index += 1) take(this.#buckets[index]);
    for (let index = own - 1; index >= 0 && found.length < count; index -= 1) take(this.#buckets[index]);
    return found
      .map(({ contact }) => contact)
      .sort((a, b) => compareDistance(target, a.id, b.id))
      .slice(0, count);
  }

  /**
   * An id in each bucket, of `limit` at the most, in which nothing has happened for 15 minutes. They count as
   * refreshed.
   */
  takeStale(limit: number): NodeId[] {
    const now = this.#parts.now();
    const targets: NodeId[] = [];
    for (const [index, bucket] of this.#buckets.entries()) {
      if (now - bucket.lastChanged < REFRESH_AFTER || targets.length >= limit) continue;
      bucket.lastChanged = now;
      // In the middle of the last bucket we stand ourselves.
      if (bucket === this.#last) targets.push(this.ownId);
      else targets.push(withSharedPrefix(this.ownId, index, this.#parts.random.bytes(ID_LENGTH)));
    }
    return targets;
  }

  /** Up to `count` nodes of which we do not know whether they are still there, the longest silent first. */
  doubtful(count: number): Contact[] {
    const now = this.#parts.now();
    const nodes = [...this.#nodes.values()].filter((node) => node.state(now) === 'questionable');
    nodes.sort((a, b) => a.lastHeard - b.lastHeard);
    return nodes.slice(0, count).map(({ contact }) => contact);
  }

  get #last(): Bucket {
    return this.#buckets.at(-1) as Bucket;
  }

  #indexOf(id: NodeId): number {
    return Math.min(sharedPrefix(this.ownId, id), this.#buckets.length - 1);
  }

  #bucketOf(id: NodeId): Bucket {
    return this.#buckets[this.#indexOf(id)] as Bucket;
  }

  /**
   * Whether the place that this host may have is taken. Another id at the same port takes it over, for whoever was
   * there is gone; another port does not, while the first one lives.
   */
  #hasPlaceOf(contact: Contact): boolean {
    const known = this.#nodes.get(nodeKey(contact));
    if (known === undefined) return false;
    if (known.contact.port === contact.port) return known.contact.id.equals(contact.id);
    return known.state(this.#parts.now()) !== 'bad';
  }

  #place(node: KnownNode): void {
    const now = this.#parts.now();
    let bucket = this.#bucketOf(node.contact.id);
    while (!bucket.hasRoom && bucket === this.#last && this.#buckets.length < MAX_BUCKETS) {
      this.#split();
      bucket = this.#bucketOf(node.contact.id);
    }
    if (this.#nodes.has(nodeKey(node.contact)) || !bucket.admits(node)) return;
    const weakest = bucket.hasRoom ? undefined : bucket.weakest(node, now);
    if (weakest !== undefined) this.#remove(weakest);
    if (bucket.hasRoom) {
      bucket.add(node, now);
      this.#nodes.set(nodeKey(node.contact), node);
    } else {
      bucket.wait(node);
      this.#probe(bucket, null);
    }
  }

  /** The bucket of our own id becomes two: of what shares just as many bits with it, and of what shares more. */
  #split(): void {
    const index = this.#buckets.length - 1;
    const old = this.#last;
    const near = new Bucket(old.lastChanged);
    this.#buckets.push(near);
    for (const node of [...old.nodes]) {
      if (sharedPrefix(this.ownId, node.contact.id) === index) continue;
      old.remove(node);
      near.nodes.push(node);
    }
    for (const node of old.drain()) this.#place(node);
  }

  /** A bad node keeps its place until somebody wants it: when the network is down, all of them are bad. */
  #giveWay(node: KnownNode): void {
    const bucket = this.#bucketOf(node.contact.id);
    if (node.state(this.#parts.now()) === 'bad') this.#promote(bucket, node);
    this.#probe(bucket, node);
  }

  /** Gives the place of a bad node to one that waits, if there is one. */
  #promote(bucket: Bucket, bad: KnownNode): void {
    bucket.remove(bad);
    const waiting = bucket.takeWaiting();
    if (waiting === undefined || this.#nodes.has(nodeKey(waiting.contact))) {
      bucket.nodes.push(bad);
      return;
    }
    this.#nodes.delete(nodeKey(bad.contact));
    bucket.add(waiting, this.#parts.now());
    this.#nodes.set(nodeKey(waiting.contact), waiting);
  }

  /**
   * "The least recently seen node is pinged. If the pinged node responds then the next least recently seen questionable
   * node is pinged until one fails to respond or all of the nodes in the bucket are known to be good." Instead of being
   * pinged, nodes are asked for nodes: many a liar answers pings.
   */
  #probe(bucket: Bucket, heard: KnownNode | null): void {
    if (bucket.probed !== heard && bucket.probed !== null && bucket.nodes.includes(bucket.probed)) return;
    bucket.probed = null;
    const doubtful = bucket.hasWaiting ? bucket.mostDoubtful(this.#parts.now()) : undefined;
    if (doubtful === undefined) return;
    bucket.probed = doubtful;
    this.#parts.probe(doubtful.contact);
  }

  #remove(node: KnownNode): void {
    this.#bucketOf(node.contact.id).remove(node);
    this.#nodes.delete(nodeKey(node.contact));
  }
}
