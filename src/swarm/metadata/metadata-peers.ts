/**
 * The peers of a torrent that has no metadata yet. `MetadataPeers` speaks only extensions with them. It keeps what each
 * peer says of itself, for the successor that takes the connections over when the metadata is here.
 */
import type { Millis, Timers } from '../../base/clock.js';
import { EXTENSION_HANDSHAKE } from '../../wire/extended.js';
import { decodeMessage, encodeMessage, type PeerMessage } from '../../wire/message.js';
import { announces } from '../../wire/reserved.js';
import {
  type Merits,
  type Newcomer,
  NO_MERITS,
  type PeerConnection,
  type PeerEvents,
  type Side,
} from '../connections/peer-connection.js';
import { ofGivingHosts } from '../connections/place-for.js';
import type { Extensions } from '../extensions/extensions.js';
import type { NodePorts } from '../extensions/node-ports.js';
import { HASHES_NOT_ANNOUNCED, type HashMessages } from '../hashes/hash-messages.js';
import { FINE, JUNK, type Judgement, refuse } from '../judgement.js';
import { LeakyCounter, type LeakyCounterOptions } from '../leaky-counter.js';
import { priceOf } from '../price.js';

export interface MetadataPeersOptions {
  /** How many messages of no use we forgive a peer. */
  readonly junk: LeakyCounterOptions;
  /** We keep at most this many messages of one peer. */
  readonly maxKept: number;
  /** We keep at most this many bytes of one peer's messages. The bitfield of the largest torrent has 256 KiB. */
  readonly maxKeptLength: number;
  /** A peer may lose its place to another one when it has been connected for at least this long … */
  readonly patience: Millis;
  /** … and its outlook is longer than this. */
  readonly maxOutlook: Millis;
}

export const DEFAULT_METADATA_PEERS_OPTIONS: MetadataPeersOptions = {
  junk: { limit: 2_000, perSecond: 100 },
  maxKept: 5_000,
  maxKeptLength: 320 * 1024,
  patience: 1_500,
  maxOutlook: 4_000,
};

/** Takes the connections over when the metadata is here. */
export interface Successor extends PeerEvents {
  /** `frames` are the messages in which the peer has said something of itself, in order. */
  takeOver(connection: PeerConnection, frames: readonly Buffer[]): void;
}

export interface MetadataPeersParts {
  readonly timers: Timers;
  readonly extensions: Extensions;
  /** Null when we have no DHT node of our own. */
  readonly nodePorts: NodePorts | null;
  /** How much too long the peer would take for the metadata, as in `MetadataFetch.outlook`; null while unknown. */
  readonly outlook: (connection: PeerConnection) => Millis | null;
  /** Null when we know of no version 2 of the torrent. */
  readonly hashes?: HashMessages | null;
}

export class MetadataPeers implements PeerEvents {
  readonly #timers: Timers;
  readonly #extensions: Extensions;
  #nodePorts: NodePorts | null;
  readonly #outlook: MetadataPeersParts['outlook'];
  readonly #hashes: HashMessages | null;
  readonly #options: MetadataPeersOptions;
  readonly #peers = new Map<PeerConnection, MetadataPeer>();

  constructor({ timers, extensions, nodePorts, outlook, hashes }: MetadataPeersParts, options: MetadataPeersOptions) {
    this.#timers = timers;
    this.#extensions = extensions;
    this.#nodePorts = nodePorts;
    this.#outlook = outlook;
    this.#hashes = hashes ?? null;
    this.#options = options;
  }

  get count(): number {
    return this.#peers.size;
  }

  get connections(): Iterable<PeerConnection> {
    return this.#peers.keys();
  }

  /** From now on no peer is told of our node in the DHT, and none tells us of its own. */
  becomePrivate(): void {
    this.#nodePorts = null;
  }

  /** Of these, with which everything goes through a cipher. */
  get encryptedCount(): number {
    let count = 0;
    for (const connection of this.#peers.keys()) if (connection.isEncrypted) count += 1;
    return count;
  }

  connectionMade(connection: PeerConnection): void {
    this.#peers.set(connection, new MetadataPeer(this.#options, this.#timers.now()));
    // We have nothing yet. BEP 6 says of this message or a bitfield that it "MUST … be the first message".
    if (announces(connection.reserved, 'fast')) connection.send([encodeMessage({ type: 'haveNone' })]);
    this.#extensions.connectionMade(connection);
    this.#nodePorts?.connectionMade(connection);
    this.#hashes?.connectionMade(connection);
  }

  gotFrame(connection: PeerConnection, frame: Buffer): void {
    const peer = this.#peers.get(connection);
    if (peer === undefined) return;
    const decoded = decodeMessage(frame);
    const judgement = decoded.ok ? this.#judge(connection, peer, decoded.message, frame) : refuse(decoded.refusal);
    // The price without any piece: the number of pieces is not known, and nothing counts them yet.
    if (decoded.ok) connection.charge(priceOf(decoded.message.type, frame.length, 0), judgement.kind === 'junk');
    if (judgement.kind === 'refuse') connection.refuse(judgement.reason);
    else if (judgement.kind === 'junk' && peer.junk.add(this.#timers.now()))
      connection.refuse({ code: 'too-much-junk', count: peer.junk.count });
  }

  connectionFlushed(connection: PeerConnection): void {
    this.#hashes?.connectionFlushed(connection);
  }

  connectionLost(connection: PeerConnection): void {
    if (!this.#peers.has(connection)) return;
    this.#forget(connection);
    this.#hashes?.connectionLost(connection);
  }

  #forget(connection: PeerConnection): void {
    this.#peers.delete(connection);
    this.#extensions.connectionLost(connection);
  }

  /** The peer that would take longest to send the metadata; of equals, the one that has been connected longest. */
  leastUseful(side: Side): PeerConnection | undefined {
    return this.#leastUseful(({ locallyInitiated }) => locallyInitiated === (side === 'dialled'));
  }

  #leastUseful(mayGive: (connection: PeerConnection) => boolean): PeerConnection | undefined {
    const { patience, maxOutlook } = this.#options;
    const longAgo = this.#timers.now() - patience;
    let least: PeerConnection | undefined;
    let longest = maxOutlook;
    for (const [connection, { madeAt }] of this.#peers) {
      if (!mayGive(connection) || madeAt > longAgo) continue;
      const outlook = this.#outlook(connection);
      if (outlook === null || outlook <= longest) continue;
      least = connection;
      longest = outlook;
    }
    return least;
  }

  listeningPort(connection: PeerConnection): number | null {
    return this.#extensions.peerOf(connection)?.handshake.port ?? null;
  }

  hasNothingToSay(): boolean {
    return false;
  }

  placeFor(newcomer: Newcomer): PeerConnection | undefined {
    if (newcomer.isHostFull)
      return this.#leastUseful(({ locallyInitiated, hostKey }) => !locallyInitiated && hostKey === newcomer.hostKey);
    const external = [...this.#peers.keys()].filter(({ locallyInitiated }) => !locallyInitiated);
    // The host with the most places gives up that of its latest peer: its other peers may be about to send.
    const giving = ofGivingHosts(external, ({ hostKey }) => hostKey, newcomer);
    return giving.at(-1) ?? this.leastUseful('external');
  }

  merits(): Merits {
    // Blocks say nothing here. `leastUseful` decides which peer is of no use.
    return { ...NO_MERITS, standing: 'proven' };
  }

  wantsNothing(): boolean {
    return false;
  }

  /**
   * Hands all connections to the successor, each with what its peer has said of itself. What peers owe us of hashes
   * stays known.
   */
  handPeersTo(successor: Successor): void {
    for (const [connection, peer] of [...this.#peers]) {
      this.#forget(connection);
      successor.takeOver(connection, peer.said);
    }
  }

  #judge(connection: PeerConnection, peer: MetadataPeer, message: PeerMessage, frame: Buffer): Judgement {
    switch (message.type) {
      case 'choke':
      case 'unchoke':
      case 'interested':
      case 'notInterested':
      case 'have':
      case 'bitfield':
      case 'haveAll':
      case 'haveNone':
      case 'suggest':
      case 'allowedFast':
        return peer.keep(message, frame);
      case 'port':
        return this.#nodePorts?.gotPort(connection, message.port) ?? JUNK;
      case 'extended': {
        const judgement = this.#extensions.gotMessage(connection, message.id, message.payload);
        if (message.id !== EXTENSION_HANDSHAKE || judgement.kind === 'refuse') return judgement;
        const keeping = peer.keep(message, frame);
        return keeping.kind === 'refuse' ? keeping : judgement;
      }
      // We have told no peer that we have a piece, and asked no peer for a block.
      case 'request':
      case 'cancel':
      case 'piece':
      case 'reject':
      case 'unknown':
        return JUNK;
      case 'hashRequest':
      case 'hashes':
      case 'hashReject':
        return this.#hashes?.gotMessage(connection, message) ?? HASHES_NOT_ANNOUNCED;
    }
  }
}

/** Of the messages of one group only the last one still holds. */
const GROUP_OF: Readonly<Partial<Record<PeerMessage['type'], string>>> = {
  choke: 'choking',
  unchoke: 'choking',
  interested: 'interest',
  notInterested: 'interest',
  bitfield: 'pieces',
  haveAll: 'pieces',
  haveNone: 'pieces',
};

/** We keep this many extension handshakes: the first, and those that came last. An honest peer sends one or two. */
const MAX_HANDSHAKES = 8;
/** The bits of a `bitfield` message begin behind its id. */
const BITS_AT = 1;

/** What one peer has said of itself. */
class MetadataPeer {
  readonly madeAt: Millis;
  readonly junk: LeakyCounter;
  readonly #options: MetadataPeersOptions;
  /** The messages that we keep, by what each is about, in the order in which they came. */
  readonly #frames = new Map<string, Buffer>();
  /** The type of the last message that spoke of all pieces of the peer. */
  #pieces: PeerMessage['type'] | null = null;
  #handshakeCount = 0;
  #length = 0;

  constructor(options: MetadataPeersOptions, now: Millis) {
    this.madeAt = now;
    this.junk = new LeakyCounter(options.junk, now);
    this.#options = options;
  }

  /** The messages that we keep, in order. */
  get said(): readonly Buffer[] {
    return [...this.#frames.values()];
  }

  keep(message: PeerMessage, frame: Buffer): Judgement {
    switch (message.type) {
      case 'have':
        return this.#keepHave(message.piece, frame);
      case 'suggest':
      case 'allowedFast':
        return this.#put(`${message.type} ${message.piece}`, frame);
      case 'extended':
        return this.#keepHandshake(frame);
      case 'bitfield':
      case 'haveAll':
      case 'haveNone':
        this.#pieces = message.type;
        this.#forgetHaves();
        break;
    }
    return this.#put(GROUP_OF[message.type] ?? message.type, frame);
  }

  /** When we keep a bitfield, a have becomes a bit of it, so that one message says both. */
  #keepHave(piece: number, frame: Buffer): Judgement {
    if (this.#pieces === 'haveAll') return JUNK;
    const bitfield = this.#pieces === 'bitfield' ? this.#frames.get('pieces') : undefined;
    const at = BITS_AT + Math.floor(piece / 8);
    const byte = bitfield?.[at];
    if (bitfield === undefined || byte === undefined) return this.#put(`have ${piece}`, frame);
    const bit = 0x80 >> (piece % 8);
    bitfield[at] = byte | bit;
    return (byte & bit) === 0 ? FINE : JUNK;
  }

  #keepHandshake(frame: Buffer): Judgement {
    const count = this.#handshakeCount;
    this.#handshakeCount += 1;
    return this.#put(`handshake ${count === 0 ? 0 : 1 + ((count - 1) % (MAX_HANDSHAKES - 1))}`, frame);
  }

  #forgetHaves(): void {
    for (const [key, { length }] of this.#frames) {
      if (!key.startsWith('have ')) continue;
      this.#frames.delete(key);
      this.#length -= length;
    }
  }

  #put(key: string, frame: Buffer): Judgement {
    const before = this.#frames.get(key);
    // Deleted first, the key goes to the end: an unchoke must follow what the peer has said of its pieces before it.
    this.#frames.delete(key);
    this.#frames.set(key, Buffer.from(frame));
    this.#length += frame.length - (before?.length ?? 0);
    const { maxKept, maxKeptLength } = this.#options;
    if (this.#frames.size > maxKept || this.#length > maxKeptLength)
      return refuse({ code: 'too-much-junk', count: this.#frames.size });
    return before === undefined ? FINE : JUNK;
  }
}
