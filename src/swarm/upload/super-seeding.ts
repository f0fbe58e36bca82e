/**
 * Super seeding (BEP 16): a seed that is the only one hides what it has, and shows its pieces one by one, each to one
 * peer. So it sends each piece about once until the swarm holds a whole copy, and leaves the rest to the peers.
 */
import type { Millis, Task, Timers } from '../../base/clock.js';
import type { Random } from '../../base/random.js';
import type { PieceIndex, PieceLayout } from '../../metainfo/piece-layout.js';
import { Bitfield } from '../../wire/bitfield.js';
import { encodeMessage } from '../../wire/message.js';
import { HiddenPieces } from './hidden-pieces.js';

export interface SuperSeedingOptions {
  /** A peer is shown as many bytes ahead as it takes in this time. */
  readonly ahead: Millis;
  /** A peer that has asked for nothing for this long leaves its slot to others, and keeps what it was shown. */
  readonly quiet: Millis;
  /** A peer that wants nothing of what it was shown, or has not asked for any of it, is shown more after this long. */
  readonly patience: Millis;
  /** The same for a peer that has asked for something, and may still be taking it from the kernel. */
  readonly silence: Millis;
  /** The longest wait for a block of a piece to move, whatever holds it up. */
  readonly stallTime: Millis;
  /** How long after its last byte a piece counts as got by the peer to which we sent it. */
  readonly settleTime: Millis;
  /** When nothing moves for this long, peers are shown pieces too that others have … */
  readonly restTime: Millis;
  /**
   * … and those that went to one peer this long ago and that no other peer has got. When the peer has left since, they
   * are shown to others after this time in any case.
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

/** What SuperSeeding needs of a peer. */
export interface ShownPeer {
  readonly connection: { send(chunks: readonly Buffer[]): void };
  readonly upload: {
    readonly choked: boolean;
    readonly interested: boolean;
    /** Bytes a second to the peer. */
    readonly rate: number;
    /** How many of its requests wait. */
    readonly queuedCount: number;
  };
  /** The pieces that the peer says it has. */
  readonly download: { readonly has: Bitfield };
}

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

/** A piece that one peer was shown and has not got. */
interface Offer {
  /** Bytes that we have not sent. */
  left: number;
  readonly since: Millis;
}

interface Entry {
  readonly peer: ShownPeer;
  /** What the peer knows that we have; null for everything. */
  shown: Bitfield | null;
  readonly offers: Map<PieceIndex, Offer>;
  /** The sum of `left` of all offers. */
  left: number;
  /** Pieces that the peer has got from us, which no other peer has yet, and when the last byte went. */
  readonly unproven: Map<PieceIndex, Millis>;
  /** How many pieces it has kept us waiting for in vain. Each piece that it passes on makes it one less. */
  debt: number;
  /** How many pieces it is shown at once. It doubles while the peer makes no use of what it is shown. */
  burst: number;
  /** When a block went to it, or when it was shown something after it had got all. */
  movedAt: Millis;
  /** Some block has gone to it since it made no use of what it was shown. */
  hasMoved: boolean;
  /** When we were last seen to choke it although it was interested. */
  heldUpAt: Millis;
  /** Bytes a second, the most at any look. */
  bestRate: number;
  /** The higher, the later it was shown a piece. */
  turn: number;
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
 * It ends for good when another seed appears, or when each piece is with some peer, or has gone to one. It does not end
 * while there is one peer alone: that one is shown everything one by one, as fast as it takes it, so that a crowd that
 * comes later still finds a super seed.
 */
export class SuperSeeding {
  readonly #parts: SuperSeedingParts;
  readonly #options: SuperSeedingOptions;
  readonly #entries = new Map<object, Entry>();
  /** Peers that have left with pieces that nobody else has, and when. */
  readonly #gone = new Map<Entry, Millis>();
  /** Which peer a piece was shown to last, until another peer has it too. */
  readonly #holders = new Map<PieceIndex, Entry>();
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
    const now = this.#parts.timers.now();
    this.#entries.set(peer.upload, {
      peer,
      shown: isHidden ? new Bitfield(this.#parts.layout.pieceCount) : null,
      offers: new Map(),
      left: 0,
      unproven: new Map(),
      debt: 0,
      burst: 1,
      movedAt: now,
      heldUpAt: now,
      hasMoved: false,
      bestRate: 0,
      turn: 0,
    });
    this.#lookLater();
  }

  peerLeft(peer: ShownPeer): void {
    const entry = this.#entries.get(peer.upload);
    if (entry === undefined) return;
    this.#entries.delete(peer.upload);
    for (const piece of [...entry.offers.keys()]) this.#release(entry, piece);
    const now = this.#parts.timers.now();
    // What was under way is lost. With the rest the peer may come back, or it passes that on to others.
    for (const [piece, since] of entry.unproven) {
      if (now - since < this.#options.settleTime) this.#release(entry, piece);
    }
    if (entry.unproven.size > 0) this.#gone.set(entry, now);
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
    if ([...this.#entries.values()].some(({ peer }) => peer.download.has.isComplete)) this.end();
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
    for (const entry of this.#entries.values()) entry.shown = null;
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
    return this.#entries.get(peer)?.shown?.has(piece) === true;
  }

  /** Whether the peer, by its Upload, may ask for the piece. */
  mayAsk(peer: object, piece: PieceIndex): boolean {
    if (this.#state !== 'active') return true;
    const shown = this.#entries.get(peer)?.shown;
    return shown === null || shown === undefined || shown.has(piece);
  }

  /** `length` bytes of the piece go to the peer, by its Upload. */
  goes(to: object, piece: PieceIndex, length: number): void {
    if (this.#state !== 'active') return;
    const entry = this.#entries.get(to);
    if (entry === undefined) return;
    const now = this.#parts.timers.now();
    entry.movedAt = now;
    entry.burst = 1;
    entry.hasMoved = true;
    this.#movedAt = now;
    const offer = entry.offers.get(piece);
    if (offer === undefined) return;
    if (!this.#holders.has(piece)) this.#holders.set(piece, entry);
    const sent = Math.min(length, offer.left);
    offer.left -= sent;
    entry.left -= sent;
    if (offer.left === 0) {
      entry.offers.delete(piece);
      if (this.#holders.get(piece) === entry) this.#wasGot(entry, piece);
    }
    if (this.#isServed(entry)) this.#soon();
  }

  /** What was asked for and not sent is void: the peer, by its Upload, must ask for it again. */
  leave(to: object): void {
    const entry = this.#entries.get(to);
    if (entry === undefined) return;
    for (const [piece, offer] of entry.offers) {
      const length = this.#parts.layout.lengthOf(piece);
      entry.left += length - offer.left;
      offer.left = length;
    }
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
      this.#dropOffer(holder, piece);
      this.#wasGot(holder, piece);
    } else if (holder.unproven.has(piece)) this.#proven(holder, piece);
  }

  /** The peer has the whole piece. Others may have it too: they have it from elsewhere, or got it block by block. */
  #wasGot(holder: Entry, piece: PieceIndex): void {
    const others = this.#parts.copiesOf(piece) - Number(holder.peer.download.has.has(piece));
    if (others > 0) this.#proven(holder, piece);
    else if (!holder.unproven.has(piece)) holder.unproven.set(piece, this.#parts.timers.now());
  }

  /** How many peers have the piece, as far as we can know. */
  #copiesOf(piece: PieceIndex): number {
    const seen = this.#parts.copiesOf(piece);
    const holder = this.#holders.get(piece);
    const sentAt = holder?.unproven.get(piece);
    if (seen > 0 || holder === undefined || sentAt === undefined || this.#gone.has(holder)) return seen;
    return Number(this.#parts.timers.now() - sentAt >= this.#options.settleTime);
  }

  #proven(holder: Entry, piece: PieceIndex): void {
    holder.debt = Math.max(0, holder.debt - 1);
    this.#release(holder, piece);
  }

  #dropOffer(entry: Entry, piece: PieceIndex): void {
    entry.left -= entry.offers.get(piece)?.left ?? 0;
    entry.offers.delete(piece);
  }

  /** The piece is no longer this peer's to pass on. */
  #release(entry: Entry, piece: PieceIndex): void {
    this.#dropOffer(entry, piece);
    entry.unproven.delete(piece);
    if (this.#holders.get(piece) !== entry) return;
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
    if (this.#state !== 'active' || this.#entries.size === 0) return;
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
    const entries = [...this.#entries.values()].filter(({ shown }) => shown !== null);
    let busy = entries.filter((entry) => this.#isBusy(entry)).length;
    const open = new Set(entries.filter((entry) => this.#isServed(entry)));
    while (busy < slots && open.size > 0) {
      const entry = bestOf(open);
      const pieces: PieceIndex[] = [];
      while (pieces.length < entry.burst) {
        const piece = this.#hidden?.takeMissing();
        if (piece === undefined) break;
        if (!this.#holders.has(piece)) pieces.push(piece);
      }
      if (pieces.length === 0) return;
      this.#show(entry, pieces);
      if (this.#isServed(entry)) continue;
      open.delete(entry);
      busy += 1;
    }
  }

  #show(entry: Entry, pieces: readonly PieceIndex[]): void {
    const now = this.#parts.timers.now();
    if (entry.left === 0) entry.movedAt = now;
    this.#turns += 1;
    entry.turn = this.#turns;
    // A peer that made no use of its last pieces keeps no others from them, until it asks for one.
    const isTrusted = entry.burst === 1;
    for (const piece of pieces) {
      const left = this.#parts.layout.lengthOf(piece);
      entry.shown?.set(piece);
      entry.offers.set(piece, { left, since: now });
      entry.left += left;
      if (isTrusted) this.#holders.set(piece, entry);
      else this.#hidden?.putBack(piece);
    }
    entry.peer.connection.send([Buffer.concat(pieces.map((piece) => encodeMessage({ type: 'have', piece })))]);
  }

  /** The peer has next to nothing left to ask for. */
  #isServed(entry: Entry): boolean {
    return entry.left === 0 || entry.left * 1000 <= entry.peer.upload.rate * this.#options.ahead;
  }

  #isBusy(entry: Entry): boolean {
    if (this.#isServed(entry)) return false;
    return entry.peer.upload.queuedCount > 0 || this.#parts.timers.now() - entry.movedAt < this.#options.quiet;
  }

  /** Ends waits that have lasted too long. */
  #look(): void {
    const now = this.#parts.timers.now();
    this.#hidden?.review();
    for (const [entry, since] of this.#gone) {
      if (entry.unproven.size > 0 && now - since < this.#options.proofTime) continue;
      this.#gone.delete(entry);
      for (const piece of [...entry.unproven.keys()]) this.#release(entry, piece);
    }
    for (const entry of this.#entries.values()) {
      const { upload } = entry.peer;
      if (upload.interested && upload.choked) entry.heldUpAt = now;
      entry.bestRate = Math.max(entry.bestRate, upload.rate);
      this.#endWaits(entry, now);
    }
    this.#showMore();
    if (now - this.#movedAt >= this.#options.restTime) this.#showSpread(now);
    else if (this.#hidden?.hasMissing === false) this.#passOverSlow(now);
  }

  #endWaits(entry: Entry, now: Millis): void {
    if (entry.left === 0 || !this.#hasStalled(entry, now)) return;
    entry.debt += 1;
    entry.hasMoved = false;
    this.#widen(entry);
    for (const piece of [...entry.offers.keys()]) this.#release(entry, piece);
  }

  #hasStalled({ peer, movedAt, heldUpAt, hasMoved }: Entry, now: Millis): boolean {
    const { patience, silence, stallTime } = this.#options;
    if (now - movedAt >= stallTime) return true;
    const { interested, queuedCount } = peer.upload;
    return queuedCount === 0 && now - Math.max(movedAt, heldUpAt) >= (hasMoved && interested ? silence : patience);
  }

  /** The peer is shown twice as many pieces the next time. */
  #widen(entry: Entry): void {
    entry.burst = Math.min(entry.burst * 2, this.#parts.layout.pieceCount);
  }

  /**
   * Nothing moves. So what peers lack is with others that do not pass it on, or hide it, or is of no interest to those
   * that were shown it. Shows one peer pieces that others may have.
   */
  #showSpread(now: Millis): void {
    for (const entry of this.#entries.values()) {
      for (const [piece, since] of entry.unproven) {
        if (now - since >= this.#options.proofTime) this.#release(entry, piece);
      }
    }
    const idle = [...this.#entries.values()].filter((entry) => entry.shown !== null && !this.#isBusy(entry));
    if (idle.length === 0) return;
    const entry = bestOf(idle);
    const { has } = entry.peer.download;
    const pieces = this.#hidden?.takeRarest((piece) => !has.has(piece) && !this.#holders.has(piece), entry.burst) ?? [];
    this.#widen(entry);
    this.#turns += 1;
    entry.turn = this.#turns;
    if (pieces.length > 0) this.#show(entry, pieces);
  }

  /** One slow peer must not make all others wait for the last piece. */
  #passOverSlow(now: Millis): void {
    const { slowness, slowTime } = this.#options;
    const entries = [...this.#entries.values()];
    const fastest = Math.max(0, ...entries.map(({ bestRate }) => bestRate));
    if (!entries.some((entry) => entry.shown !== null && this.#isServed(entry))) return;
    for (const entry of entries) {
      if (entry.left === 0 || entry.peer.upload.rate * slowness >= fastest) continue;
      for (const [piece, { since }] of entry.offers) if (now - since >= slowTime) this.#release(entry, piece);
    }
  }
}

/** The peer that keeps the fewest pieces from the swarm, and of these the one that was shown something longest ago. */
function bestOf(entries: Iterable<Entry>): Entry {
  let best: Entry | undefined;
  for (const entry of entries) if (best === undefined || compare(entry, best) < 0) best = entry;
  if (best === undefined) throw new Error('no peer to choose from');
  return best;
}

function compare(a: Entry, b: Entry): number {
  return a.unproven.size + a.debt - (b.unproven.size + b.debt) || a.turn - b.turn;
}
