/**
 * Fetches the info dictionary of a magnet link from peers (BEP 9). Each of them may lie about its size, and about every
 * byte of it.
 *
 * Peers that claim one size share a `MetadataClaim`. At first they send one whole together. When that is wrong, each
 * peer sends a whole of its own. A peer that sends nothing new for a short time loses its turn to a peer that was not
 * tried yet. It loses nothing else: we keep what it sends later. We ban a peer only when it has certainly sent wrong
 * bytes: its own whole is wrong, or the right whole is here and differs from what the peer sent.
 *
 * A lack of memory never excludes a peer. When memory is short, we keep only the digests of some bytes, and begin with
 * the bytes of the peer that has sent nothing new for longest.
 */
import type { Millis, Task, Timers } from '../../base/clock.js';
import type { Random } from '../../base/random.js';
import type { NamedHashes } from '../../metainfo/named-hashes.js';
import { decodeMetadataMessage, encodeMetadataMessage, UT_METADATA } from '../../wire/metadata-message.js';
import type { PeerConnection } from '../connections/peer-connection.js';
import type { ExtendedPeer, Extension } from '../extensions/extensions.js';
import { FINE, JUNK, type Judgement, refuse } from '../judgement.js';
import { MetadataClaim, type MetadataSource } from './metadata-claim.js';
import type { MetadataColumn } from './metadata-column.js';
import type { MetadataSourceOptions } from './metadata-source.js';
import { MetadataTurns, type MetadataTurnsOptions } from './metadata-turns.js';

export interface MetadataFetchOptions extends MetadataSourceOptions, MetadataTurnsOptions {
  /** We ignore a peer that claims more bytes of metadata than this. */
  readonly maxSize: number;
  /** We keep at most this many bytes of what peers have sent. */
  readonly maxMemory: number;
  /** A peer that owes us a piece and sends nothing new for this long loses its turn. */
  readonly patience: Millis;
  /** The outlook of a peer that has stalled or pauses is infinite, unless it sent something new within this time. */
  readonly pauseOfUseful: Millis;
  /** When a peer owes us pieces and sends nothing new for this long, these are lost, and we may ask it again. */
  readonly answerTime: Millis;
  /** Bytes per second. A peer that sends as fast as this is fast enough, however long the metadata is. */
  readonly fairRate: number;
}

export const DEFAULT_METADATA_FETCH_OPTIONS: MetadataFetchOptions = {
  maxSize: 32 * 1024 * 1024,
  maxMemory: 64 * 1024 * 1024,
  firstWindow: 8,
  maxWindow: 64,
  firstPause: 1_000,
  patience: 500,
  pauseOfUseful: 2_000,
  answerTime: 10_000,
  fairRate: 1024 * 1024,
  firstTurns: 4,
  turnsDouble: 200,
  richTime: 2_000,
  richTurnsDouble: 4_000,
};

export interface MetadataFetchParts {
  readonly timers: Timers;
  /** Decides between peers of which we know nothing. */
  readonly random: Random;
  /** The metadata is right when it has each of these hashes. */
  readonly hashes: NamedHashes;
  /** The info dictionary is here, and its hashes are right. Called once, in a task of its own. */
  readonly gotInfo: (info: Buffer) => void;
  /** This peer has certainly sent wrong metadata. Called in a task of its own. */
  readonly ban: (connection: PeerConnection) => void;
}

/** How often we look for peers that keep us waiting, in milliseconds. */
const SWEEP_INTERVAL = 100;
/** How many pieces of one column we hash at once. They take a millisecond. */
const SLICE = 64;
/** When so much of the memory is taken, bytes that are in the way are hashed, and leave it. */
const FULL = 7 / 8;

export class MetadataFetch implements Extension {
  readonly name: string = UT_METADATA;
  readonly #parts: MetadataFetchParts;
  readonly #options: MetadataFetchOptions;
  readonly #sources = new Map<PeerConnection, MetadataSource>();
  /** By size. */
  readonly #claims = new Map<number, MetadataClaim>();
  #sweepTask: Task | null = null;
  #hashTask: Task | null = null;
  #proven: MetadataClaim | null = null;
  #done = false;

  constructor(parts: MetadataFetchParts, options: MetadataFetchOptions) {
    this.#parts = parts;
    this.#options = options;
  }

  /** How many bytes of metadata are in memory. */
  get heldLength(): number {
    let length = 0;
    for (const claim of this.#claims.values()) length += claim.heldLength;
    return length;
  }

  gotHandshake(peer: ExtendedPeer): void {
    const { metadataSize: size, ids } = peer.handshake;
    if (this.#done || size === null || size > this.#options.maxSize || (ids.get(UT_METADATA) ?? 0) === 0) return;
    // The metadata has one size. When a peer claims another one later, only its first claim counts.
    if (this.#sources.has(peer.connection)) return;
    if (this.#proven !== null && this.#proven.size !== size) return;
    const claim = this.#claims.get(size) ?? new MetadataClaim(size, this.#parts.hashes);
    this.#claims.set(size, claim);
    this.#sources.set(peer.connection, claim.join(peer, this.#options));
    this.#assign(claim);
  }

  gotMessage(peer: ExtendedPeer, payload: Buffer): Judgement {
    const message = decodeMetadataMessage(payload);
    if (message === undefined) return malformed(payload);
    switch (message.type) {
      case 'request':
        peer.send(UT_METADATA, encodeMetadataMessage({ type: 'reject', piece: message.piece }));
        return JUNK;
      case 'reject':
        return this.#gotReject(peer.connection, message.piece);
      case 'data':
        return this.#gotData(peer.connection, message.piece, message.totalSize, message.data, payload);
      case 'unknown':
        return JUNK;
    }
  }

  peerLeft({ connection }: ExtendedPeer): void {
    const source = this.#sources.get(connection);
    if (source === undefined) return;
    this.#remove(source);
    this.#assign(source.claim);
  }

  /**
   * How much longer than at `fairRate` we would wait for the rest of the metadata if this peer sent all of it, at its
   * own rate. Infinite when the peer offers nothing, or keeps back what we ask for. Null while we cannot know.
   */
  outlook(connection: PeerConnection): Millis | null {
    const source = this.#sources.get(connection);
    if (source === undefined) return Number.POSITIVE_INFINITY;
    const now = this.#parts.timers.now();
    const isWaitedFor = source.isStalled || source.isPaused(now);
    if (isWaitedFor && now - source.newAt >= this.#options.pauseOfUseful) return Number.POSITIVE_INFINITY;
    if (source.owed.size === 0 || source.hasSentNothing) return null;
    const { claim } = source;
    const time = (claim.remainingOf(source) * 1000) / source.rate(now);
    return Math.max(0, time - (claim.size * 1000) / this.#options.fairRate);
  }

  /** Forgets everything. From now on it asks for nothing and reports nothing. */
  stop(): void {
    this.#done = true;
    this.#sweepTask?.cancel();
    this.#hashTask?.cancel();
    this.#sources.clear();
    this.#claims.clear();
  }

  #gotReject(connection: PeerConnection, piece: number): Judgement {
    const source = this.#sources.get(connection);
    if (source === undefined || !source.claim.rejected(source, piece, this.#parts.timers.now())) return JUNK;
    this.#assign(source.claim);
    return FINE;
  }

  #gotData(connection: PeerConnection, piece: number, totalSize: number, data: Buffer, payload: Buffer): Judgement {
    const source = this.#sources.get(connection);
    if (source === undefined) return JUNK;
    const { claim } = source;
    if (totalSize !== claim.size) return malformed(payload);
    const receipt = claim.put(source, piece, data, this.#parts.timers.now());
    if (receipt === 'wrong-length') return malformed(payload);
    if (receipt === 'unasked') return JUNK;
    if (receipt === 'false') {
      this.#ban(source);
      this.#assign(claim);
    } else if (claim.isProven) this.#finishProven(claim);
    else this.#advance(claim, source.column);
    if (this.#done) return FINE;
    this.#boundMemory();
    if (this.#sources.has(connection)) this.#ask(source);
    return FINE;
  }

  /** Hashes a slice of what has come, and judges a whole that is hashed. */
  #advance(claim: MetadataClaim, column: MetadataColumn): void {
    claim.mix?.advance(SLICE);
    if (claim.mix !== null && claim.mix.isRight !== null) this.#judgeMix(claim, claim.mix);
    if (claim.turns !== null) column.advance(SLICE);
    if (this.#done || claim.isProven) return;
    if (column.isRight !== null) this.#judgeColumn(claim, column);
    else if (column.canAdvance || claim.mix?.canAdvance === true) this.#hashLater();
  }

  #hashLater(): void {
    this.#hashTask ??= this.#parts.timers.addTask(() => {
      this.#hashTask = null;
      for (const source of [...this.#sources.values()]) {
        const { claim, column, peer } = source;
        const isBehind = column.canAdvance && claim.turns !== null;
        if (!isBehind && claim.mix?.canAdvance !== true) continue;
        if (claim.isProven || !this.#sources.has(peer.connection)) continue;
        this.#advance(claim, column);
        // The other columns are hashed in tasks of their own.
        this.#hashLater();
        return;
      }
    }, 0);
  }

  #judgeMix(claim: MetadataClaim, mix: MetadataColumn): void {
    if (mix.isRight === true) this.#prove(claim, mix);
    else this.#goApart(claim);
  }

  #judgeColumn(claim: MetadataClaim, column: MetadataColumn): void {
    if (column.isRight === true) {
      this.#prove(claim, column);
      return;
    }
    for (const source of claim.sources) if (source.column === column) this.#ban(source);
    this.#assign(claim);
  }

  #prove(claim: MetadataClaim, column: MetadataColumn): void {
    const liars = claim.liars(column);
    claim.prove(column, this.#parts.timers.now());
    this.#proven = claim;
    for (const [size, other] of this.#claims) {
      if (other === claim) continue;
      this.#claims.delete(size);
      for (const { peer } of other.sources) this.#sources.delete(peer.connection);
    }
    for (const liar of liars) this.#ban(liar);
    this.#finishProven(claim);
  }

  #finishProven(claim: MetadataClaim): void {
    const info = claim.provenBytes();
    if (info === null) {
      this.#assign(claim);
      return;
    }
    const { timers, gotInfo } = this.#parts;
    this.stop();
    timers.addTask(() => gotInfo(info), 0);
  }

  #ban(source: MetadataSource): void {
    const { connection } = source.peer;
    this.#remove(source);
    this.#parts.timers.addTask(() => this.#parts.ban(connection), 0);
  }

  #remove(source: MetadataSource): void {
    const { claim, peer } = source;
    this.#sources.delete(peer.connection);
    claim.leave(source);
    if (claim.sources.size === 0 && claim !== this.#proven) this.#claims.delete(claim.size);
  }

  #goApart(claim: MetadataClaim): void {
    const { timers, random } = this.#parts;
    claim.goApart(new MetadataTurns(random, claim.size, this.#options, timers.now()));
    this.#assign(claim);
    this.#hashLater();
  }

  /** Asks each peer for as much as it may owe. The peers that we have never asked come first. */
  #assign(claim: MetadataClaim): void {
    if (this.#done) return;
    const sources = [...claim.sources];
    claim.turns?.give(sources, this.#parts.timers.now());
    for (const source of sources) if (source.askedAt === null) this.#ask(source);
    for (const source of sources) this.#ask(source);
    this.#sweepTask ??= this.#parts.timers.addTask(() => this.#sweep(), SWEEP_INTERVAL);
  }

  #ask(source: MetadataSource): void {
    const { claim, peer } = source;
    if (claim.turns !== null && !source.hasTurn) return;
    const now = this.#parts.timers.now();
    if (!source.mayBeAsked(now)) return;
    // All in one write: a write for each would cost more than all else that we do for a piece.
    const requests: Buffer[] = [];
    while (source.hasRoom) {
      const piece = claim.take(source, now);
      if (piece === undefined) break;
      requests.push(encodeMetadataMessage({ type: 'request', piece }));
    }
    if (requests.length > 0) peer.send(UT_METADATA, ...requests);
  }

  /**
   * While too much is in memory, forgets bytes: first those of the peer that has sent nothing new for longest. Before
   * that, while there is still some room, such bytes are hashed, so that they need not come again to be judged.
   */
  #boundMemory(): void {
    const { maxMemory } = this.#options;
    if (this.heldLength <= maxMemory * FULL) return;
    const sources = [...this.#sources.values()];
    if (!sources.some(({ column }) => column.isDraining)) {
      const slowest = slowestOf(sources, ({ canUnkeep }) => canUnkeep);
      if (slowest?.claim.mix) this.#goApart(slowest.claim);
      slowest?.column.unkeep();
      this.#hashLater();
    }
    while (this.heldLength > maxMemory) {
      // The bytes that are too many came from a peer that is still here, so there is always something to forget.
      const slowest = slowestOf(sources, ({ canForget }) => canForget);
      if (slowest === undefined) return;
      if (slowest.claim.mix !== null) this.#goApart(slowest.claim);
      else slowest.column.forget();
    }
  }

  /** Looks for peers that keep us waiting. Other peers may be asked for what these owe. */
  #sweep(): void {
    this.#sweepTask = null;
    const now = this.#parts.timers.now();
    const { patience, answerTime } = this.#options;
    for (const source of this.#sources.values()) {
      if (source.owed.size === 0) continue;
      const waited = now - source.owesSince;
      if (waited >= patience && !source.isStalled) {
        source.isStalled = true;
        source.hasTurn = false;
      }
      if (source.isStalled || source.timeToPay(now) >= 2 * patience) source.claim.release(source);
      if (waited >= answerTime) source.gaveUp(now);
    }
    for (const claim of [...this.#claims.values()]) this.#assign(claim);
  }
}

/** Of those whose column is as `is` says, the one that has sent nothing new for longest. */
function slowestOf(
  sources: readonly MetadataSource[],
  is: (column: MetadataColumn) => boolean,
): MetadataSource | undefined {
  let slowest: MetadataSource | undefined;
  for (const source of sources)
    if (is(source.column) && (slowest === undefined || source.newAt < slowest.newAt)) slowest = source;
  return slowest;
}

function malformed(payload: Buffer): Judgement {
  return refuse({ code: 'malformed-extension', name: UT_METADATA, length: payload.length });
}
