/**
 * Super seeding (BEP 16): a seed that is the only one hides what it has, and shows its pieces one by one, each to one
 * peer. So it sends each piece about once until the swarm holds a whole copy, and leaves the rest to the peers.
 */
import type { Millis, Task, Timers } from '../../base/clock.js';
import type { Random } from '../../base/random.js';
import type { PieceIndex, PieceLayout } from '../../metainfo/piece-layout.js';
import type { Bitfield } from '../../wire/bitfield.js';
import { HiddenPieces } from './hidden-pieces.js';
import { type ShownPeer, ShownPieces, type ShownPiecesOptions } from './shown-pieces.js';

export interface SuperSeedingOptions extends ShownPiecesOptions {
  /** How long after its last byte a piece counts as got by the peer to which we sent it. */
  readonly settleTime: Millis;
  /** When nothing moves for this long, peers are also shown pieces that others have, or that `proofTime` frees. */
  readonly restTime: Millis;
  /**
   * When nothing moves, a piece that went to one peer this long ago, and that no other peer has got, is shown to
   * others. When that peer has left, the piece is shown to others after this time in any case.
   */
  readonly proofTime: Millis;
  /**
   * While no other piece is left to show, a piece is shown to a second peer when the first has had it for `slowTime`
   * and is this many times slower than the fastest peer was.
   */
  readonly slowness: number;
  readonly slowTime: Millis;
  /** How often we look for peers that have kept us waiting for too long. */
  readonly interval: Millis;
}

export const DEFAULT_SUPER_SEEDING_OPTIONS: SuperSeedingOptions = {
  ahead: 1_000,
  quiet: 3_000,
  patience: 10_000,
  stallTime: 60_000,
  silence: 30_000,
  settleTime: 5_000,
  restTime: 5_000,
  proofTime: 60_000,
  slowness: 8,
  slowTime: 30_000,
  interval: 1_000,
};

/** What a SuperSeeding is joined with. */
export interface SuperSeedingParts {
  readonly timers: Timers;
  readonly random: Random;
  readonly layout: PieceLayout;
  /** What we have. It must not shrink between `begin` and `end`. */
  readonly have: Bitfield;
  /** How many peers have a piece, us not counted. */
  readonly copiesOf: (piece: PieceIndex) => number;
  /** How many peers are served at once. */
  readonly slots: () => number;
}

/**
 * Decides which peer is shown which piece.
 *
 * Slots: as many peers as we serve at once have something to fetch of us at any time, so that the line is never idle.
 * A new piece goes to the peer that has the fewest pieces which no other peer has got from it. So peers that pass on
 * quickly are shown more, and nobody waits for peers that do not. A peer is shown a piece before it has all of the
 * last one, and several if it is fast.
 *
 * A piece counts as got when its last byte is sent: a peer need not say that it has a piece that we have. Whether it
 * passes the piece on is seen at the others, who do not know that we have it.
 *
 * Every wait has an end. A piece that moves no more is shown to another peer; a peer that makes no use of its pieces
 * comes after all others, and is shown twice as many the next time, which others are shown too. What a peer was once
 * shown, it may ask for.
 *
 * It ends for good when another seed appears, or when each piece is with some peer, or has gone to one. A lone peer
 * does not end it before that: it is shown everything one by one, as fast as it takes it, so that a crowd that comes
 * later still finds a super seed.
 */
export class SuperSeeding {
  readonly #parts: SuperSeedingParts;
  readonly #options: SuperSeedingOptions;
  /** What each peer was shown, by its Upload. */
  readonly #shown = new Map<object, ShownPieces>();
  /** Peers that have left with pieces that nobody else has, and when. */
  readonly #gone = new Map<ShownPieces, Millis>();
  /** Which peer a piece was shown to last, until another peer has it too. */
  readonly #holders = new Map<PieceIndex, ShownPieces>();
  #state: 'waiting' | 'active' | 'over' = 'waiting';
  #hidden: HiddenPieces | null = null;
  #ended: () => void = () => undefined;
  #turns = 0;
  #movedAt: Millis = Number.NEGATIVE_INFINITY;
  #soonTask: Task | null = null;
  #lookTask: Task | null = null;

  constructor(parts: SuperSeedingParts, options: SuperSeedingOptions) {
    this.#parts = parts;
    this.#options = options;
  }

  get isActive(): boolean {
    return this.#state === 'active';
  }

  /** It has not begun, and may. */
  get isWaiting(): boolean {
    return this.#state === 'waiting';
  }

  get isOver(): boolean {
    return this.#state === 'over';
  }

  /** `isHidden`: the peer was told that we have nothing, or was told nothing. */
  peerJoined(peer: ShownPeer, isHidden: boolean): void {
    this.#shown.set(peer.upload, new ShownPieces(peer, isHidden, this.#parts, this.#options));
    this.#lookLater();
  }

  peerLeft(peer: ShownPeer): void {
    const shown = this.#shown.get(peer.upload);
    if (shown === undefined) return;
    this.#shown.delete(peer.upload);
    // What was under way is lost. With the rest the peer may come back, or it passes that on to others.
    const settled = new Set(shown.unprovenFor(this.#options.settleTime));
    const lost = [...shown.offered, ...shown.unproven.filter((piece) => !settled.has(piece))];
    for (const piece of lost) this.#release(shown, piece);
    if (shown.unproven.length > 0) this.#gone.set(shown, this.#parts.timers.now());
    this.#soon();
  }

  /**
   * We are a seed. Peers that have joined hidden are shown pieces from now on. `ended` is called once, later, when the
   * others are to be told everything that they were not shown (`wasShownAlone`).
   */
  begin(ended: () => void): void {
    if (this.#state !== 'waiting') return;
    const { have, random } = this.#parts;
    this.#state = 'active';
    this.#ended = ended;
    this.#hidden = new HiddenPieces(have, (piece) => this.#copiesOf(piece), random);
    if ([...this.#shown.values()].some(({ peer }) => peer.download.has.isComplete)) this.end();
    this.#soon();
    this.#lookLater();
  }

  /** It is over for good, or never begins. */
  end(): void {
    if (this.#state === 'over') return;
    this.#state = 'over';
    this.stop();
    this.#hidden = null;
    this.#holders.clear();
    this.#gone.clear();
    this.#ended();
  }

  /** The peers that joined before have been told all that we have. */
  allTold(): void {
    for (const shown of this.#shown.values()) shown.toldAll();
  }

  /** Cancels every task. */
  stop(): void {
    this.#soonTask?.cancel();
    this.#soonTask = null;
    this.#lookTask?.cancel();
    this.#lookTask = null;
  }

  /** The peer, by its Upload, was shown the piece, and not as one of all that we have. */
  wasShownAlone(peer: object, piece: PieceIndex): boolean {
    return this.#shown.get(peer)?.wasShownAlone(piece) === true;
  }

  /** Whether the peer, by its Upload, may ask for the piece. */
  mayAsk(peer: object, piece: PieceIndex): boolean {
    return this.#state !== 'active' || this.#shown.get(peer)?.mayAsk(piece) !== false;
  }

  /** `length` bytes of the piece go to the peer, by its Upload. */
  goes(to: object, piece: PieceIndex, length: number): void {
    if (this.#state !== 'active') return;
    const shown = this.#shown.get(to);
    if (shown === undefined) return;
    this.#movedAt = this.#parts.timers.now();
    const went = shown.goes(piece, length);
    if (went === 'not-offered') return;
    if (!this.#holders.has(piece)) this.#holders.set(piece, shown);
    if (went === 'whole' && this.#holders.get(piece) === shown) this.#wasGot(shown, piece);
    if (shown.isServed) this.#soon();
  }

  /** What the peer, by its Upload, had asked for was dropped: it must ask again. */
  leave(to: object): void {
    this.#shown.get(to)?.beginAnew();
  }

  /** The peer has one more piece. */
  gotHave(peer: ShownPeer, piece: PieceIndex): void {
    if (this.#state !== 'active') return;
    if (peer.download.has.isComplete) {
      this.end();
      return;
    }
    this.#has(peer, piece);
    this.#soon();
  }

  /** The peer has said anew which pieces it has. */
  gotPieces(peer: ShownPeer): void {
    if (this.#state !== 'active') return;
    const { has } = peer.download;
    if (has.isComplete) {
      this.end();
      return;
    }
    for (const piece of [...this.#holders.keys()]) if (has.has(piece)) this.#has(peer, piece);
    this.#soon();
  }

  #has(peer: ShownPeer, piece: PieceIndex): void {
    const holder = this.#holders.get(piece);
    if (holder === undefined) return;
    if (holder.peer === peer) {
      holder.withdraw(piece);
      this.#wasGot(holder, piece);
    } else if (holder.gotAt(piece) !== undefined) this.#proven(holder, piece);
  }

  /** The peer has the whole piece. Others may have it too: they have it from elsewhere, or got it block by block. */
  #wasGot(holder: ShownPieces, piece: PieceIndex): void {
    const others = this.#parts.copiesOf(piece) - Number(holder.peer.download.has.has(piece));
    if (others > 0) this.#proven(holder, piece);
    else holder.got(piece);
  }

  /** How many peers have the piece, as far as we can know. */
  #copiesOf(piece: PieceIndex): number {
    const seen = this.#parts.copiesOf(piece);
    const holder = this.#holders.get(piece);
    const sentAt = holder?.gotAt(piece);
    if (seen > 0 || holder === undefined || sentAt === undefined || this.#gone.has(holder)) return seen;
    return Number(this.#parts.timers.now() - sentAt >= this.#options.settleTime);
  }

  #proven(holder: ShownPieces, piece: PieceIndex): void {
    holder.passedOn();
    this.#release(holder, piece);
  }

  /** The piece is no longer this peer's to pass on. */
  #release(shown: ShownPieces, piece: PieceIndex): void {
    shown.release(piece);
    if (this.#holders.get(piece) !== shown) return;
    this.#holders.delete(piece);
    this.#hidden?.putBack(piece);
  }

  #soon(): void {
    if (this.#state !== 'active') return;
    this.#soonTask ??= this.#parts.timers.addTask(() => {
      this.#soonTask = null;
      this.#showMore();
    }, 0);
  }

  #lookLater(): void {
    if (this.#state !== 'active' || this.#shown.size === 0) return;
    this.#lookTask ??= this.#parts.timers.addTask(() => {
      this.#lookTask = null;
      this.#look();
      this.#lookLater();
    }, this.#options.interval);
  }

  /** Shows pieces that no peer has, until each slot has enough to do. */
  #showMore(): void {
    if (this.#hidden?.areAllSpread === true) this.end();
    const slots = Math.max(1, this.#parts.slots());
    const peers = this.#peersInTheDark();
    let busy = peers.filter(({ isBusy }) => isBusy).length;
    const open = new Set(peers.filter(({ isServed }) => isServed));
    while (busy < slots && open.size > 0) {
      const best = bestOf(open);
      const pieces: PieceIndex[] = [];
      while (pieces.length < best.burst) {
        const piece = this.#hidden?.takeMissing();
        if (piece === undefined) break;
        if (!this.#holders.has(piece)) pieces.push(piece);
      }
      if (pieces.length === 0) return;
      this.#show(best, pieces);
      if (best.isServed) continue;
      open.delete(best);
      busy += 1;
    }
  }

  /** The peers that do not know all that we have. */
  #peersInTheDark(): readonly ShownPieces[] {
    return [...this.#shown.values()].filter(({ isToldAll }) => !isToldAll);
  }

  #show(to: ShownPieces, pieces: readonly PieceIndex[]): void {
    this.#takesTurn(to);
    for (const piece of pieces) {
      if (to.isTrusted) this.#holders.set(piece, to);
      else this.#hidden?.putBack(piece);
    }
    to.show(pieces);
  }

  #takesTurn(shown: ShownPieces): void {
    this.#turns += 1;
    shown.turn = this.#turns;
  }

  /** Ends waits that have lasted too long. */
  #look(): void {
    const now = this.#parts.timers.now();
    this.#hidden?.review();
    for (const [shown, since] of this.#gone) {
      if (shown.unproven.length > 0 && now - since < this.#options.proofTime) continue;
      this.#gone.delete(shown);
      for (const piece of shown.unproven) this.#release(shown, piece);
    }
    for (const shown of this.#shown.values()) {
      shown.look();
      if (!shown.hasStalled) continue;
      shown.waitedInVain();
      for (const piece of shown.offered) this.#release(shown, piece);
    }
    this.#showMore();
    if (now - this.#movedAt >= this.#options.restTime) this.#showSpread();
    else if (this.#hidden?.hasMissing === false) this.#passOverSlow();
  }

  /**
   * Nothing moves. So what peers lack is with others that do not pass it on, or hide it, or is of no interest to those
   * that were shown it. Shows one peer pieces that others may have.
   */
  #showSpread(): void {
    for (const shown of this.#shown.values()) {
      for (const piece of shown.unprovenFor(this.#options.proofTime)) this.#release(shown, piece);
    }
    const idle = this.#peersInTheDark().filter(({ isBusy }) => !isBusy);
    if (idle.length === 0) return;
    const best = bestOf(idle);
    const { has } = best.peer.download;
    const pieces = this.#hidden?.takeRarest((piece) => !has.has(piece) && !this.#holders.has(piece), best.burst) ?? [];
    best.widen();
    this.#takesTurn(best);
    if (pieces.length > 0) this.#show(best, pieces);
  }

  /**
   * One slow peer must not make all others wait for the last piece: a fast one that has nothing to do is shown it. The
   * choice is not that of `#showMore`, where the slow peer would often come first again.
   */
  #passOverSlow(): void {
    const { slowness, slowTime } = this.#options;
    const all = [...this.#shown.values()];
    const fastest = Math.max(0, ...all.map(({ bestRate }) => bestRate));
    const isFast = ({ isServed, bestRate }: ShownPieces): boolean => isServed && bestRate * slowness >= fastest;
    const fast = new Set(this.#peersInTheDark().filter(isFast));
    for (const slow of all) {
      if (!slow.hasMore || slow.peer.upload.rate * slowness >= fastest) continue;
      for (const piece of slow.offeredFor(slowTime)) {
        if (fast.size === 0) return;
        const isMissing = this.#holders.get(piece) === slow && this.#copiesOf(piece) === 0;
        if (!isMissing) {
          this.#release(slow, piece);
          continue;
        }
        const best = bestOf(fast);
        slow.release(piece);
        this.#holders.delete(piece);
        this.#show(best, [piece]);
        if (!best.isServed) fast.delete(best);
      }
    }
  }
}

/** The peer that keeps the fewest pieces from the swarm, and of these the one that was shown something longest ago. */
function bestOf(peers: Iterable<ShownPieces>): ShownPieces {
  let best: ShownPieces | undefined;
  for (const peer of peers) if (best === undefined || compare(peer, best) < 0) best = peer;
  if (best === undefined) throw new Error('no peer to choose from');
  return best;
}

function compare(a: ShownPieces, b: ShownPieces): number {
  return a.keptCount - b.keptCount || a.turn - b.turn;
}
