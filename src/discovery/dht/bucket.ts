import type { Millis } from '../../base/clock.js';
import type { Contact } from './contact.js';
import { networkOf } from './neighbourhood.js';
import { isSecureId } from './secure-id.js';

/** BEP 5: "Each bucket can only hold K nodes, currently eight." */
const BUCKET_LENGTH = 8;

/** One part of the id space: the nodes that have a place in it, and the nodes that wait for one. */
export class Bucket {
  /** BEP 5: "Buckets that have not been changed in 15 minutes should be refreshed." */
  lastChanged: Millis;
  /** The node of this bucket that we are asking now whether it is still there. */
  probed: KnownNode | null = null;
  readonly nodes: KnownNode[] = [];
  /** The node that we heard of last stands at the end. */
  readonly #waiting: KnownNode[] = [];

  constructor(now: Millis) {
    this.lastChanged = now;
  }

  get hasRoom(): boolean {
    return this.nodes.length < BUCKET_LENGTH;
  }

  get hasWaiting(): boolean {
    return this.#waiting.length > 0;
  }

  /** Whether no node of the same network is here. Otherwise eight nodes of one owner could fill the bucket. */
  admits(node: KnownNode): boolean {
    return node.network === null || this.nodes.every(({ network }) => network !== node.network);
  }

  add(node: KnownNode, now: Millis): void {
    this.nodes.push(node);
    this.lastChanged = now;
  }

  remove(node: KnownNode): void {
    const index = this.nodes.indexOf(node);
    if (index >= 0) this.nodes.splice(index, 1);
  }

  /**
   * The node that loses its place to `newcomer`: a bad node, or else one whose address does not allow its id, if the
   * address of `newcomer` allows the id of `newcomer`. Undefined when every node keeps its place.
   */
  weakest(newcomer: KnownNode, now: Millis): KnownNode | undefined {
    const bad = this.nodes.find((node) => node.state(now) === 'bad');
    return bad ?? (newcomer.isSecure ? this.nodes.find(({ isSecure }) => !isSecure) : undefined);
  }

  /** The questionable node that has been silent longest. Undefined when no node is questionable. */
  mostDoubtful(now: Millis): KnownNode | undefined {
    let doubtful: KnownNode | undefined;
    for (const node of this.nodes) {
      if (node.state(now) !== 'questionable') continue;
      if (doubtful === undefined || node.lastHeard < doubtful.lastHeard) doubtful = node;
    }
    return doubtful;
  }

  /** Lets `node` wait for a place. When too many wait, the node that we heard of longest ago waits no more. */
  wait(node: KnownNode): void {
    const index = this.#waiting.findIndex(({ contact }) => contact.host === node.contact.host);
    if (index >= 0) this.#waiting.splice(index, 1);
    this.#waiting.push(node);
    if (this.#waiting.length > BUCKET_LENGTH) this.#waiting.shift();
  }

  /** Takes the node that we heard of last among those that wait and that the bucket admits. */
  takeWaiting(): KnownNode | undefined {
    for (let index = this.#waiting.length - 1; index >= 0; index -= 1) {
      const node = this.#waiting[index] as KnownNode;
      if (!this.admits(node)) continue;
      this.#waiting.splice(index, 1);
      return node;
    }
    return undefined;
  }

  /** Takes all nodes that wait. */
  drain(): KnownNode[] {
    return this.#waiting.splice(0);
  }
}

/** BEP 5: "After 15 minutes of inactivity, a node becomes questionable." */
const ACTIVITY_LIMIT: Millis = 15 * 60_000;
/** BEP 5: "Nodes become bad when they fail to respond to multiple queries in a row." */
const MAX_FAILURES = 3;
/** How long a node counts as bad after it has misled us. */
const DISTRUST: Millis = 30 * 60_000;

/** The states of BEP 5. */
export type NodeState = 'good' | 'questionable' | 'bad';

/** A node that the routing table knows, and how it has behaved. */
export class KnownNode {
  readonly contact: Contact;
  /** Its /24 (IPv4) or /64 (IPv6). Null for a local address. */
  readonly network: string | null;
  /** Whether its address allows its id (BEP 42). */
  readonly isSecure: boolean;
  #everAnswered = false;
  #lastHeard: Millis = Number.NEGATIVE_INFINITY;
  #failures = 0;
  #distrustedUntil: Millis = Number.NEGATIVE_INFINITY;

  constructor(contact: Contact) {
    this.contact = contact;
    this.network = networkOf(contact.ip);
    this.isSecure = isSecureId(contact.id, contact.ip);
  }

  /** When it last answered us or asked us something. */
  get lastHeard(): Millis {
    return this.#lastHeard;
  }

  /** The node gave a useful answer. */
  answered(now: Millis): void {
    this.#everAnswered = true;
    this.#failures = 0;
    this.#lastHeard = now;
  }

  /** BEP 5: "A node is also good if it has ever responded to one of our queries and has sent us a query." */
  queried(now: Millis): void {
    this.#lastHeard = now;
  }

  /** The node gave no answer, or a useless one. */
  failed(): void {
    this.#failures += 1;
  }

  /** The node has named nodes that do not exist. */
  misled(now: Millis): void {
    this.#distrustedUntil = now + DISTRUST;
  }

  state(now: Millis): NodeState {
    if (now < this.#distrustedUntil || this.#failures >= MAX_FAILURES) return 'bad';
    const isActive = now - this.#lastHeard <= ACTIVITY_LIMIT;
    return this.#everAnswered && isActive && this.#failures === 0 ? 'good' : 'questionable';
  }
}
