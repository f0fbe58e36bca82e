/**
 * The Encoder holds the table of one torrent's connections. It decides which address to dial and when, which peer to
 * let in, which of two connections with one peer stays, and which peer has been silent for too long. `PeerEvents` hears
 * what is said over a connection.
 *
 * Every address that we want to dial becomes a spare first. Every dial is made in one place, `#refill`. It runs
 * whenever a connection ends, whichever side ended it, and whenever an address or a place becomes free.
 */
import type { Millis, Task } from '../../base/clock.js';
import { adoptSocket } from '../../net/cipher-socket.js';
import { hostKey } from '../../net/host-key.js';
import { parseIp } from '../../net/ip-address.js';
import type { PeerAddress, RawServerContext, SingleSocket } from '../../net/raw-server.js';
import { type AddressSource, mayLead, type OwnNetworks } from '../../net/reach-rule.js';
import type { Evidence, Refusal, RefusalCode } from '../../wire/refusal.js';
import { announces } from '../../wire/reserved.js';
import type { WorkBudget } from '../work-budget.js';
import { type Ban, Bans } from './bans.js';
import { type Beginning, Connection, type ConnectionOwner, type Ending, type Incoming } from './connection.js';
import { ConnectionTable } from './connection-table.js';
import { type DialEncryption, dialByWays } from './dial-ways.js';
import { Dials } from './dials.js';
import type { EncoderOptions } from './encoder-options.js';
import type { Dialler, HalfOpen } from './half-open.js';
import { type FoundIn, greetingsTo, type Identity, isOurs } from './identity.js';
import { Liveness } from './liveness.js';
import { Namesakes } from './namesakes.js';
import type { PeerConnection, PeerEvents } from './peer-connection.js';
import { Probation } from './probation.js';
import { type PeerReach, ReachCounter, RefusalLog } from './reach-counter.js';
import { Redialling, Spares, type Turn } from './spares.js';
import { type Teller, Tellers } from './tellers.js';
import { Turnover } from './turnover.js';

/** The objects that are handed to an Encoder. */
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
  /** How we dial, in plain or encrypted. All torrents of a session share it. */
  readonly encryption: DialEncryption;
  /**
   * How well a peer suits us (BEP 40). Of spares that are equal in all else, we dial the one with the highest rank
   * first.
   */
  readonly rank: (address: PeerAddress) => number;
}

export class Encoder implements ConnectionOwner {
  readonly #parts: EncoderParts;
  #events: PeerEvents;
  #identity: Identity;
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
    this.#identity = parts.identity;
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
      if (locallyInitiated) this.#spares.again(address, this.#now());
    }
    this.#refill();
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
    return this.#reach.reach(this.#spares.count);
  }

  /** How many connections we have refused since the beginning, by reason. */
  get refusals(): ReadonlyMap<RefusalCode, number> {
    return this.#refusals.counts;
  }

  /**
   * Dials an address that `source` named: at once if there is a place, later if it is worth it, never if it is
   * pointless. Returns false when `source` may not lead us to this address.
   *
   * `peerId` is the id of the peer that is said to be there. It only tells us whether that is ourselves. BEP 3 wants us
   * to sever a peer with another id, but libtorrent takes a new id for each connection, so we would lose all such
   * peers. `found` is the swarm in which the source has found the address.
   */
  startConnection(
    { host, port }: PeerAddress,
    source: AddressSource,
    peerId: Buffer | null,
    found: FoundIn = 'either',
  ): boolean {
    // Sockets use one spelling of each host. In another spelling a peer would pass for another peer, or escape a ban.
    const ip = parseIp(host);
    const teller = this.#tellerOf({ host, port }, source);
    if (ip === undefined || teller === undefined) return false;
    const address = { host: ip.text, port };
    const isSelf = peerId?.equals(this.#identity.myId) === true;
    if (this.#closed || isSelf || !this.#isWanted(address, null)) return true;
    this.#spares.add(address, teller, found, this.#now());
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

  /**
   * Makes a place when every place for dials is taken and an address waits that we could dial at once. We part from a
   * peer that we dialled in vain, or give up a dial that takes long. The address of that peer waits for another
   * attempt. Returns whether a place was made.
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
   * Ends every connection and dials no more. The owner must call it also when the torrent fails, because it gives back
   * places that all torrents share.
   */
  close(): void {
    this.#closed = true;
    this.#retry?.cancel();
    this.#turnover.stop();
    this.partFromAll();
    this.#parts.halfOpen.withdraw(this.#dialler);
  }

  /** Ends every connection and forgets every address. Sources must name again what we shall dial. */
  partFromAll(): void {
    this.#spares.clear();
    for (const connection of this.#table.all()) connection.refuse({ code: 'shutting-down' });
  }

  dialDone(connection: Connection): void {
    this.#leaveHalfOpen(connection);
  }

  judgePeerId(connection: Connection): Refusal | undefined {
    const { peerId, address, isV2 } = connection;
    const { myId } = this.#identity;
    if (connection.locallyInitiated) this.#spares.answered(address, peerId, isV2 ? 'v2' : 'v1');
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
    // This must come last: the end of the dial that gives way runs `#refill` again within this call.
    if (waiting !== undefined) this.#giveWayTo(waiting, false);
  }

  /** What to dial next. On the way we drop addresses that we need not dial any more. */
  #nextTurn(): Turn | undefined {
    for (;;) {
      const turn = this.#spares.next(this.#now(), ({ address }) => this.#hasRoomToDial(hostKey(address.host)));
      if (turn === undefined || this.#isWanted(turn.spare.address, turn.spare.peerId)) return turn;
      this.#spares.drop(turn.spare);
    }
  }

  /** All places are taken. A teller with more than its share of dials gives up one that has had its time. */
  #giveWayTo({ teller, spare }: Turn, isHalfOpen: boolean): void {
    const giving = this.#dials.toGiveWayTo({ teller, isFresh: spare.failures === 0 }, isHalfOpen);
    // Other torrents may have more than their share. They give way when their dials have had their time.
    if (isHalfOpen) this.#refillAt(this.#now() + this.#parts.options.slowHandshake / 2);
    if (giving === undefined) return;
    if (giving.at > this.#now()) this.#refillAt(giving.at);
    else this.#giveUp(giving.dial);
  }

  /** Ends a dial. When its connection is severed, we dial the address that waits for the place. */
  #giveUp(dial: Connection): void {
    if (dial.completeSince === null) {
      dial.refuse({ code: this.#dials.isHalfOpen(dial) ? 'connect-timeout' : 'handshake-timeout' });
      return;
    }
    dial.refuse({ code: 'useless' });
    this.#spares.failed(dial.address, this.#now());
  }

  /** Runs `#refill` at the moment `at`. The earliest moment that was named since the last refill counts. */
  #refillAt(at: Millis | undefined): void {
    if (at === undefined || this.#closed || at >= this.#retryAt) return;
    this.#retry?.cancel();
    this.#retryAt = at;
    this.#retry = this.#parts.rawServer.addTask(() => this.#refill(), at - this.#now());
  }

  /** The teller in whose share an address of `source` counts. Undefined when `source` may not lead us there. */
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
    const { address, found, failures } = spare;
    // Only the first greeting is said by all ways, encrypted and plain, so each of the two has to be the first.
    const likelier = found === 'either' && failures % 2 === 1 ? 'v2' : found;
    const greetings = greetingsTo(likelier, this.#identity);
    this.#spares.dialled(spare, this.#now());
    this.#reach.dialled();
    const connection = this.#begin({ kind: 'dial', address }, (owner) =>
      dialByWays({ ...this.#parts, address, greetings }, owner),
    );
    this.#dials.begun(connection, teller);
  }

  #begin(beginning: Beginning, open: ConstructorParameters<typeof Connection>[5]): Connection {
    const { rawServer, work, options } = this.#parts;
    const connection = new Connection(this, rawServer, work, options, beginning, open);
    this.#table.add(connection);
    return connection;
  }

  #leaveHalfOpen(connection: Connection): void {
    if (this.#dials.gotThrough(connection)) this.#parts.halfOpen.leave(this.#dialler);
  }

  /** False when we would refuse the connection, or when it would be one too many with the same peer. */
  #isWanted(address: PeerAddress, peerId: Buffer | null): boolean {
    if (this.#bans.againstAddress(address) !== undefined || this.#table.hasDialled(address)) return false;
    if (this.#isListed(address)) return false;
    if (this.#spares.isComplete(address) && this.#events.wantsNothing()) return false;
    const likelyId = peerId ?? this.#spares.knownPeerId(address);
    return likelyId === null || this.#namesakes.mayDial(hostKey(address.host), likelyId);
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
