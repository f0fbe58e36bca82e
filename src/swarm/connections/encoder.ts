/**
 * The Encoder holds the table of one torrent's connections. It decides which peer to let in, which of two connections
 * with one peer stays, and which peer has been silent for too long. Its `Dialling` decides which address to dial and
 * when. `PeerEvents` hears what is said over a connection.
 */
import type { Millis } from '../../base/clock.js';
import { adoptSocket } from '../../net/cipher-socket.js';
import { HostCrowds } from '../../net/host-crowds.js';
import { hostKey } from '../../net/host-key.js';
import type { PeerAddress, SingleSocket } from '../../net/raw-server.js';
import type { AddressSource } from '../../net/reach-rule.js';
import type { Evidence, Refusal, RefusalCode } from '../../wire/refusal.js';
import { announces } from '../../wire/reserved.js';
import type { WorkBudget } from '../work-budget.js';
import { type Ban, Bans } from './bans.js';
import {
  type Beginning,
  Connection,
  type ConnectionOwner,
  type Ending,
  type Incoming,
  type OpenSocket,
} from './connection.js';
import { ConnectionTable } from './connection-table.js';
import { Dialling, type DiallingParts } from './dialling.js';
import { type FoundIn, type Identity, isOurs } from './identity.js';
import { Liveness } from './liveness.js';
import { Namesakes } from './namesakes.js';
import type { PeerConnection, PeerEvents } from './peer-connection.js';
import { Probation } from './probation.js';
import { type PeerReach, RefusalLog } from './reach-counter.js';

/** The objects that are handed to an Encoder. */
export interface EncoderParts extends DiallingParts {
  readonly identity: Identity;
  /** What peers may make the loop do, shared by all torrents. */
  readonly work: WorkBudget;
}

export class Encoder implements ConnectionOwner {
  readonly #parts: EncoderParts;
  #events: PeerEvents;
  #identity: Identity;
  readonly #table = new ConnectionTable();
  readonly #dialling: Dialling;
  readonly #liveness: Liveness;
  readonly #bans = new Bans();
  readonly #crowds: HostCrowds;
  readonly #namesakes: Namesakes;
  readonly #probation: Probation;
  readonly #refusals = new RefusalLog();
  #everIncoming = false;
  #closed = false;

  constructor(parts: EncoderParts, events: PeerEvents) {
    this.#parts = parts;
    this.#events = events;
    this.#identity = parts.identity;
    this.#crowds = new HostCrowds(parts.rawServer, parts.options.maxHostsOfSite);
    this.#dialling = new Dialling(parts, {
      identity: () => this.#identity,
      isFull: () => this.isFull,
      hasRoomFor: (host) => this.#hasRoomToDial(host),
      isBarred: (address) => this.#isBarred(address),
      mayDial: (address, peerId) => this.#mayDial(address, peerId),
      begin: (address, open) => this.#begin({ kind: 'dial', address }, open),
      unfinishedDial: (latest) => this.#table.unfinishedDial(latest),
      events: () => this.#events,
    });
    this.#liveness = new Liveness(parts.rawServer, parts.options);
    this.#namesakes = new Namesakes({
      timers: parts.rawServer,
      myId: parts.identity.myId,
      merits: (connection) => this.#events.merits(connection),
      withId: (host, peerId) => this.#table.namesakes(host, peerId),
    });
    this.#probation = new Probation(parts.rawServer, (connection, frames) => {
      this.#events.connectionMade(connection);
      for (const frame of frames) this.#events.gotFrame(connection, frame);
    });
  }

  /** From now on `events` hears what happens, also over the connections that are there already. */
  handTo(events: PeerEvents): void {
    this.#events = events;
  }

  get identity(): Identity {
    return this.#identity;
  }

  /**
   * The torrent has gained or lost an info-hash: its metadata names a second one, or it goes on as version 1 alone. A
   * connection under a hash that is lost ends. Where a peer that we dialled could go on as version 2, we dial it again.
   */
  setIdentity(identity: Identity): void {
    this.#identity = identity;
    for (const connection of this.#table.all()) {
      const { completeSince, infoHash, isV2, locallyInitiated, reserved, address } = connection;
      if (completeSince === null) continue;
      const gains = locallyInitiated && !isV2 && identity.infoHashV2 !== null && announces(reserved, 'v2');
      if (isOurs(infoHash, identity) && !gains) continue;
      connection.refuse({ code: 'info-hash-changed' });
      if (locallyInitiated) this.#dialling.again(address);
    }
    this.#dialling.refill();
  }

  /** How many connections have finished their handshake. */
  howManyConnections(): number {
    return this.#table.completeCount;
  }

  /** Whether we would not dial another peer now. Half-open connections count. */
  get isFull(): boolean {
    return this.#table.isFullForDials(this.#parts.options);
  }

  /** Whether a peer has ever reached us from outside and finished the handshake. */
  get everIncoming(): boolean {
    return this.#everIncoming;
  }

  /** What became of the addresses that were named to us. */
  get reach(): PeerReach {
    return this.#dialling.reach;
  }

  /** How many connections we have refused since the beginning, by reason. */
  get refusals(): ReadonlyMap<RefusalCode, number> {
    return this.#refusals.counts;
  }

  /** As `Dialling.startConnection`. */
  startConnection(address: PeerAddress, source: AddressSource, peerId: Buffer | null, found?: FoundIn): boolean {
    return this.#dialling.startConnection(address, source, peerId, found);
  }

  /** Takes over a socket from outside whose handshake has named this torrent. */
  externalConnectionMade(socket: SingleSocket, incoming: Incoming): void {
    const host = this.#crowds.keyOf(incoming.address.host);
    const reason = this.#reasonAgainst(host) ?? this.#makeRoom(host);
    if (reason !== undefined) {
      socket.close();
      this.#refusals.add(reason);
      return;
    }
    const { rawServer } = this.#parts;
    this.#begin({ kind: 'external', hostKey: host, ...incoming }, (handler) => {
      adoptSocket(rawServer, socket, handler);
      return socket;
    });
  }

  /**
   * The peer has certainly lied: we end its connection, and it gets no other one. When that bans its whole host, the
   * peers of the host that have earned it stay: they may be honest peers behind the same address.
   */
  ban(liar: PeerConnection, evidence: Evidence): void {
    this.#bans.add(liar, evidence);
    liar.refuse({ code: 'banned', evidence });
    for (const connection of this.#table.all()) {
      if (connection.hostKey !== liar.hostKey || this.#events.merits(connection).hasEarned) continue;
      const against = this.#bans.againstPeer(connection);
      if (against !== undefined) connection.refuse({ code: 'banned', evidence: against });
    }
  }

  /** The blocklist has been read again. Ends the connections with peers that are on it now. */
  partFromListed(): void {
    for (const connection of this.#table.all())
      if (this.#isListed(connection.address)) connection.refuse({ code: 'listed' });
  }

  /** The peers that are banned, and what proved that each of them lied. */
  get bans(): readonly Ban[] {
    return this.#bans.all;
  }

  /** As `Dialling.networkChanged`. */
  networkChanged(): void {
    this.#dialling.networkChanged();
  }

  /** As `Dialling.makeWay`. */
  makeWay(): boolean {
    return this.#dialling.makeWay();
  }

  /**
   * Ends every connection and dials no more. The owner must call it also when the torrent fails, because it gives back
   * places that all torrents share.
   */
  close(): void {
    this.#closed = true;
    this.#dialling.close();
    this.partFromAll();
  }

  /** Ends every connection and forgets every address. Sources must name again what we shall dial. */
  partFromAll(): void {
    this.#dialling.forgetAll();
    for (const connection of this.#table.all()) connection.refuse({ code: 'shutting-down' });
  }

  dialDone(connection: Connection): void {
    this.#dialling.gotThrough(connection);
  }

  judgePeerId(connection: Connection): Refusal | undefined {
    const { peerId } = connection;
    const { myId } = this.#identity;
    this.#dialling.answered(connection);
    if (peerId.equals(myId)) return { code: 'own-peer-id' };
    const evidence = this.#bans.againstPeer(connection);
    return evidence === undefined ? this.#namesakes.judge(connection) : { code: 'banned', evidence };
  }

  completed(connection: Connection): void {
    this.#table.completed(connection);
    this.#dialling.completed(connection);
    this.#liveness.watch(connection);
    if (!connection.locallyInitiated) this.#everIncoming = true;
    if (this.#namesakes.isDoubtful(connection)) this.#probation.begin(connection);
    else this.#events.connectionMade(connection);
  }

  gotFrame(connection: Connection, frame: Buffer): void {
    if (!this.#probation.keeps(connection, frame)) this.#events.gotFrame(connection, frame);
  }

  connectionFlushed(connection: Connection): void {
    if (!this.#probation.has(connection)) this.#events.connectionFlushed(connection);
  }

  severed(connection: Connection, ending: Ending): void {
    this.#table.delete(connection);
    this.#namesakes.ended(connection);
    this.#liveness.unwatch(connection);
    if (ending.by === 'us') this.#refusals.add(ending.reason);
    this.#dialling.ended(connection, ending);
    const isUnheardOf = this.#probation.ended(connection);
    if (connection.completeSince !== null && !isUnheardOf) this.#events.connectionLost(connection);
    else if (connection.locallyInitiated) this.#dialling.wasInVain(ending);
    this.#dialling.refill();
  }

  #begin(beginning: Beginning, open: OpenSocket): Connection {
    const { rawServer, work, options } = this.#parts;
    const connection = new Connection(this, rawServer, work, options, beginning, open);
    this.#table.add(connection);
    return connection;
  }

  /** False when we would refuse the connection, or when it would be one too many with the same peer. */
  #mayDial(address: PeerAddress, peerId: Buffer | null): boolean {
    if (this.#isBarred(address) || this.#table.hasDialled(address)) return false;
    return peerId === null || this.#namesakes.mayDial(hostKey(address.host), peerId);
  }

  /** A liar was there, or the user wants nothing from there. */
  #isBarred(address: PeerAddress): boolean {
    return this.#bans.againstAddress(address) !== undefined || this.#isListed(address);
  }

  /** It was not on the blocklist when it was named, or no source would have led us there. */
  #isListed({ host }: PeerAddress): boolean {
    return this.#parts.ownNetworks.blocklist?.hasHost(host) === true;
  }

  /** Why we let no peer of `host` in from outside. Undefined when we do. */
  #reasonAgainst(host: string): Refusal | undefined {
    if (this.#closed) return { code: 'shutting-down' };
    const evidence = this.#bans.againstHost(host, false);
    return evidence === undefined ? undefined : { code: 'banned', evidence };
  }

  /**
   * Makes sure that a peer of `host` from outside has a place, if need be that of another peer. Returns the refusal
   * when it gets none.
   */
  #makeRoom(host: string): Refusal | undefined {
    const { maxPerHost, slowHandshake } = this.#parts.options;
    const isHostFull = this.#table.countOfHost(host) >= maxPerHost;
    if (this.#hasPlaceFor(host)) return undefined;
    const unfinished = this.#table.unfinishedExternal(this.#now() - slowHandshake, isHostFull ? host : null);
    const placesOf = (other: string): number => this.#table.externalCountOfHost(other);
    if (unfinished !== undefined) unfinished.refuse({ code: 'table-full' });
    else this.#events.placeFor({ hostKey: host, placesOf, isHostFull })?.refuse({ code: 'useless' });
    return this.#hasPlaceFor(host) ? undefined : { code: 'table-full' };
  }

  #hasPlaceFor(host: string): boolean {
    const { options } = this.#parts;
    return this.#table.countOfHost(host) < options.maxPerHost && this.#table.hasPlaceForExternal(options);
  }

  /** Peers from outside cannot keep us from dialling other peers behind the same address. */
  #hasRoomToDial(host: string): boolean {
    const { maxPerHost } = this.#parts.options;
    return (
      this.#table.countOfHost(host) < maxPerHost || this.#table.dialledCountOfHost(host) < Math.floor(maxPerHost / 4)
    );
  }

  #now(): Millis {
    return this.#parts.rawServer.now();
  }
}
