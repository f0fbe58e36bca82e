/**
 * Our node in one of the two DHTs: "the IPv4 DHT, and the IPv6 DHT are independent" (BEP 32). It reads what comes in,
 * answers within its limits, and learns of other nodes from every query and every answer.
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

/**
 * A lookup starts from the closest nodes and from some random ones. The random ones keep a neighbourhood of liars from
 * enclosing the lookup.
 */
const CLOSE_START = 8;
const CHANCE_START = 4;
/** The queries whose answers name nodes. */
const NAMES_NODES: ReadonlySet<Query['method']> = new Set(['find_node', 'get_peers', 'get', 'sample_infohashes']);
/** With fewer nodes in the table, the DHT has just begun or is very small. */
const FEW_NODES = 8;

/** Bytes that we send to an address for each byte that came from it, until the address has proven not to be forged. */
const MAX_AMPLIFICATION = 8;
/** After an answer we may send the asker a query of our own, which has this many bytes. */
const PROBE_LENGTH = 94;

/** Sends our packets. It is the session's socket, which may carry more than the DHT. */
export interface DhtSocket {
  send(packet: Buffer, to: PeerAddress): void;
}

export interface FamilyNodeParts {
  readonly timers: Timers;
  readonly random: Random;
  readonly verify: VerifySignature;
  readonly ownNetworks: OwnNetworks;
  readonly routers: Routers;
  /** Up to `count` good nodes of `family`, which may be the other family. */
  closest(family: IpFamily, target: NodeId, count: number): readonly Contact[];
  /** A node has named `contact`, a node of the other family. */
  heardOfOther(contact: Contact): void;
  /** A peer has announced itself to us. Its host is the one that sent the announce. */
  gotPeer(infoHash: NodeId, peer: PeerAddress): void;
  /** A node has answered: the first one, or the first one after a walk has found no good node. */
  entered(): void;
  /** Our id has changed, so the nodes near us must be found anew. */
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
  /** Each is half of what we may send as answers, so that forged queries cannot use up the share of proven hosts. */
  readonly #provenAnswers: Allowance;
  readonly #unprovenAnswers: Allowance;
  #table: RoutingTable;
  #entered = false;
  /** A walk to our own id has ended, so the nodes of an earlier run have had time to answer. */
  #hasWalked = false;
  #sent = 0;
  #received = 0;

  /** `id` is our id of an earlier run, or null for a new one. */
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

  /** Bytes of packets. */
  get traffic(): { readonly sent: number; readonly received: number } {
    return { sent: this.#sent, received: this.#received };
  }

  /** See `Responder`. */
  get stored(): Responder['stored'] {
    return this.#responder.stored;
  }

  /** Whether `teller` may lead us to this place. */
  mayName(teller: Contact, { ip, port }: Place): boolean {
    return mayLead({ kind: 'dht', teller: teller.host }, ip, port, this.#parts.ownNetworks);
  }

  /** Peers that others have announced to us. We may ourselves be the node that is closest to a torrent. */
  storedPeers(infoHash: NodeId, count: number): PeerAddress[] {
    return this.#responder.peersOf(infoHash, count);
  }

  /** The IP literal at which most others see us, or null while too few have told us. */
  get externalHost(): string | null {
    return this.#external.elected?.text ?? null;
  }

  /**
   * `packet` is valid only during the call. The source address of a packet may be forged. We do not answer a query that
   * seems to come from the port of a well-known service: the answer holds bytes that an attacker chose, and the service
   * might obey them.
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

  /** A packet that we sent to `to` did not arrive. */
  sendFailed(to: PeerAddress): void {
    this.#transactions.sendFailed(to);
  }

  /** Asks one node. `answered` is called once, later, but not after `stop`. */
  ask(contact: Contact, query: Query, answered: (outcome: QueryOutcome) => void): void {
    this.#transactions.ask(contact, query, (outcome) => {
      if (outcome.ok) {
        // Another id answers. A node that has only restarted will make itself known under its new id. A node that
        // changes its id with each query must not get a place.
        if (outcome.answer.id.equals(contact.id)) this.#learn(contact, query, outcome);
        else this.#table.gone(contact);
      } else if (outcome.code !== 'refused' || query.method === 'find_node') {
        // A node may refuse to store something. A node that refuses to name nodes is of no use.
        this.#table.failed(contact);
      }
      answered(outcome);
    });
  }

  /** Asks the node at `address`, whose id we do not know. `answered` is called as for `ask`. */
  askAddress(address: PeerAddress, query: Query, answered: (outcome: QueryOutcome) => void): void {
    this.#transactions.ask(address, query, (outcome) => {
      if (outcome.ok) this.#learn(contactAt(outcome.answer.id, address), query, outcome);
      answered(outcome);
    });
  }

  /** Asks the node for nodes near us, to see whether it is of use. */
  probe(contact: Contact): void {
    this.ask(contact, this.#probe(), () => undefined);
  }

  /** As `probe`, for a node whose id we do not know. Does nothing while queries that we need more are waiting. */
  probeAddress(address: PeerAddress): void {
    if (this.#transactions.isBusy) return;
    this.askAddress(address, this.#probe(), () => undefined);
  }

  /** Starts a lookup, or lets it wait for its turn. See `LookupQueue.add`. */
  lookUp(target: NodeId, query: Query, events: LookupEvents): { cancel(): void } {
    return this.#lookups.add(target, query, events);
  }

  /**
   * A walk to our own id has ended. If the table has no good node then, the next node that answers counts as the first
   * one (`entered`).
   */
  hasWalked(): void {
    this.#hasWalked = true;
    if (this.#table.count('good') === 0) this.#entered = false;
  }

  /** Forgets what others stored too long ago. */
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
    // After an outage every node looks bad. We ask random nodes all the same.
    const contacts = [...close, ...chance];
    const known = new Set(contacts.map(addressKey));
    // All nodes of an earlier run may be gone.
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

  /** Answers in full once the asker has answered a query of ours. An asker with a forged address never does. */
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

  /** Learns what an answer tells besides what we asked for. `from` has the id under which the node answered. */
  #learn(from: Contact, query: Query, { answer, seenAs }: QueryOutcome & { readonly ok: true }): void {
    const { routers, timers } = this.#parts;
    this.#proofs.add(from.host, timers.now());
    routers.answered(from);
    if (NAMES_NODES.has(query.method) && !routers.isPublic(from)) {
      // In a DHT that has just begun, a node that knows no other node yet is welcome.
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

  /**
   * `teller` says that it sees us at `host`. BEP 42, when the vote elects another address: "consider restarting its DHT
   * node with a new node ID, taking this IP into account".
   */
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
