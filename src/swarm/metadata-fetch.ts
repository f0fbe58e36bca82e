/**
 * Fetches the info dictionary of a magnet link from peers (BEP 9), all of whom may lie: about its size, and about every
 * byte of it.
 *
 * Peers that claim one size first share one attempt. When its hash is wrong and several had sent something, nobody can
 * tell who lied; from then on each of them has to send the whole of it alone, several of them at a time, and whoever
 * sends a wrong whole is banned. No claim keeps another one waiting: attempts are bounded for each size apart, and
 * memory by what has come, not by what is claimed. So peers who keep silent or drip can hold up nobody for long.
 */
import type { Millis, Task, Timers } from '../base/clock.js';
import { sha1 } from '../base/digest.js';
import { decodeMetadataMessage, encodeMetadataMessage, UT_METADATA } from '../wire/metadata-message.js';
import type { ExtendedPeer, Extension } from './extensions.js';
import { FINE, JUNK, type Judgement, refuse } from './judgement.js';
import { MetadataAttempt } from './metadata-attempt.js';
import type { PeerConnection } from './peer-connection.js';

export interface MetadataFetchOptions {
  /** Bytes of metadata that are believed at all. */
  readonly maxSize: number;
  /** Attempts at one size at once, at the most: each fetches the whole of it. */
  readonly maxAttempts: number;
  /** Bytes that have come for all attempts. Beyond that the one that holds most is given up for a while. */
  readonly maxMemory: number;
  /** Requests in flight to one peer: a round trip for each piece alone would be slow. */
  readonly pipeline: number;
  /** A peer that leaves a request unanswered for this long is not asked any more for a while. */
  readonly answerTime: Millis;
  /** An attempt of one peer alone may take this long, … */
  readonly soleTime: Millis;
  /** … and as long as its size takes at this rate, bytes a second. */
  readonly leastRate: number;
  /** How long a peer is left alone that refused or kept silent; twice as long each time. */
  readonly firstPause: Millis;
}

export const DEFAULT_METADATA_FETCH_OPTIONS: MetadataFetchOptions = {
  maxSize: 32 * 1024 * 1024,
  maxAttempts: 8,
  maxMemory: 64 * 1024 * 1024,
  pipeline: 8,
  answerTime: 10_000,
  soleTime: 20_000,
  leastRate: 16 * 1024,
  firstPause: 30_000,
};

export interface MetadataFetchParts {
  readonly timers: Timers;
  /** 20 bytes. */
  readonly infoHash: Buffer;
  /** The info dictionary: its hash is right. Called once, in a task of its own. */
  readonly gotInfo: (info: Buffer) => void;
  /** This peer has sent wrong metadata beyond doubt. Called in a task of its own. */
  readonly ban: (connection: PeerConnection) => void;
}

/** A peer that claims to have the metadata. */
interface Source {
  readonly peer: ExtendedPeer;
  readonly size: number;
  attempt: MetadataAttempt | null;
  pausedUntil: Millis;
  failures: number;
}

const SWEEP_INTERVAL = 1_000;

export class MetadataFetch implements Extension {
  readonly name: string = UT_METADATA;
  readonly #parts: MetadataFetchParts;
  readonly #options: MetadataFetchOptions;
  readonly #sources = new Map<PeerConnection, Source>();
  readonly #attempts = new Set<MetadataAttempt>();
  /** Sizes whose shared attempt turned out wrong. */
  readonly #doubtful = new Set<number>();
  #sweepTask: Task | null = null;
  #done = false;

  constructor(parts: MetadataFetchParts, options: MetadataFetchOptions) {
    this.#parts = parts;
    this.#options = options;
  }

  /** Bytes of metadata that have come and are kept. */
  get heldLength(): number {
    return [...this.#attempts].reduce((sum, attempt) => sum + attempt.heldLength, 0);
  }

  gotHandshake(peer: ExtendedPeer): void {
    const { metadataSize: size, ids } = peer.handshake;
    if (this.#done || size === null || size > this.#options.maxSize || (ids.get(UT_METADATA) ?? 0) === 0) return;
    // Metadata has one size: who claims another one later is held to the first.
    if (this.#sources.has(peer.connection)) return;
    this.#sources.set(peer.connection, {
      peer,
      size,
      attempt: null,
      pausedUntil: Number.NEGATIVE_INFINITY,
      failures: 0,
    });
    this.#assign();
  }

  gotMessage(peer: ExtendedPeer, payload: Buffer): Judgement {
    const message = decodeMetadataMessage(payload);
    if (message === undefined) return malformed(payload);
    switch (message.type) {
      case 'request':
        peer.send(UT_METADATA, encodeMetadataMessage({ type: 'reject', piece: message.piece }));
        return JUNK;
      case 'reject':
        return this.#gotReject(peer.connection);
      case 'data':
        return this.#gotData(peer.connection, message.piece, message.totalSize, message.data, payload);
      case 'unknown':
        return JUNK;
    }
  }

  peerLeft({ connection }: ExtendedPeer): void {
    const source = this.#sources.get(connection);
    if (source === undefined) return;
    this.#sources.delete(connection);
    this.#leave(source);
    this.#assign();
  }

  /** Forgets everything; nothing is told from here on. */
  stop(): void {
    this.#done = true;
    this.#sweepTask?.cancel();
    this.#sources.clear();
    this.#attempts.clear();
  }

  #gotReject(connection: PeerConnection): Judgement {
    const source = this.#sources.get(connection);
    if (source?.attempt === null || source === undefined) return JUNK;
    this.#pause(source);
    this.#assign();
    return FINE;
  }

  #gotData(connection: PeerConnection, piece: number, totalSize: number, data: Buffer, payload: Buffer): Judgement {
    const source = this.#sources.get(connection);
    const attempt = source?.attempt ?? null;
    if (source === undefined || attempt === null) return JUNK;
    if (totalSize !== source.size) return malformed(payload);
    const verdict = attempt.put(connection, piece, data);
    if (verdict === 'wrong-length') return malformed(payload);
    if (verdict === 'unasked') return JUNK;
    if (attempt.isComplete) this.#judge(attempt);
    else {
      this.#ask(source, attempt);
      this.#boundMemory();
    }
    return FINE;
  }

  #judge(attempt: MetadataAttempt): void {
    const { timers, infoHash, gotInfo, ban } = this.#parts;
    const info = attempt.bytes();
    if (sha1(info).equals(infoHash)) {
      this.stop();
      timers.addTask(() => gotInfo(info), 0);
      return;
    }
    const [first, ...others] = attempt.contributors();
    if (attempt.soleSource === null) this.#doubtful.add(attempt.size);
    if (first !== undefined && others.length === 0) timers.addTask(() => ban(first), 0);
    for (const source of this.#sources.values()) {
      if (source.attempt !== attempt) continue;
      source.attempt = null;
      // Whoever sent all of it is on the way out, and must not begin anew before that.
      if (others.length === 0 && source.peer.connection === first) this.#pause(source);
    }
    this.#attempts.delete(attempt);
    this.#assign();
  }

  /** Gives every peer that is free something to do. */
  #assign(): void {
    if (this.#done) return;
    const now = this.#parts.timers.now();
    for (const source of this.#sources.values()) {
      if (source.attempt === null && source.pausedUntil <= now) source.attempt = this.#attemptFor(source, now);
      if (source.attempt !== null) this.#ask(source, source.attempt);
    }
    if (this.#sources.size > 0) this.#sweepTask ??= this.#parts.timers.addTask(() => this.#sweep(), SWEEP_INTERVAL);
  }

  #attemptFor({ peer, size }: Source, now: Millis): MetadataAttempt | null {
    const alone = this.#doubtful.has(size);
    if (!alone) {
      for (const attempt of this.#attempts) if (attempt.soleSource === null && attempt.size === size) return attempt;
    }
    const alike = [...this.#attempts].filter((attempt) => attempt.size === size);
    if (alike.length >= this.#options.maxAttempts) return null;
    const attempt = new MetadataAttempt(size, alone ? peer.connection : null, now);
    this.#attempts.add(attempt);
    return attempt;
  }

  #boundMemory(): void {
    if (this.heldLength <= this.#options.maxMemory) return;
    const [fullest] = [...this.#attempts].sort((a, b) => b.heldLength - a.heldLength);
    for (const source of this.#sources.values()) if (source.attempt === fullest) this.#pause(source);
    this.#assign();
  }

  #ask({ peer }: Source, attempt: MetadataAttempt): void {
    const { connection } = peer;
    while (attempt.howManyAsked(connection) < this.#options.pipeline) {
      const piece = attempt.take(connection, this.#parts.timers.now());
      if (piece === undefined) return;
      peer.send(UT_METADATA, encodeMetadataMessage({ type: 'request', piece }));
    }
  }

  #pause(source: Source): void {
    this.#leave(source);
    source.pausedUntil = this.#parts.timers.now() + this.#options.firstPause * 2 ** Math.min(source.failures, 10);
    source.failures += 1;
  }

  #leave(source: Source): void {
    const { attempt, peer } = source;
    if (attempt === null) return;
    source.attempt = null;
    attempt.giveBack(peer.connection);
    const isUsed = [...this.#sources.values()].some((other) => other.attempt === attempt);
    if (!isUsed) this.#attempts.delete(attempt);
  }

  /** Looks for peers that keep us waiting. */
  #sweep(): void {
    this.#sweepTask = null;
    const now = this.#parts.timers.now();
    const { answerTime, soleTime, leastRate } = this.#options;
    for (const source of this.#sources.values()) {
      const { attempt, peer, size } = source;
      if (attempt === null) continue;
      const silent = now - (attempt.waitingSince(peer.connection) ?? now) >= answerTime;
      const limit = soleTime + (size * 1000) / leastRate;
      const tooSlow = attempt.soleSource !== null && now - attempt.beganAt >= limit;
      if (silent || tooSlow) this.#pause(source);
    }
    this.#assign();
  }
}

function malformed(payload: Buffer): Judgement {
  return refuse({ code: 'malformed-extension', name: UT_METADATA, length: payload.length });
}
