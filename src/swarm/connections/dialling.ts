/**
 * Decides which address of one torrent is dialled, and when.
 *
 * Every address that we want to dial becomes a spare first. Every dial is made in one place, `refill`. It runs whenever
 * a connection ends, whichever side ended it, and whenever an address or a place becomes free.
 */
import type { Millis, Task } from '../../base/clock.js';
import { hostKey } from '../../net/host-key.js';
import { parseIp } from '../../net/ip-address.js';
import type { PeerAddress, RawServerContext } from '../../net/raw-server.js';
import { type AddressSource, mayLead, type OwnNetworks } from '../../net/reach-rule.js';
import type { Connection, Ending, OpenSocket } from './connection.js';
import { type DialEncryption, dialByWays } from './dial-ways.js';
import { Dials } from './dials.js';
import type { EncoderOptions } from './encoder-options.js';
import type { Dialler, HalfOpen } from './half-open.js';
import { type FoundIn, greetingsTo, type Identity } from './identity.js';
import type { PeerConnection, PeerEvents } from './peer-connection.js';
import { type PeerReach, ReachCounter } from './reach-counter.js';
import { Redialling } from './redialling.js';
import { areNamedOnce, Spares, type Turn } from './spares.js';
import { type Teller, Tellers } from './tellers.js';
import { Turnover } from './turnover.js';
import type { HostDialler, UnansweredDials } from './unanswered-dials.js';

/** The objects that are handed to a Dialling. */
export interface DiallingParts {
  /** The torrent's own part of the loop. */
  readonly rawServer: RawServerContext;
  readonly options: EncoderOptions;
  /** The places for dials, shared by all torrents. */
  readonly halfOpen: HalfOpen;
  /** The unanswered dials to each host, of all torrents. */
  readonly unanswered: UnansweredDials;
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

/** What a Dialling needs of the object that holds the connections: the Encoder. */
export interface DiallingOwner {
  readonly identity: () => Identity;
  /** Every place for dials is taken. */
  readonly isFull: () => boolean;
  /** Whether we may dial a further peer of this host, by its `hostKey`. */
  readonly hasRoomFor: (host: string) => boolean;
  /** We never dial this address: it is that of a liar, or the user wants nothing from there. */
  readonly isBarred: (address: PeerAddress) => boolean;
  /**
   * False when we would refuse the connection, or when it would be one too many with the same peer. `peerId`: whom we
   * expect there, or null.
   */
  readonly mayDial: (address: PeerAddress, peerId: Buffer | null) => boolean;
  readonly begin: (address: PeerAddress, open: OpenSocket) => Connection;
  /** The oldest dial without a finished handshake that began no later than `latest`. */
  readonly unfinishedDial: (latest: Millis) => Connection | undefined;
  /** The side above, which hears what is said over a connection. */
  readonly events: () => PeerEvents;
}

export class Dialling implements Dialler, HostDialler {
  readonly #parts: DiallingParts;
  readonly #owner: DiallingOwner;
  readonly #tellers: Tellers;
  readonly #dials: Dials;
  readonly #spares: Spares;
  readonly #redialling: Redialling;
  readonly #turnover: Turnover;
  readonly #reach = new ReachCounter();
  /** Runs when the next spare has waited long enough. */
  #retry: Task | null = null;
  #retryAt: Millis = Number.POSITIVE_INFINITY;
  /** Addresses were named. Runs when all of them are known. */
  #soonTask: Task | null = null;
  /** There was no place for one of them, so what may be dialled was dialled at once. */
  #hasMadeRoom = false;
  /** Since `refill` began, an address that nobody would name again was passed over, as there was no sense in it now. */
  #hasPassedOver = false;
  #closed = false;

  constructor(parts: DiallingParts, owner: DiallingOwner) {
    this.#parts = parts;
    this.#owner = owner;
    const { options, rank, rawServer } = parts;
    this.#tellers = new Tellers(2 * options.maxSpares);
    this.#dials = new Dials(
      this.#tellers,
      { patience: options.slowHandshake, provingTime: options.provingTime },
      (connection) => owner.events().merits(connection).standing,
    );
    this.#spares = new Spares(options, rank, this.#tellers);
    this.#redialling = new Redialling(this.#spares, options.retryInterval, (address) =>
      this.#tellerOf(address, { kind: 'incoming', teller: address.host }),
    );
    this.#turnover = new Turnover({
      timers: rawServer,
      interval: options.turnoverInterval,
      isWanted: () => owner.isFull() && this.#spares.count > 0,
      giveUpOne: () => {
        if (this.#nextTurn() === undefined) return;
        const least = owner.events().leastUseful('dialled');
        if (least !== undefined) this.#partFrom(least);
      },
    });
  }

  /** What became of the addresses that were named to us. */
  get reach(): PeerReach {
    return this.#reach.reach(this.#spares.count);
  }

  /**
   * Dials an address that `source` named: after this event if there is a place, later if it is worth it, never if it is
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
    const isSelf = peerId?.equals(this.#owner.identity().myId) === true;
    if (this.#closed || isSelf || !this.#isWanted(address, null)) return true;
    if (this.#spares.isFull && !this.#hasMadeRoom) {
      this.#hasMadeRoom = true;
      this.refill();
    }
    this.#spares.add(address, teller, found, this.#now());
    this.#refillSoon();
    return true;
  }

  /**
   * Makes a place when every place for dials is taken and an address waits that we could dial at once. We part from a
   * peer that we dialled in vain, or give up a dial that takes long. The address of that peer waits for another
   * attempt. Returns whether a place was made.
   */
  makeWay(): boolean {
    if (!this.#owner.isFull() || this.#nextTurn() === undefined) return false;
    const unfinished = this.#owner.unfinishedDial(this.#now() - this.#parts.options.slowHandshake);
    if (unfinished !== undefined) {
      this.#giveUp(unfinished);
      return true;
    }
    const least = this.#owner.events().leastUseful('dialled');
    if (least === undefined) return false;
    this.#partFrom(least);
    return true;
  }

  /** We may be in another network, where those may be reached that could not be until now. */
  networkChanged(): void {
    this.#spares.forgive(this.#now());
    this.refill();
  }

  /** We part from a peer that we dialled, only to dial it again. */
  again(address: PeerAddress): void {
    this.#spares.again(address, this.#now());
  }

  /** The connection has got through, or has ended. */
  gotThrough(connection: Connection): void {
    if (this.#dials.gotThrough(connection)) this.#parts.halfOpen.leave(this);
  }

  /** The peer has said its handshake. */
  answered(connection: Connection): void {
    const { locallyInitiated, address, peerId, isV2 } = connection;
    this.#isAnswered(connection);
    if (locallyInitiated) this.#spares.answered(address, peerId, isV2 ? 'v2' : 'v1');
  }

  /** The handshake is finished. */
  completed(connection: Connection): void {
    if (connection.locallyInitiated) this.#reach.answered();
    this.#dials.completed(connection);
  }

  /** Must be called while the side above still knows the connection. `refill` must follow. */
  ended(connection: Connection, ending: Ending): void {
    this.gotThrough(connection);
    this.#isAnswered(connection);
    this.#dials.ended(connection, ending);
    if (!this.#closed) this.#redialling.ended(connection, ending, this.#now(), this.#owner.events());
  }

  /** A dial has ended before the side above heard of it. */
  wasInVain(ending: Ending): void {
    this.#reach.failed(ending);
  }

  /** Forgets every address. Sources must name again what we shall dial. */
  forgetAll(): void {
    this.#spares.clear();
  }

  /** Dials no more. */
  close(): void {
    this.#closed = true;
    this.#retry?.cancel();
    this.#soonTask?.cancel();
    this.#turnover.stop();
    this.#parts.halfOpen.withdraw(this);
    this.#parts.unanswered.withdraw(this);
  }

  placeFree(): void {
    this.#refillSoon();
  }

  roomAt(): void {
    this.#refillSoon();
  }

  giveWay(): void {
    this.#parts.rawServer.addTask(() => {
      const dial = this.#dials.toGiveUp(this.#now());
      if (dial !== undefined) this.#giveUp(dial);
    }, 0);
  }

  /** The one place where connections are dialled. */
  refill(): void {
    this.#soonTask?.cancel();
    this.#soonTask = null;
    this.#retry?.cancel();
    this.#retry = null;
    this.#retryAt = Number.POSITIVE_INFINITY;
    if (this.#closed) return;
    this.#dials.settle();
    this.#hasPassedOver = false;
    const { halfOpen, unanswered } = this.#parts;
    let waiting: Turn | undefined;
    for (;;) {
      const turn = this.#nextTurn();
      if (turn === undefined || this.#owner.isFull()) {
        waiting = turn;
        break;
      }
      if (!halfOpen.enter(this)) {
        this.#giveWayTo(turn, true);
        return;
      }
      this.#dial(turn);
    }
    halfOpen.withdraw(this);
    // While we wait for a place among the half-open dials, the rooms at hosts stay ours. Else another torrent may have
    // the room whenever we have the place.
    unanswered.passOn(this);
    this.#refillAt(this.#spares.nextReadyAt(this.#now()));
    if (this.#hasPassedOver) this.#refillAt(this.#now() + this.#parts.options.retryInterval);
    if (this.#spares.count > 0) this.#turnover.look();
    // This must come last: the end of the dial that gives way runs `refill` again within this call.
    if (waiting !== undefined) this.#giveWayTo(waiting, false);
  }

  /**
   * What to dial next. On the way we drop addresses that we need not dial any more, and pass over those of them that
   * nobody would name again: such a peer may leave again, or we may want something of it again.
   */
  #nextTurn(): Turn | undefined {
    for (;;) {
      const turn = this.#spares.next(this.#now(), ({ address, peerId, tellers }) => {
        if (areNamedOnce(tellers) && !this.#owner.isBarred(address) && !this.#isWanted(address, peerId)) {
          this.#hasPassedOver = true;
          return false;
        }
        const host = hostKey(address.host);
        return this.#owner.hasRoomFor(host) && this.#parts.unanswered.hasRoom(host, this);
      });
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
    this.#partFrom(dial);
  }

  /** Parts from a peer that we dialled in vain. Its address waits only when another has been dialled in its place. */
  #partFrom(peer: PeerConnection): void {
    peer.refuse({ code: 'useless' });
    this.#spares.failed(peer.address, this.#now());
  }

  /** Sources name hundreds of addresses at a time, and a look at all that wait costs much: it is made once for all. */
  #refillSoon(): void {
    this.#soonTask ??= this.#parts.rawServer.addTask(() => {
      this.#hasMadeRoom = false;
      this.refill();
    }, 0);
  }

  /** Runs `refill` at the moment `at`. The earliest moment that was named since the last refill counts. */
  #refillAt(at: Millis | undefined): void {
    if (at === undefined || this.#closed || at >= this.#retryAt) return;
    this.#retry?.cancel();
    this.#retryAt = at;
    this.#retry = this.#parts.rawServer.addTask(() => this.refill(), at - this.#now());
  }

  /** The teller in whose share an address of `source` counts. Undefined when `source` may not lead us there. */
  #tellerOf({ host, port }: PeerAddress, source: AddressSource): Teller | undefined {
    const ip = parseIp(host);
    const isAllowed = ip !== undefined && mayLead(source, ip, port, this.#parts.ownNetworks);
    return isAllowed ? this.#tellers.of(source) : undefined;
  }

  #dial({ spare, teller }: Turn): void {
    const { address, found, failures } = spare;
    // Only the first greeting is said by all ways, encrypted and plain, so each of the two has to be the first.
    const likelier = found === 'either' && failures % 2 === 1 ? 'v2' : found;
    const greetings = greetingsTo(likelier, this.#owner.identity());
    this.#spares.dialled(spare, this.#now());
    this.#reach.dialled();
    const connection = this.#owner.begin(address, (owner) => dialByWays({ ...this.#parts, address, greetings }, owner));
    this.#dials.begun(connection, teller);
    this.#parts.unanswered.begun(hostKey(address.host), this);
  }

  #isAnswered(connection: Connection): void {
    if (this.#dials.answered(connection)) this.#parts.unanswered.ended(hostKey(connection.address.host));
  }

  /** Whether it makes sense to dial the address. `peerId`: whom its source has named, or null. */
  #isWanted(address: PeerAddress, peerId: Buffer | null): boolean {
    if (this.#spares.isComplete(address) && this.#owner.events().wantsNothing()) return false;
    return this.#owner.mayDial(address, peerId ?? this.#spares.knownPeerId(address));
  }

  #now(): Millis {
    return this.#parts.rawServer.now();
  }
}
