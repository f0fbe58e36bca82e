/**
 * Asks peers for hashes of version 2, and believes none before it is proven: the hashes and their uncles must give a
 * hash that is known. Each peer may lie, reject or say nothing.
 *
 * Peers take turns. Those that answered come first, and of these the one that was asked longest ago. A peer that lets
 * us wait goes to the end, but its answer still counts when it comes. Twice as many peers at once are asked for a range
 * after each failure, and after each second without an answer. So many peers that are silent, slow or false cannot keep
 * the answer of an honest one from us for long.
 */
import type { Millis, Task, Timers } from '../../base/clock.js';
import { NODE_LENGTH } from '../../metainfo/merkle.js';
import { climb } from '../../metainfo/merkle-proof.js';
import { type HashMessage, type HashRange, keyOfRange } from '../../wire/hash-message.js';
import type { PeerConnection } from '../connections/peer-connection.js';
import { FINE, JUNK, type Judgement, refuse } from '../judgement.js';
import { HashPeer, type HashPeerOptions } from './hash-peer.js';

export interface HashFetchOptions extends HashPeerOptions {
  /** After so long without an answer more peers are asked for the same range. */
  readonly impatience: Millis;
  /** At most so many peers at once are asked for one range. */
  readonly maxAsked: number;
  /** A range is given up when for so long no peer has been there that may be asked for it. */
  readonly giveUpTime: Millis;
}

export const DEFAULT_HASH_FETCH_OPTIONS: HashFetchOptions = {
  maxOwed: 2,
  patience: 3_000,
  answerTime: 30_000,
  firstPause: 1_000,
  maxPause: 30_000,
  rejectTime: 60_000,
  impatience: 1_000,
  maxAsked: 16,
  giveUpTime: 5_000,
};

export interface HashFetchParts {
  readonly timers: Timers;
  /** This peer has certainly sent wrong hashes. Called in a task of its own. */
  readonly ban: (connection: PeerConnection) => void;
}

/** A question that can be withdrawn. */
export interface HashQuestion {
  /** `done` is not called any more. Harmless when it was called already. */
  cancel(): void;
}

/** Whether the peer probably knows the hashes, because it has a piece below them. Others are asked only after these. */
export type MayHave = (connection: PeerConnection) => boolean;

/** The proven hashes, 32 bytes each; null when no peer gives them. */
export type GotHashes = (hashes: Buffer | null) => void;

interface Asker {
  readonly mayHave: MayHave;
  readonly done: GotHashes;
}

/** A range that we want, and who was asked. */
interface Wanted {
  readonly range: HashRange;
  readonly key: string;
  /** What the hashes and their uncles must give, 32 bytes. */
  readonly known: Buffer;
  readonly askers: Set<Asker>;
  /** Peers that owe it and are not late. */
  readonly asked: Set<HashPeer>;
  /** Peers that were late with it. They are not asked again, but may still answer. */
  readonly late: Set<HashPeer>;
  /** How many peers may be asked at once. */
  room: number;
  /** When `room` grows if nothing comes before. */
  growsAt: Millis;
  /** Since when nobody is there who may be asked; null while somebody is. */
  stuckSince: Millis | null;
}

/** How often we look for peers that keep us waiting, in milliseconds. */
const SWEEP_INTERVAL = 250;

export class HashFetch {
  readonly #parts: HashFetchParts;
  readonly #options: HashFetchOptions;
  readonly #peers = new Map<PeerConnection, HashPeer>();
  /** By the key of the range. */
  readonly #wanted = new Map<string, Wanted>();
  #sweepTask: Task | null = null;
  #assignTask: Task | null = null;
  #stopped = false;

  constructor(parts: HashFetchParts, options: HashFetchOptions) {
    this.#parts = parts;
    this.#options = options;
  }

  /** A connection of version 1 is not asked while it is one. A peer that is here already keeps what is known of it. */
  connectionMade(connection: PeerConnection): void {
    if (this.#stopped || this.#peers.has(connection)) return;
    this.#peers.set(connection, new HashPeer(connection, this.#options));
    this.#assignSoon();
  }

  connectionLost(connection: PeerConnection): void {
    const peer = this.#peers.get(connection);
    if (peer !== undefined) this.#remove(peer);
  }

  /** How often in a row the peer did not answer in time, or rejected what we asked for; 0 for one that is not asked. */
  strikesOf(connection: PeerConnection): number {
    return this.#peers.get(connection)?.strikes ?? 0;
  }

  /**
   * Fetches the `length` hashes of the range. They are proven when they and their uncles give `known`, 32 bytes: the
   * root of the tree, unless the proof ends below it at a hash that the caller knows. `done` gets a copy of its own.
   */
  fetch(range: HashRange, mayHave: MayHave, done: GotHashes, known: Buffer = range.root): HashQuestion {
    const key = keyOfRange(range);
    const wanted = this.#wanted.get(key) ?? {
      range,
      key,
      known,
      askers: new Set(),
      asked: new Set(),
      late: new Set(),
      room: 1,
      growsAt: Number.POSITIVE_INFINITY,
      stuckSince: null,
    };
    const asker = { mayHave, done };
    if (this.#stopped) return { cancel: () => undefined };
    this.#wanted.set(key, wanted);
    wanted.askers.add(asker);
    this.#assignSoon();
    this.#sweepLater();
    return {
      cancel: () => {
        wanted.askers.delete(asker);
        if (wanted.askers.size === 0 && this.#wanted.get(key) === wanted) this.#wanted.delete(key);
      },
    };
  }

  gotHashes(connection: PeerConnection, { range, hashes }: Extract<HashMessage, { type: 'hashes' }>): Judgement {
    const peer = this.#peers.get(connection);
    const key = keyOfRange(range);
    if (peer?.answered(key) !== true) return refuse({ code: 'unasked-hashes' });
    const wanted = this.#wanted.get(key);
    // Another peer was faster.
    if (wanted === undefined) return FINE;
    const end = range.length * NODE_LENGTH;
    const right = hashes.subarray(0, end);
    if (!climb(right, range.index, hashes.subarray(end)).equals(wanted.known)) {
      this.#remove(peer);
      this.#parts.timers.addTask(() => this.#parts.ban(connection), 0);
      return FINE;
    }
    peer.proved();
    this.#finish(wanted, right);
    this.#assignSoon();
    return FINE;
  }

  gotReject(connection: PeerConnection, { range }: Extract<HashMessage, { type: 'hashReject' }>): Judgement {
    const peer = this.#peers.get(connection);
    const key = keyOfRange(range);
    if (peer?.answered(key) !== true) return JUNK;
    peer.rejected(key, this.#parts.timers.now());
    const wanted = this.#wanted.get(key);
    if (wanted !== undefined) this.#failed(wanted, peer);
    this.#assignSoon();
    return FINE;
  }

  /** Forgets everything. From now on it asks for nothing and reports nothing. */
  stop(): void {
    this.#stopped = true;
    this.#sweepTask?.cancel();
    this.#assignTask?.cancel();
    this.#peers.clear();
    this.#wanted.clear();
  }

  #remove(peer: HashPeer): void {
    this.#peers.delete(peer.connection);
    for (const wanted of this.#wanted.values()) {
      this.#failed(wanted, peer);
      wanted.late.delete(peer);
    }
    this.#assignSoon();
  }

  #finish(wanted: Wanted, hashes: Buffer | null): void {
    this.#wanted.delete(wanted.key);
    for (const { done } of wanted.askers) done(hashes === null ? null : Buffer.from(hashes));
  }

  /** The peer does not give the range, for now. Harmless when it was not asked. */
  #failed(wanted: Wanted, peer: HashPeer): void {
    if (wanted.asked.delete(peer)) this.#grow(wanted);
  }

  #grow(wanted: Wanted): void {
    const { maxAsked, impatience } = this.#options;
    wanted.room = Math.min(maxAsked, wanted.room * 2);
    wanted.growsAt = this.#parts.timers.now() + impatience;
  }

  /** Many answers and questions may come at a time. Those of one event are dealt with together. */
  #assignSoon(): void {
    if (this.#stopped || this.#wanted.size === 0) return;
    this.#assignTask ??= this.#parts.timers.addTask(() => {
      this.#assignTask = null;
      this.#assign();
    }, 0);
  }

  #assign(): void {
    const now = this.#parts.timers.now();
    const free = [...this.#peers.values()].filter((peer) => peer.connection.isV2 && peer.isFree(now));
    // What nobody was asked for comes first.
    const open: Wanted[] = [];
    for (const wanted of this.#wanted.values()) {
      if (free.length === 0) return;
      if (wanted.asked.size === 0) this.#ask(wanted, 1, free, now);
      if (wanted.asked.size < wanted.room) open.push(wanted);
    }
    for (const wanted of open) {
      if (free.length === 0) return;
      this.#ask(wanted, wanted.room, free, now);
    }
  }

  /** Asks until so many peers are asked at once, or none of `free` may be asked. */
  #ask(wanted: Wanted, room: number, free: HashPeer[], now: Millis): void {
    while (free.length > 0 && wanted.asked.size < room) {
      const peer = this.#best(wanted, free, now);
      if (peer === undefined) return;
      if (wanted.asked.size === 0) wanted.growsAt = now + this.#options.impatience;
      peer.ask(wanted.range, now);
      wanted.asked.add(peer);
      if (!peer.isFree(now)) free.splice(free.indexOf(peer), 1);
    }
  }

  #best(wanted: Wanted, free: readonly HashPeer[], now: Millis): HashPeer | undefined {
    let best: HashPeer | undefined;
    for (const peer of free) {
      if (peer.owes(wanted.key) || !this.#mayAsk(wanted, peer, now)) continue;
      if (best === undefined || this.#isBetter(wanted, peer, best)) best = peer;
    }
    return best;
  }

  #isBetter({ askers }: Wanted, peer: HashPeer, other: HashPeer): boolean {
    const likely = mayHave(askers, peer);
    if (likely !== mayHave(askers, other)) return likely;
    if (peer.strikes !== other.strikes) return peer.strikes < other.strikes;
    return peer.askedAt < other.askedAt;
  }

  /** Whether it makes sense to ask the peer, now or later. */
  #mayAsk({ key, late }: Wanted, peer: HashPeer, now: Millis): boolean {
    return peer.connection.isV2 && !peer.hasRejected(key, now) && !late.has(peer);
  }

  #sweepLater(): void {
    this.#sweepTask ??= this.#parts.timers.addTask(() => this.#sweep(), SWEEP_INTERVAL);
  }

  /** Looks for peers that keep us waiting, and for ranges that nobody can give. */
  #sweep(): void {
    this.#sweepTask = null;
    const now = this.#parts.timers.now();
    for (const peer of this.#peers.values()) {
      peer.sweep(now, (key) => {
        const wanted = this.#wanted.get(key);
        if (wanted === undefined) return;
        wanted.late.add(peer);
        this.#failed(wanted, peer);
      });
    }
    const stuck: Wanted[] = [];
    for (const wanted of this.#wanted.values()) {
      if (wanted.asked.size > 0 && wanted.growsAt <= now) this.#grow(wanted);
      if (this.#isGivenUp(wanted, now)) stuck.push(wanted);
    }
    for (const wanted of stuck) if (this.#wanted.get(wanted.key) === wanted) this.#finish(wanted, null);
    if (this.#stopped || this.#wanted.size === 0) return;
    this.#assignSoon();
    this.#sweepLater();
  }

  #isGivenUp(wanted: Wanted, now: Millis): boolean {
    let isStuck = wanted.asked.size === 0;
    for (const peer of this.#peers.values()) isStuck = isStuck && !this.#mayAsk(wanted, peer, now);
    wanted.stuckSince = isStuck ? (wanted.stuckSince ?? now) : null;
    return wanted.stuckSince !== null && now - wanted.stuckSince >= this.#options.giveUpTime;
  }
}

function mayHave(askers: ReadonlySet<Asker>, { connection }: HashPeer): boolean {
  for (const asker of askers) if (asker.mayHave(connection)) return true;
  return false;
}
