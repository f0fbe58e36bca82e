/**
 * The table of one torrent's connections: whom to dial and when, whom to let in, which of two connections with one peer
 * stays, who has been silent for too long. What is said over a connection is the business of `PeerEvents`.
 *
 * Every address that is to be dialled becomes a spare first, and every dial is made in one place, which is asked again
 * whenever a connection ends, whoever ended it, and whenever an address or a place becomes free.
 */
import type { Millis, Task, Timers } from '../../base/clock.js';
import { adoptSocket } from '../../net/cipher-socket.js';
import { hostKey } from '../../net/host-key.js';
import { parseIp } from '../../net/ip-address.js';
import type { PeerAddress, RawServerContext, SingleSocket } from '../../net/raw-server.js';
import { type AddressSource, mayLead, type OwnNetworks } from '../../net/reach-rule.js';
import { INFO_HASH_LENGTH } from '../../wire/handshake.js';
import type { Evidence, Refusal, RefusalCode } from '../../wire/refusal.js';
import type { WorkBudget } from '../work-budget.js';
import { type Ban, Bans } from './bans.js';
import {
  type Beginning,
  Connection,
  type ConnectionOwner,
  type Ending,
  type Identity,
  type Incoming,
} from './connection.js';
import { ConnectionTable } from './connection-table.js';
import type { DialEncryption } from './dial-ways.js';
import { Dials } from './dials.js';
import type { EncoderOptions } from './encoder-options.js';
import type { Dialler, HalfOpen } from './half-open.js';
import { Liveness } from './liveness.js';
import { Namesakes } from './namesakes.js';
import type { PeerConnection, PeerEvents } from './peer-connection.js';
import { PeerDial, type PeerDialOwner } from './peer-dial.js';
import { Probation } from './probation.js';
import { type PeerReach, ReachCounter, RefusalLog } from './reach-counter.js';
import { addressKey, Redialling, Spares, type Turn } from './spares.js';
import { type Teller, Tellers } from './tellers.js';

/** What an Encoder stands on. */
export interface EncoderParts {
  /** The torrent's own part of the loop. */
  readonly rawServer: RawServerContext;
  readonly identity: Identity;
  readonly options: EncoderOptions;
  /** The places for dials, shared by all torrents. */
  readonly halfOpen: HalfOpen;
  /** What peers may make the loop do, shared by all torrents. */
  readonly work: WorkBudget;
  /** Where strangers may not lead us. */
  readonly ownNetworks: OwnNetworks;
  readonly encryption: DialEncryption;
  /** How well a peer suits us: of equals the higher is dialled first (BEP 40). */
  readonly rank: (address: PeerAddress) => number;
}

export class Encoder implements ConnectionOwner {
  readonly #parts: EncoderParts;
  #events: PeerEvents;
  readonly #table = new ConnectionTable();
  readonly #tellers: Tellers;
  readonly #dials: Dials;
  readonly #spares: Spares;
  readonly #redialling: Redialling;
  readonly #liveness: Liveness;
  readonly #bans = new Bans();
  readonly #namesakes: Namesakes;
  readonly #probation: Probation;
  readonly #refusals = new RefusalLog();
  readonly #reach = new ReachCounter();
  readonly #turnover: Turnover;
  /** Runs when the next spare has waited long enough. */
  #retry: Task | null = null;
  #retryAt: Millis = Number.POSITIVE_INFINITY;
  #everIncoming = false;
  #closed = false;

  constructor(parts: EncoderParts, events: PeerEvents) {
    this.#parts = parts;
    this.#events = events;
    const { options, rank } = parts;
    this.#tellers = new Tellers(2 * options.maxSpares);
    this.#dials = new Dials(
      this.#tellers,
      { patience: options.slowHandshake, provingTime: options.provingTime },
      (connection) => this.#events.merits(connection).standing,
    );
    this.#spares = new Spares(options, rank, this.#tellers);
    this.#redialling = new Redialling(this.#spares, options.retryInterval, (address) =>
      this.#tellerOf(address, { kind: 'incoming', teller: address.host }),
    );
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
    this.#turnover = new Turnover({
      timers: parts.rawServer,
      interval: parts.options.turnoverInterval,
      isWanted: () => this.isFull && this.#spares.count > 0,
      giveUpOne: () => {
        if (this.#nextTurn() !== undefined) this.#events.leastUseful('dialled')?.refuse({ code: 'useless' });
      },
    });
  }

  /** From here on `events` is told what happens, also over the connections that are there already. */
  handTo(events: PeerEvents): void {
    this.#events = events;
  }

  /** Connections whose handshake is finished. */
  howManyConnections(): number {
    return this.#table.completeCount;
  }

  /** Whether we would dial nobody else, half-open connections counted. */
  get isFull(): boolean {
    return this.#table.isFullForDials(this.#parts.options);
  }

  /** Whether somebody has ever reached us from outside and finished the handshake. */
  get everIncoming(): boolean {
    return this.#everIncoming;
  }

  /** What became of the addresses that were named to us. */
  get reach(): PeerReach {
    return this.#reach.reach(this.#spares.count);
  }

  /** How many were refused, by reason, since the beginning. */
  get refusals(): ReadonlyMap<RefusalCode, number> {
    return this.#refusals.counts;
  }

  /**
   * Dials a peer that `source` named: at once if there is a place, later if it is worth it, never if it is pointless or
   * leads where `source` may not lead us (false). `peerId` is who is said to be there, and only tells us ourselves. BEP
   * 3 wants a peer with another id severed, but libtorrent takes a new id for each connection, so that none of its
   * peers would be left.
   */
  startConnection({ host, port }: PeerAddress, source: AddressSource, peerId: Buffer | null): boolean {
    // Sockets tell hosts in one spelling. A peer named in another would pass for another peer, or escape a ban.
    const ip = parseIp(host);
    const teller = this.#tellerOf({ host, port }, source);
    if (ip === undefined || teller === undefined) return false;
    const address = { host: ip.text, port };
    const isSelf = peerId?.equals(this.#parts.identity.myId) === true;
    if (this.#closed || isSelf || !this.#isWanted(address, null)) return true;
    this.#spares.add(address, teller, this.#now());
    this.#refill();
    return true;
  }

  /** Takes over a socket from outside whose handshake has named this torrent. */
  externalConnectionMade(socket: SingleSocket, incoming: Incoming): void {
    const host = hostKey(incoming.address.host);
    const reason = this.#reasonAgainst(host) ?? this.#makeRoom(host);
    if (reason !== undefined) {
      socket.close();
      this.#refusals.add(reason);
      return;
    }
    const { rawServer } = this.#parts;
    this.#begin({ kind: 'external', ...incoming }, (handler) => {
      adoptSocket(rawServer, socket, handler);
      return socket;
    });
  }

  /**
   * The peer has lied beyond doubt: its connection is ended, and it gets no other. When its whole host is banned, those
   * of its peers stay that have earned it: they may be honest, behind the same address.
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

  /** Who has been banned, and what proved that it lied. */
  get bans(): readonly Ban[] {
    return this.#bans.all;
  }

  /**
   * If every place for dials is taken and an address waits that could be dialled at once: parts from a peer that was
   * dialled in vain, or gives up a dial that takes long. That address waits for another attempt. Says whether it did.
   */
  makeWay(): boolean {
    if (!this.isFull || this.#nextTurn() === undefined) return false;
    const unfinished = this.#table.unfinishedDial(this.#now() - this.#parts.options.slowHandshake);
    if (unfinished !== undefined) {
      this.#giveUp(unfinished);
      return true;
    }
    const least = this.#events.leastUseful('dialled');
    if (least === undefined) return false;
    least.refuse({ code: 'useless' });
    this.#spares.failed(least.address, this.#now());
    return true;
  }

  /**
   * Ends every connection and dials nobody any more. Must also be called when the torrent fails: it gives places back.
   */
  close(): void {
    this.#closed = true;
    this.#retry?.cancel();
    this.#turnover.stop();
    this.partFromAll();
    this.#parts.halfOpen.withdraw(this.#dialler);
  }

  /** Ends every connection and forgets every address: whom to dial has to be said anew. */
  partFromAll(): void {
    this.#spares.clear();
    for (const connection of this.#table.all()) connection.refuse({ code: 'shutting-down' });
  }

  dialDone(connection: Connection): void {
    this.#leaveHalfOpen(connection);
  }

  judgePeerId(connection: Connection): Refusal | undefined {
    const { peerId, address } = connection;
    const { myId } = this.#parts.identity;
    if (connection.locallyInitiated) this.#spares.answered(address, peerId);
    if (peerId.equals(myId)) return { code: 'own-peer-id' };
    const evidence = this.#bans.againstPeer(connection);
    return evidence === undefined ? this.#namesakes.judge(connection) : { code: 'banned', evidence };
  }

  completed(connection: Connection): void {
    this.#table.completed(connection);
    this.#dials.completed(connection);
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
    this.#leaveHalfOpen(connection);
    this.#dials.ended(connection, ending);
    if (ending.by === 'us') this.#refusals.add(ending.reason);
    if (!this.#closed) this.#redialling.ended(connection, ending, this.#now(), this.#events);
    const isUnheardOf = this.#probation.ended(connection);
    if (connection.completeSince !== null && !isUnheardOf) this.#events.connectionLost(connection);
    else if (connection.locallyInitiated) this.#reach.failed(ending);
    this.#refill();
  }

  /** The one place where connections are dialled. */
  #refill(): void {
    this.#retry?.cancel();
    this.#retry = null;
    this.#retryAt = Number.POSITIVE_INFINITY;
    if (this.#closed) return;
    this.#dials.settle();
    const { halfOpen } = this.#parts;
    let waiting: Turn | undefined;
    for (;;) {
      const turn = this.#nextTurn();
      if (turn === undefined || this.isFull) {
        waiting = turn;
        break;
      }
      if (!halfOpen.enter(this.#dialler)) {
        this.#giveWayTo(turn, true);
        return;
      }
      this.#dial(turn);
    }
    halfOpen.withdraw(this.#dialler);
    this.#refillAt(this.#spares.nextReadyAt(this.#now()));
    if (this.#spares.count > 0) this.#turnover.look();
    // The last thing: the end of the dial that gives way calls for another refill within the call.
    if (waiting !== undefined) this.#giveWayTo(waiting, false);
  }

  /** What to dial next. What need not be dialled any more is forgotten on the way. */
  #nextTurn(): Turn | undefined {
    for (;;) {
      const turn = this.#spares.next(this.#now(), ({ address }) => this.#hasRoomToDial(hostKey(address.host)));
      if (turn === undefined || this.#isWanted(turn.spare.address, turn.spare.peerId)) return turn;
      this.#spares.drop(turn.spare);
    }
  }

  /** All places are taken. A teller that has more than its share of dials gives up one of them in time. */
  #giveWayTo({ teller, spare }: Turn, isHalfOpen: boolean): void {
    const giving = this.#dials.toGiveWayTo({ teller, isFresh: spare.failures === 0 }, isHalfOpen);
    // Other torrents may have more than their share, and give way when theirs have had their time.
    if (isHalfOpen) this.#refillAt(this.#now() + this.#parts.options.slowHandshake / 2);
    if (giving === undefined) return;
    if (giving.at > this.#now()) this.#refillAt(giving.at);
    else this.#giveUp(giving.dial);
  }

  /** The address that waits for the place is dialled when the connection is severed. */
  #giveUp(dial: Connection): void {
    if (dial.completeSince === null) {
      dial.refuse({ code: this.#dials.isHalfOpen(dial) ? 'connect-timeout' : 'handshake-timeout' });
      return;
    }
    dial.refuse({ code: 'useless' });
    this.#spares.failed(dial.address, this.#now());
  }

  /** The first of the moments that are named since the last refill counts. */
  #refillAt(at: Millis | undefined): void {
    if (at === undefined || this.#closed || at >= this.#retryAt) return;
    this.#retry?.cancel();
    this.#retryAt = at;
    this.#retry = this.#parts.rawServer.addTask(() => this.#refill(), at - this.#now());
  }

  /** The teller whose share an address of `source` takes; undefined when `source` may not lead there. */
  #tellerOf({ host, port }: PeerAddress, source: AddressSource): Teller | undefined {
    const ip = parseIp(host);
    const isAllowed = ip !== undefined && mayLead(source, ip, port, this.#parts.ownNetworks);
    return isAllowed ? this.#tellers.of(source) : undefined;
  }

  readonly #dialler: Dialler = {
    placeFree: () => {
      this.#parts.rawServer.addTask(() => this.#refill(), 0);
    },
    giveWay: () => {
      this.#parts.rawServer.addTask(() => {
        const dial = this.#dials.toGiveUp(this.#now());
        if (dial !== undefined) this.#giveUp(dial);
      }, 0);
    },
  };

  #dial({ spare, teller }: Turn): void {
    const { address } = spare;
    this.#spares.dialled(spare, this.#now());
    this.#reach.dialled();
    const connection = this.#begin({ kind: 'dial', address }, (owner) => this.#socketTo(address, owner));
    this.#dials.begun(connection, teller);
  }

  #socketTo(address: PeerAddress, owner: PeerDialOwner): SingleSocket {
    const { rawServer, encryption, identity, options } = this.#parts;
    const key = addressKey(address);
    const ways = encryption.ways.waysTo(key);
    if (ways.length === 1 && ways[0] === 'plain') return rawServer.startConnection(address, owner);
    return new PeerDial(
      {
        ...encryption,
        rawServer,
        infoHash: identity.infoHash.subarray(0, INFO_HASH_LENGTH),
        address,
        ways,
        handshakeDeadline: options.encryptionDeadline,
        worked: (way) => encryption.ways.worked(key, way),
      },
      owner,
    );
  }

  #begin(beginning: Beginning, open: ConstructorParameters<typeof Connection>[6]): Connection {
    const { rawServer, work, identity, options } = this.#parts;
    const connection = new Connection(this, rawServer, work, identity, options, beginning, open);
    this.#table.add(connection);
    return connection;
  }

  #leaveHalfOpen(connection: Connection): void {
    if (this.#dials.gotThrough(connection)) this.#parts.halfOpen.leave(this.#dialler);
  }

  /** False when a connection would be refused or be one too many with the same peer. */
  #isWanted(address: PeerAddress, peerId: Buffer | null): boolean {
    if (this.#bans.againstAddress(address) !== undefined || this.#table.hasDialled(address)) return false;
    if (this.#spares.isComplete(address) && this.#events.wantsNothing()) return false;
    const likelyId = peerId ?? this.#spares.knownPeerId(address);
    return likelyId === null || this.#namesakes.mayDial(hostKey(address.host), likelyId);
  }

  #reasonAgainst(host: string): Refusal | undefined {
    if (this.#closed) return { code: 'shutting-down' };
    const evidence = this.#bans.againstHost(host, false);
    return evidence === undefined ? undefined : { code: 'banned', evidence };
  }

  /** Sees to it that a peer of `host` from outside has a place, if need be that of another one. */
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

  /** Peers that come from outside cannot keep us from dialling others behind the same address. */
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

interface TurnoverParts {
  readonly timers: Timers;
  readonly interval: Millis;
  /** Somebody could be dialled if there were a place. */
  readonly isWanted: () => boolean;
  /** Gives up somebody who was dialled in vain, if there is such a one. */
  readonly giveUpOne: () => void;
}

/**
 * While every place for dials is taken and others wait for one, whoever was dialled and is of no use goes, one at a
 * time: peers who do nothing but stay would keep us from everybody else for ever.
 */
class Turnover {
  readonly #parts: TurnoverParts;
  #task: Task | null = null;

  constructor(parts: TurnoverParts) {
    this.#parts = parts;
  }

  /** There may be somebody waiting. Until nobody does, it is looked at again each interval. */
  look(): void {
    this.#task ??= this.#parts.timers.addTask(() => {
      this.#task = null;
      if (!this.#parts.isWanted()) return;
      this.look();
      this.#parts.giveUpOne();
    }, this.#parts.interval);
  }

  stop(): void {
    this.#task?.cancel();
  }
}
