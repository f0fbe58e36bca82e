/**
 * The nodes that a lookup has heard of, the closest first, and which of them it asks next. Three rules keep liars from
 * leading the lookup astray. A node whose address does not allow its id does not count as close (BEP 42). Each host and
 * each network counts once. A node that names nodes which do not exist soon loses our trust.
 */
import { type Contact, compareDistance, isSame, type NodeId } from './contact.js';
import { networkOf, nodeKey } from './neighbourhood.js';
import { isSecureId } from './secure-id.js';

/** BEP 5: "the K (8) closest nodes". We write to these. */
const CLOSE = 8;
/**
 * Nodes that must have answered before a lookup ends. This is twice as many as we write to. Liars that know each other
 * are found quickly. Honest nodes know fewer nodes, so they need more time to lead us past the liars.
 */
const ENOUGH = 16;
const MAX_CANDIDATES = 300;
/** Ids that we try at one host, because a liar may have invented the first one that we heard of. */
const MAX_TRIES_OF_HOST = 2;
/** After this many failed nodes a teller is trusted only if at least as many of its nodes have answered. */
const MAX_FAILURES_OF_TELLER = 3;
/** How many tellers we remember for one node. */
const MAX_TELLERS = 8;
/**
 * Queries to nodes whose address does not allow their id. Many of these nodes are honest, but a liar can invent any
 * number of them.
 */
const MAX_INSECURE_TRIES = 40;

/** A node that has named other nodes, and how many of those have failed or answered. */
export interface Teller {
  readonly contact: Contact;
  failures: number;
  successes: number;
}

type CandidateState = 'untried' | 'asked' | 'slow' | 'answered' | 'failed';

/** A node that the lookup may ask. */
export interface Candidate {
  readonly contact: Contact;
  /** Whether its address allows its id (BEP 42). */
  readonly isSecure: boolean;
  /** See `nodeKey`. */
  readonly key: string;
  /** See `networkOf`. */
  readonly network: string | null;
  /** The nodes that have named it. Empty when we know the node ourselves. */
  readonly tellers: Teller[];
  state: CandidateState;
  /** The write token of its answer, or null. */
  token: Buffer | null;
}

/** What a lookup should do next. 'wait': queries to the closest nodes are under way. */
export type Step = { readonly kind: 'ask'; readonly candidate: Candidate } | { readonly kind: 'wait' | 'done' };

export class Candidates {
  readonly #target: NodeId;
  readonly #misled: (teller: Contact) => void;
  readonly #sorted: Candidate[] = [];
  /** The nodes of our own routing table that the lookup has not asked yet. */
  readonly #own: Candidate[] = [];
  /** Queries by the key of the node. */
  readonly #tries = new Map<string, number>();
  readonly #answeredHosts = new Set<string>();
  readonly #answeredNetworks = new Set<string>();
  #insecureTries = 0;

  /** `misled` is called with a teller when the first few nodes that it named have all failed. */
  constructor(target: NodeId, misled: (teller: Contact) => void) {
    this.#target = target;
    this.#misled = misled;
  }

  /** Takes in a node of our own routing table. */
  addOwn(contact: Contact): void {
    const candidate = this.add(contact, null);
    if (candidate !== undefined) this.#own.unshift(candidate);
  }

  /**
   * Takes in a node that `teller` has named, or one that we know ourselves (`teller` is null). Undefined when the node
   * is known already, or when too many closer nodes are known.
   */
  add(contact: Contact, teller: Teller | null): Candidate | undefined {
    const index = this.#placeOf(contact);
    const known = this.#sorted[index];
    if (known !== undefined && isSame(known.contact, contact)) {
      if (teller !== null && known.tellers.length > 0) this.#nameAgain(known, teller);
      return undefined;
    }
    if (index >= MAX_CANDIDATES) return undefined;
    const candidate: Candidate = {
      contact,
      isSecure: isSecureId(contact.id, contact.ip),
      key: nodeKey(contact),
      network: networkOf(contact.ip),
      tellers: teller === null ? [] : [teller],
      state: 'untried',
      token: null,
    };
    this.#sorted.splice(index, 0, candidate);
    if (this.#sorted.length > MAX_CANDIDATES) this.#sorted.pop();
    return candidate;
  }

  /**
   * The closest node that is worth a query, as long as fewer than sixteen closer nodes have answered. The nodes of our
   * own routing table are asked first in any case. Otherwise liars that name each other could end the lookup before an
   * honest node has answered.
   */
  next(): Step {
    const own = this.#own.pop();
    if (own !== undefined) return { kind: 'ask', candidate: own };
    let close = 0;
    let asked = false;
    let slow = false;
    for (const candidate of this.#sorted) {
      if (close >= ENOUGH) break;
      if (candidate.state === 'answered' && candidate.isSecure) close += 1;
      else if (candidate.state === 'asked') asked = true;
      else if (candidate.state === 'slow') slow = true;
      else if (candidate.state === 'untried' && this.#isWorthAsking(candidate)) return { kind: 'ask', candidate };
    }
    // While too few close nodes have answered, the lookup needs the answers of slow nodes too.
    return { kind: asked || (slow && close < ENOUGH) ? 'wait' : 'done' };
  }

  asked(candidate: Candidate): void {
    candidate.state = 'asked';
    this.#tries.set(candidate.key, (this.#tries.get(candidate.key) ?? 0) + 1);
    if (!candidate.isSecure) this.#insecureTries += 1;
  }

  answered(candidate: Candidate, token: Buffer | null): void {
    candidate.state = 'answered';
    candidate.token = token;
    for (const teller of candidate.tellers) teller.successes += 1;
    this.#answeredHosts.add(candidate.key);
    if (candidate.network !== null) this.#answeredNetworks.add(candidate.network);
  }

  failed(candidate: Candidate): void {
    candidate.state = 'failed';
    for (const teller of candidate.tellers) this.#blame(teller);
  }

  /**
   * The nodes to write to: the eight closest nodes that gave a token, and the eight closest of those whose address
   * allows their id. Other nodes that look for what we write may know only one of these two groups.
   */
  writable(): Candidate[] {
    const withToken = this.#sorted.filter(({ state, token }) => state === 'answered' && token !== null);
    const secure = withToken.filter(({ isSecure }) => isSecure);
    return [...new Set([...withToken.slice(0, CLOSE), ...secure.slice(0, CLOSE)])];
  }

  /** How many hosts have answered. */
  get answeredCount(): number {
    return this.#answeredHosts.size;
  }

  /** One more teller has named a node that is known. It shares the blame or the credit of the earlier tellers. */
  #nameAgain({ tellers, state }: Candidate, teller: Teller): void {
    if (tellers.length >= MAX_TELLERS) return;
    tellers.push(teller);
    if (state === 'answered') teller.successes += 1;
    else if (state === 'failed') this.#blame(teller);
  }

  #blame(teller: Teller): void {
    teller.failures += 1;
    if (teller.failures === MAX_FAILURES_OF_TELLER && teller.successes === 0) this.#misled(teller.contact);
  }

  #isWorthAsking({ isSecure, key, network, tellers }: Candidate): boolean {
    if (!isSecure && this.#insecureTries >= MAX_INSECURE_TRIES) return false;
    if (this.#answeredHosts.has(key) || (this.#tries.get(key) ?? 0) >= MAX_TRIES_OF_HOST) return false;
    if (network !== null && this.#answeredNetworks.has(network)) return false;
    return tellers.length === 0 || tellers.some(isTrusted);
  }

  /** The index at which the contact stands, or at which it belongs. */
  #placeOf(contact: Contact): number {
    let low = 0;
    let high = this.#sorted.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const order = compareDistance(this.#target, (this.#sorted[middle] as Candidate).contact.id, contact.id);
      if (order < 0) low = middle + 1;
      else high = middle;
    }
    for (let index = low; index < this.#sorted.length; index += 1) {
      const { contact: other } = this.#sorted[index] as Candidate;
      if (!other.id.equals(contact.id)) break;
      if (isSame(other, contact)) return index;
    }
    return low;
  }
}

function isTrusted({ failures, successes }: Teller): boolean {
  return failures < MAX_FAILURES_OF_TELLER || successes >= failures;
}
