/**
 * The seam between the table of connections (Encoder, Connection) and what is said over them (Connecter). The two sides
 * know each other only by these interfaces.
 */
import type { Millis } from '../../base/clock.js';
import type { PeerAddress } from '../../net/raw-server.js';
import type { Refusal } from '../../wire/refusal.js';

/** A connection whose handshake is finished. */
export interface PeerConnection {
  readonly address: PeerAddress;
  /** The host by which it is counted (`hostKey`): an address of IPv4, a /64 of IPv6. */
  readonly hostKey: string;
  /** 20 bytes. */
  readonly peerId: Buffer;
  readonly locallyInitiated: boolean;
  /** What both sides say goes through a cipher. */
  readonly isEncrypted: boolean;
  /** The peer's eight reserved bytes. */
  readonly reserved: Buffer;
  /** Bytes written that the kernel has not taken yet. */
  readonly unsentLength: number;
  readonly closed: boolean;
  /** Queues whole messages (length prefix included), which leave together and in order. */
  send(chunks: readonly Buffer[]): void;
  isFlushed(): boolean;
  pauseReading(): void;
  resumeReading(): void;
  /**
   * The peer has made so much work, in the units of `price.ts`: what it says next waits until others have had their
   * turn. When that was `idle` work, and the peer goes on with it, it is parted from.
   */
  charge(work: number, idle: boolean): void;
  /** So many bytes of blocks that were wanted have gone over the connection: they pay for idle work to come. */
  earn(length: number): void;
  /** Ends the connection for a fault of the peer, or one of the other reasons of `Refusal`. */
  refuse(reason: Refusal): void;
}

/** Peers that came from outside, or peers that we dialled. */
export type Side = 'external' | 'dialled';

/**
 * What a peer that we dialled has done for its place. 'silent': nothing. 'promising': it says that it has pieces, which
 * costs nothing. 'proven': blocks have passed, or it is not for them that we dialled it.
 */
export type Standing = 'silent' | 'promising' | 'proven';

/** What has passed over a connection so far. */
export interface Merits {
  /** When a block came or went last that was of use; -∞ when none has. */
  readonly lastBlockAt: Millis;
  /** Bytes of such blocks, both ways. */
  readonly exchanged: number;
  /** Its peer has sent us more right blocks than one wrong piece costs. */
  readonly hasEarned: boolean;
  readonly standing: Standing;
}

export const NO_MERITS: Merits = {
  lastBlockAt: Number.NEGATIVE_INFINITY,
  exchanged: 0,
  hasEarned: false,
  standing: 'silent',
};

/** A peer from outside that wants a place and finds none. */
export interface Newcomer {
  /** As in `PeerConnection`. */
  readonly hostKey: string;
  /** Connections from outside that a host has. */
  readonly placesOf: (hostKey: string) => number;
  /** Its host has as many as one host may have: only another of them can make room. */
  readonly isHostFull: boolean;
}

/** What the side above is told. For each connection: made, any number of frames and flushes, lost. */
export interface PeerEvents {
  connectionMade(connection: PeerConnection): void;
  /**
   * A whole message without its length prefix, at least one byte: a keep-alive is not passed on. Valid during the call.
   */
  gotFrame(connection: PeerConnection, frame: Buffer): void;
  connectionFlushed(connection: PeerConnection): void;
  /** The connection is out of the table, whoever ended it. Called once for each `connectionMade`. */
  connectionLost(connection: PeerConnection): void;
  /** Where the peer says that it listens, or null. Asked until the connection is lost. */
  listeningPort(connection: PeerConnection): number | null;
  /** The peer fetches nothing, and we want nothing. Asked until the connection is lost. */
  hasNothingToSay(connection: PeerConnection): boolean;
  wantsNothing(): boolean;
  /** Asked until the connection is lost. */
  merits(connection: PeerConnection): Merits;
  /**
   * Which peer of one side to give up when there is no place for others: undefined while each has been of use lately.
   */
  leastUseful(side: Side): PeerConnection | undefined;
  /** Which peer from outside gives its place to this newcomer; undefined when none has less right to it. */
  placeFor(newcomer: Newcomer): PeerConnection | undefined;
}
