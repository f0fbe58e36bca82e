/**
 * The nodes that a lookup has heard of, the closest first, and which of them to ask next. Three things keep liars from
 * leading it astray: ids that their address does not allow do not count as close (BEP 42); a host, and a network,
 * counts once; and whoever names nodes that are not there is soon not believed any more.
 */
import { type Contact, compareDistance, isSame, type NodeId } from './contact.js';
import { networkOf, nodeKey } from './neighbourhood.js';
import { isSecureId } from './secure-id.js';

/** "The K (8) closest nodes": where to write. */
const CLOSE = 8;
/**
 * Nodes that must have answered before a lookup ends. Twice as many, because liars who know each other are soon found:
 * honest nodes, who know fewer, need the time to lead past them.
 */
const ENOUGH = 16;
const MAX_CANDIDATES = 300;
/** Ids that are tried at one host: the first one named may be somebody's invention. */
const MAX_TRIES_OF_HOST = 2;
/** Nodes that a teller may have named in vain. */
const MAX_FAILURES_OF_TELLER = 3;
/** Nodes that are remembered to have named the same one. */
const MAX_TELLERS = 8;
/**
 * Queries to nodes whose address does not allow their id: many honest ones are among them, and any number of others.
 */
const MAX_INSECURE_TRIES = 40;

/** A node that has named others, and how those fare. */
export interface Teller {
  readonly contact: Contact;
  failures: number;
  successes: number;
}

type CandidateState = 'untried' | 'asked' | 'slow' | 'answered' | 'failed';

export interface Candidate {
  readonly contact: Contact;
  readonly isSecure: boolean;
  readonly key: string;
  readonly network: string | null;
  /** Who has named it; nobody: our own routing table has. */
  readonly tellers: Teller[];
  state: CandidateState;
  /** What its answer gave to write with. */
  token: Buffer | null;
}

/** What a lookup should do. 'wait': the closest are being asked. */
export type Step = { readonly kind: 'ask'; readonly candidate: Candidate } | { readonly kind: 'wait' | 'done' };

export class Candidates {
  readonly #target: NodeId;
  readonly #misled: (teller: Contact) => void;
  readonly #sorted: Candidate[] = [];
  /** Those of our own routing table that have not been asked. */
  readonly #own: Candidate[] = [];
  readonly #tries = new Map<string, number>();
  readonly #answeredHosts = new Set<string>();
  readonly #answeredNetworks = new Set<string>();
  #insecureTries = 0;

  /** `misled` is told of nodes all of whose first few are not there. */
  constructor(target: NodeId, misled: (teller: Contact) => void) {
    this.#target = target;
    this.#misled = misled;
  }

  /** Takes in a node of our own routing table. */
  addOwn(contact: Contact): void {
    const candidate = this.add(contact, null);
    if (candidate !== undefined) this.#own.unshift(candidate);
  }

  /** Takes in a node that somebody has named. Undefined when it is known, or farther than so many others. */
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
   * The closest node that is worth a question, as long as sixteen closer ones have not answered. Whom we know ourselves
   * is asked in any case: liars who name each other would end the lookup before an honest node has said a word.
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
    // With fewer than that, every answer counts.
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
   * Where to write: the eight closest that gave a token, and the eight closest of those with an id that their address
   * allows. Others who look for it may know of either kind only.
   */
  writable(): Candidate[] {
    const withToken = this.#sorted.filter(({ state, token }) => state === 'answered' && token !== null);
    const secure = withToken.filter(({ isSecure }) => isSecure);
    return [...new Set([...withToken.slice(0, CLOSE), ...secure.slice(0, CLOSE)])];
  }

  get answeredCount(): number {
    return this.#answeredHosts.size;
  }

  /** One more has named a node that others have named before: it answers for it as they do. */
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

  /** Where the contact stands, or would have to stand. */
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
