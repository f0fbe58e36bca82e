import type { Millis } from '../../base/clock.js';
import type { Contact } from './contact.js';
import { networkOf } from './neighbourhood.js';
import { isSecureId } from './secure-id.js';

/** "Each bucket can only hold K nodes, currently eight." */
const BUCKET_LENGTH = 8;

/** A part of the id space: its nodes, and those that wait for a place. */
export class Bucket {
  /** "Buckets that have not been changed in 15 minutes should be refreshed." */
  lastChanged: Millis;
  /** A node of this bucket is being asked whether it is still there. */
  probed: KnownNode | null = null;
  readonly nodes: KnownNode[] = [];
  /** The one heard of last stands at the end. */
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

  /** Nobody else of this node's network is here: eight nodes of one owner would hold the bucket. */
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

  /** The node that gives way to `newcomer`: a bad one, else one whose id its address does not allow. */
  weakest(newcomer: KnownNode, now: Millis): KnownNode | undefined {
    const bad = this.nodes.find((node) => node.state(now) === 'bad');
    return bad ?? (newcomer.isSecure ? this.nodes.find(({ isSecure }) => !isSecure) : undefined);
  }

  /** Not heard for the longest time of those that are questionable, or undefined when all are good or bad. */
  mostDoubtful(now: Millis): KnownNode | undefined {
    let doubtful: KnownNode | undefined;
    for (const node of this.nodes) {
      if (node.state(now) !== 'questionable') continue;
      if (doubtful === undefined || node.lastHeard < doubtful.lastHeard) doubtful = node;
    }
    return doubtful;
  }

  /** Lets `node` wait for a place. The one that has waited longest without a word gives way. */
  wait(node: KnownNode): void {
    const index = this.#waiting.findIndex(({ contact }) => contact.host === node.contact.host);
    if (index >= 0) this.#waiting.splice(index, 1);
    this.#waiting.push(node);
    if (this.#waiting.length > BUCKET_LENGTH) this.#waiting.shift();
  }

  /** The node that was heard of last of those that wait and are admitted. */
  takeWaiting(): KnownNode | undefined {
    for (let index = this.#waiting.length - 1; index >= 0; index -= 1) {
      const node = this.#waiting[index] as KnownNode;
      if (!this.admits(node)) continue;
      this.#waiting.splice(index, 1);
      return node;
    }
    return undefined;
  }

  /** All that wait, who then wait no more. */
  drain(): KnownNode[] {
    return this.#waiting.splice(0);
  }
}

/** "After 15 minutes of inactivity, a node becomes questionable." */
const ACTIVITY_LIMIT: Millis = 15 * 60_000;
/** "Nodes become bad when they fail to respond to multiple queries in a row." */
const MAX_FAILURES = 3;
const DISTRUST: Millis = 30 * 60_000;

export type NodeState = 'good' | 'questionable' | 'bad';

/** A node of the routing table, and how it has behaved. */
export class KnownNode {
  readonly contact: Contact;
  /** Its /24 or /64, null for a local one. */
  readonly network: string | null;
  /** Its id is one that its address allows (BEP 42). */
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

  /** When it last answered or asked. */
  get lastHeard(): Millis {
    return this.#lastHeard;
  }

  /** It gave a useful answer. */
  answered(now: Millis): void {
    this.#everAnswered = true;
    this.#failures = 0;
    this.#lastHeard = now;
  }

  /** "A node is also good if it has ever responded to one of our queries and has sent us a query." */
  queried(now: Millis): void {
    this.#lastHeard = now;
  }

  failed(): void {
    this.#failures += 1;
  }

  /** It has led us to nodes that are not there. */
  misled(now: Millis): void {
    this.#distrustedUntil = now + DISTRUST;
  }

  state(now: Millis): NodeState {
    if (now < this.#distrustedUntil || this.#failures >= MAX_FAILURES) return 'bad';
    const isActive = now - this.#lastHeard <= ACTIVITY_LIMIT;
    return this.#everAnswered && isActive && this.#failures === 0 ? 'good' : 'questionable';
  }
}
