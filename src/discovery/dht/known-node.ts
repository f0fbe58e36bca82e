import type { Millis } from '../../base/clock.js';
import type { Contact } from './contact.js';
import { networkOf } from './neighbourhood.js';
import { isSecureId } from './secure-id.js';

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
