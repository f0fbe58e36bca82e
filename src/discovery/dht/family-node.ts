/**
 * One of the two DHTs: "the IPv4 DHT, and the IPv6 DHT are independent" (BEP 32). It reads what comes in, answers
 * within its bounds, and learns of other nodes from everything that is asked and answered.
 */
import type { Timers } from '../../base/clock.js';
import { type Random, shuffle } from '../../base/random.js';
import type { IpAddress, IpFamily } from '../../net/ip-address.js';
import type { PeerAddress } from '../../net/raw-server.js';
import { isServicePort, mayLead, type OwnNetworks } from '../../net/reach-rule.js';
import { addressKey, type Contact, contactAt, ID_LENGTH, type NodeId, type Place, placeAt } from './contact.js';
import { decodeMessage } from './decode-message.js';
import type { DhtOptions } from './dht-options.js';
import { encodeError } from './encode-message.js';
import { ExternalAddress } from './external-address.js';
import type { VerifySignature } from './item-store.js';
import { type LookupBeginning, type LookupEvents, LookupQueue } from './lookup.js';
import { MAX_PACKET_LENGTH, type Message, type Query } from './message.js';
import { familyOf } from './neighbourhood.js';
import { Responder } from './responder.js';
import type { Routers } from './routers.js';
import { RoutingTable } from './routing-table.js';
import { isSecureId, secureId } from './secure-id.js';
import { AddressProofs, Allowance, SourceGuard } from './source-guard.js';
import { type QueryOutcome, Transactions } from './transactions.js';

/** Nodes from which a lookup starts: the closest, and some by chance, so that no neighbourhood of liars encloses it. */
const CLOSE_START = 8;
const CHANCE_START = 4;
/** Queries whose answers name nodes. */
const NAMES_NODES: ReadonlySet<Query['method']> = new Set(['find_node', 'get_peers', 'get', 'sample_infohashes']);
/** A table with fewer nodes is that of a DHT which is just beginning, or very small. */
const FEW_NODES = 8;

/** Bytes that we send to an address for each byte that came from it, until it has proven that it is not forged. */
const MAX_AMPLIFICATION = 8;
/** A question that is answered may be followed by one of ours, which is as long as this. */
const PROBE_LENGTH = 94;

/** Where packets leave. The session's socket, which may carry more than the DHT. */
export interface DhtSocket {
  send(packet: Buffer, to: PeerAddress): void;
}

export interface FamilyNodeParts {
  readonly timers: Timers;
  readonly random: Random;
  readonly verify: VerifySignature;
  readonly ownNetworks: OwnNetworks;
  readonly routers: Routers;
  /** Good nodes of that family, which may be the other one. */
  closest(family: IpFamily, target: NodeId, count: number): readonly Contact[];
  /** A node of the other family was named. */
  heardOfOther(contact: Contact): void;
  /** A peer was announced to us, at the announcer's own host. */
  gotPeer(infoHash: NodeId, peer: PeerAddress): void;
  /** Somebody has answered, and nobody did before. */
  entered(): void;
  /** Our id has changed: who is near us must be found anew. */
  idChanged(): void;
}

export class FamilyNode {
  readonly family: IpFamily;
  readonly #parts: FamilyNodeParts;
  readonly #options: DhtOptions;
  readonly #socket: DhtSocket;
  readonly #transactions: Transactions;
  readonly #responder: Responder;
  readonly #lookups: LookupQueue;
  readonly #external = new ExternalAddress();
  readonly #guard = new SourceGuard();
  readonly #proofs: AddressProofs;
  /** Each half of what may leave as answers: forged questions cannot use up what proven hosts get. */
  readonly #provenAnswers: Allowance;
  readonly #unprovenAnswers: Allowance;
  #table: RoutingTable;
  #entered = false;
  /** The nodes of an earlier run have had their chance. */
  #hasWalked = false;
  #sent = 0;
  #received = 0;

  /** `id`: that of an earlier run, or null for a new one. */
  constructor(family: IpFamily, socket: DhtSocket, parts: FamilyNodeParts, options: DhtOptions, id: NodeId | null) {
    const { timers, random, verify } = parts;
    const now = () => timers.now();
    const ownId = () => this.ownId;
    this.family = family;
    this.#socket = socket;
    this.#parts = parts;
    this.#options = options;
    this.#table = this.#newTable(id ?? random.bytes(ID_LENGTH));
    this.#transactions = new Transactions(
      { timers, random, ownId, send: (packet, to) => this.#send(packet, to) },
      options,
    );
    this.#responder = new Responder(
      family,
      {
        random,
        verify,
        now,
        ownId,
        closest: (of, target, count) => parts.closest(of, target, count),
        gotPeer: (infoHash, peer) => parts.gotPeer(infoHash, peer),
        proved: (host) => this.#proofs.add(host, now()),
      },
      options.store,
    );
    this.#lookups = new LookupQueue(options, (target) => this.#beginningFor(target));
    this.#proofs = new AddressProofs(now());
    const half = () => new Allowance(options.answerBytesPerSecond / 2, options.answerBurst / 2, now());
    this.#provenAnswers = half();
    this.#unprovenAnswers = half();
  }

  get ownId(): NodeId {
    return this.#table.ownId;
  }

  get table(): RoutingTable {
    return this.#table;
  }

  get traffic(): { readonly sent: number; readonly received: number } {
    return { sent: this.#sent, received: this.#received };
  }

  get stored(): Responder['stored'] {
    return this.#responder.stored;
  }

  /** Whether `teller` may lead us to a place. */
  mayName(teller: Contact, { ip, port }: Place): boolean {
    return mayLead({ kind: 'dht', teller: teller.host }, ip, port, this.#parts.ownNetworks);
  }

  /** Peers that others have announced to us: we may be the closest to a torrent ourselves. */
  storedPeers(infoHash: NodeId, count: number): PeerAddress[] {
    return this.#responder.peersOf(infoHash, count);
  }

  /** Where most others see us, or null. */
  get externalHost(): string | null {
    return this.#external.elected?.text ?? null;
  }

  /**
   * `packet` is valid during the call. A source proves nothing: a service at whose port a query pretends to come from
   * would get an answer in which the sender has chosen bytes.
   */
  datagramCameIn(packet: Buffer, from: PeerAddress): void {
    this.#received += packet.length;
    if (from.port === 0 || !this.#guard.admits(from.host, this.#parts.timers.now())) return;
    const message = decodeMessage(packet);
    switch (message.kind) {
      case 'query':
        if (!isServicePort(from.port)) this.#gotQuery(message, from, packet.length);
        break;
      case 'answer':
        this.#transactions.gotAnswer(message, from);
        break;
      case 'error':
        this.#transactions.gotError(message, from);
        break;
      case 'bad-query':
        if (isServicePort(from.port)) break;
        this.#answer(encodeError(message.transaction, message.error, placeAt(from)), from);
        break;
      case 'rubbish':
        break;
    }
  }

  sendFailed(to: PeerAddress): void {
    this.#transactions.sendFailed(to);
  }

  /** Asks one node. `answered` is called once, later; not after `stop`. */
  ask(contact: Contact, query: Query, answered: (outcome: QueryOutcome) => void): void {
    this.#transactions.ask(contact, query, (outcome) => {
      if (outcome.ok) {
        // One that has only begun anew will make itself known. One that changes its id with each question is not kept.
        if (outcome.answer.id.equals(contact.id)) this.#learn(contact, query, outcome);
        else this.#table.gone(contact);
      } else if (outcome.code !== 'refused' || query.method === 'find_node') {
        // A node may refuse to store something. One that names no nodes is of no use.
        this.#table.failed(contact);
      }
      answered(outcome);
    });
  }

  /** Asks whoever is at `address`. `answered` is called once, later; not after `stop`. */
  askAddress(address: PeerAddress, query: Query, answered: (outcome: QueryOutcome) => void): void {
    this.#transactions.ask(address, query, (outcome) => {
      if (outcome.ok) this.#learn(contactAt(outcome.answer.id, address), query, outcome);
      answered(outcome);
    });
  }

  /** Asks for nodes near us, to see whether this one is of use. */
  probe(contact: Contact): void {
    this.ask(contact, this.#probe(), () => undefined);
  }

  /** The same, of whoever is said to be at `address`; not while queries wait that we need more. */
  probeAddress(address: PeerAddress): void {
    if (this.#transactions.isBusy) return;
    this.askAddress(address, this.#probe(), () => undefined);
  }

  lookUp(target: NodeId, query: Query, events: LookupEvents): { cancel(): void } {
    return this.#lookups.add(target, query, events);
  }

  /** A walk to our own id has ended. If it leaves no good node, the next node that answers is news. */
  hasWalked(): void {
    this.#hasWalked = true;
    if (this.#table.count('good') === 0) this.#entered = false;
  }

  /** Forgets what others have stored too long ago. */
  expire(): void {
    this.#responder.expire();
  }

  stop(): void {
    this.#lookups.stop();
    this.#transactions.stop();
  }

  #probe(): Query {
    return { method: 'find_node', target: this.ownId, want: { nodes: false, nodes6: false } };
  }

  #newTable(ownId: NodeId): RoutingTable {
    const { timers, random } = this.#parts;
    return new RoutingTable(ownId, {
      random,
      now: () => timers.now(),
      probe: (contact) => this.probe(contact),
    });
  }

  #beginningFor(target: NodeId): LookupBeginning {
    const { timers, random, routers } = this.#parts;
    const close = this.#table.closest(target, CLOSE_START, 'not-bad');
    const isPoor = close.length < CLOSE_START;
    const others = this.#table.contacts().filter((contact) => isPoor || !close.includes(contact));
    const chance = shuffle(random, others).slice(0, isPoor ? CLOSE_START : CHANCE_START);
    // After an outage every node looks bad, and is asked all the same.
    const contacts = [...close, ...chance];
    const known = new Set(contacts.map(addressKey));
    // Nodes of an earlier run may all be gone.
    const asksRouters = isPoor || (this.#hasWalked && this.#table.count('good') < FEW_NODES);
    const entries = (asksRouters ? routers.entries(this.family) : []).filter(
      ({ address }) => !known.has(addressKey(address)),
    );
    return {
      parts: {
        timers,
        family: this.family,
        ownId: this.ownId,
        mayName: (teller, named) => this.mayName(teller, named),
        ask: (contact, query, answered) => this.ask(contact, query, answered),
        askAddress: (address, query, answered) => this.askAddress(address, query, answered),
        misled: (teller) => this.#table.misled(teller),
      },
      contacts,
      entries,
    };
  }

  #gotQuery(message: Message & { readonly kind: 'query' }, from: PeerAddress, length: number): void {
    if (this.#options.readOnly) return;
    const asker = contactAt(message.id, from);
    const room = length * MAX_AMPLIFICATION - PROBE_LENGTH;
    const isProven = this.#proofs.has(from.host, this.#parts.timers.now());
    const { packet, isCut } = this.#responder.respond(message, asker, isProven ? MAX_PACKET_LENGTH : room);
    if (!isCut || message.readOnly || !this.#mayAskForProof()) this.#answer(packet, asker);
    else this.#answerOnProof(message, asker);
    if (!message.readOnly) this.#table.queried(asker);
  }

  #mayAskForProof(): boolean {
    return !this.#transactions.isBusy && this.#proofs.mayAsk(this.#parts.timers.now());
  }

  /** Answers in full once the asker has answered a question of ours. A forged one never does. */
  #answerOnProof(message: Message & { readonly kind: 'query' }, asker: Contact): void {
    this.askAddress(asker, { method: 'ping' }, (outcome) => {
      if (outcome.ok) this.#answer(this.#responder.respond(message, asker, MAX_PACKET_LENGTH).packet, asker);
    });
  }

  #answer(packet: Buffer, to: PeerAddress): void {
    const now = this.#parts.timers.now();
    const allowance = this.#proofs.has(to.host, now) ? this.#provenAnswers : this.#unprovenAnswers;
    if (this.#options.readOnly || !allowance.take(packet.length, now)) return;
    this.#send(packet, to);
  }

  #send(packet: Buffer, to: PeerAddress): void {
    this.#sent += packet.length;
    this.#socket.send(packet, to);
  }

  /** What an answer tells besides what was asked. `from` has the id under which it answered. */
  #learn(from: Contact, query: Query, { answer, seenAs }: QueryOutcome & { readonly ok: true }): void {
    const { routers, timers } = this.#parts;
    this.#proofs.add(from.host, timers.now());
    routers.answered(from);
    if (NAMES_NODES.has(query.method) && !routers.isPublic(from)) {
      // A node that knows nobody is welcome where nobody knows anybody.
      const isOfUse = answer.contacts.length > 0 || this.#table.size < FEW_NODES;
      if (isOfUse) this.#table.answered(from);
      else this.#table.failed(from);
    }
    for (const contact of answer.contacts) {
      if (contact.ip.family !== this.family && this.mayName(from, contact)) this.#parts.heardOfOther(contact);
    }
    if (seenAs !== null && familyOf(seenAs.host) === this.family) this.#seenAt(seenAs.host, from.ip);
    if (this.#entered) return;
    this.#entered = true;
    this.#parts.entered();
  }

  /** "Consider restarting its DHT node with a new node ID, taking this IP into account." */
  #seenAt(host: string, teller: IpAddress): void {
    if (!this.#external.vote(teller, host)) return;
    const { elected } = this.#external;
    if (elected === null || isSecureId(this.ownId, elected)) return;
    const former = this.#table;
    this.#table = this.#newTable(secureId(elected, this.#parts.random));
    for (const contact of former.contacts()) this.#table.restore(contact);
    this.#parts.idChanged();
  }
}
