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
import { JUNK, type Judgement, refuse } from '../judgement.js';
import { priceOf } from '../price.js';
import { MetadataPeer, type MetadataPeerOptions } from './metadata-peer.js';

export interface MetadataPeersOptions extends MetadataPeerOptions {
  /** A peer that has been connected for less time than this does not lose its place to another one. */
  readonly patience: Millis;
  /** A peer whose outlook is no longer than this does not lose its place either. */
  readonly maxOutlook: Millis;
}

export const DEFAULT_METADATA_PEERS_OPTIONS: MetadataPeersOptions = {
  junk: { limit: 2_000, perSecond: 100 },
  maxKept: 5_000,
  maxKeptLength: 320 * 1024,
  // BEP 6 has peers allow ten pieces.
  maxHints: 256,
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

  /** With how many of these peers everything goes through a cipher. */
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
