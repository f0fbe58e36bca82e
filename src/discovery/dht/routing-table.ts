/**
 * The nodes of one family that we know: many near our own id, few far from it (BEP 5). A node enters only when it has
 * answered us, so that a liar cannot fill the table with nodes that it names. A host has one node in the table, and a
 * network has one node in each bucket.
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
/** How many strangers we ask at the same time whether they exist. */
const MAX_STRANGERS = 16;

export interface RoutingTableParts {
  readonly random: Random;
  now(): Millis;
  /** Asks whether the node exists and is of use. The owner reports the outcome by `answered` or `failed`, later. */
  probe(contact: Contact): void;
}

export class RoutingTable {
  readonly ownId: NodeId;
  readonly #parts: RoutingTableParts;
  /** The nodes of bucket i share exactly i leading bits with our id, those of the last bucket at least as many. */
  readonly #buckets: Bucket[];
  /** By `nodeKey`. */
  readonly #nodes = new Map<string, KnownNode>();
  /** The addresses of the strangers that we are asking. */
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

  /** The node has given a useful answer: it exists at this address under this id, and it knows other nodes. */
  answered(contact: Contact): void {
    const now = this.#parts.now();
    this.#strangers.delete(addressKey(contact));
    if (contact.id.equals(this.ownId)) return;
    const known = this.#nodes.get(nodeKey(contact));
    if (known !== undefined && isSame(known.contact, contact)) {
      known.answered(now);
      const bucket = this.#bucketOf(known.contact.id);
      // A bucket that has room must still be refreshed, so that it gets full.
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

  /** Adds a node of an earlier run, which may no longer exist. Nothing happens when its host has a node already. */
  restore(contact: Contact): void {
    if (contact.id.equals(this.ownId) || this.#nodes.has(nodeKey(contact))) return;
    this.#place(new KnownNode(contact));
  }

  /**
   * A node has sent us a query. Its id and its address may be false. If it is a stranger for which there is a place, we
   * probe it.
   */
  queried(contact: Contact): void {
    const known = this.#nodes.get(nodeKey(contact));
    if (known !== undefined && isSame(known.contact, contact)) known.queried(this.#parts.now());
    else this.heardOf(contact);
  }

  /** Another node says that this one exists. We probe it if it would get a place. */
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

  /** The node has not answered a query of ours, or its answer was of no use. */
  failed(contact: Contact): void {
    this.#strangers.delete(addressKey(contact));
    const known = this.#nodes.get(nodeKey(contact));
    if (known === undefined || !isSame(known.contact, contact)) return;
    known.failed();
    this.#giveWay(known);
  }

  /** Another id answers at the address of this node, so this node is gone. */
  gone(contact: Contact): void {
    this.#strangers.delete(addressKey(contact));
    const known = this.#nodes.get(nodeKey(contact));
    if (known !== undefined && isSame(known.contact, contact)) this.#remove(known);
  }

  /** The node has named several nodes that do not exist, and none that exists. */
  misled(contact: Contact): void {
    const known = this.#nodes.get(nodeKey(contact));
    if (known === undefined || !isSame(known.contact, contact)) return;
    known.misled(this.#parts.now());
    this.#giveWay(known);
  }

  /**
   * Up to `count` nodes, the closest to `target` first. They are good nodes, which we may name to others, or all nodes
   * that are not bad.
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
    // The nodes in the bucket of the target are closest. Those in all deeper buckets are equally far, and come next.
    // Those in a shallower bucket are the farther, the shallower it is.
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
   * A target id in each bucket that has not changed for 15 minutes, at most `limit` ids. These buckets then count as
   * refreshed, so the caller must look up each target.
   */
  takeStale(limit: number): NodeId[] {
    const now = this.#parts.now();
    const targets: NodeId[] = [];
    for (const [index, bucket] of this.#buckets.entries()) {
      if (now - bucket.lastChanged < REFRESH_AFTER || targets.length >= limit) continue;
      bucket.lastChanged = now;
      // Our own id lies in the last bucket.
      if (bucket === this.#last) targets.push(this.ownId);
      else targets.push(withSharedPrefix(this.ownId, index, this.#parts.random.bytes(ID_LENGTH)));
    }
    return targets;
  }

  /** Up to `count` questionable nodes, those first that have been silent longest. */
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
   * Whether the one place of this host is taken. A new id at the known port may take the place over, because the node
   * with the old id is gone. A node at another port may not, as long as the known node is not bad.
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

  /** Splits the last bucket in two. The nodes that share more bits with our id than its index go to the new bucket. */
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

  /** A bad node keeps its place until another node needs it, because all nodes are bad while the network is down. */
  #giveWay(node: KnownNode): void {
    const bucket = this.#bucketOf(node.contact.id);
    if (node.state(this.#parts.now()) === 'bad') this.#promote(bucket, node);
    this.#probe(bucket, node);
  }

  /** Gives the place of the bad node to a node that waits, if there is one. */
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
   * BEP 5: "The least recently seen node is pinged. If the pinged node responds then the next least recently seen
   * questionable node is pinged until one fails to respond or all of the nodes in the bucket are known to be good." We
   * do not ping nodes but ask them for nodes, because many liars answer pings. `heard` is the node that has just
   * answered or failed, or null.
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
