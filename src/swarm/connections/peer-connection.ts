/**
 * The seam between the table of connections (Encoder, Connection) and the side above, which hears what is said over
 * them (Connecter, MetadataPeers). The two sides know each other only by these interfaces.
 */
import type { Millis } from '../../base/clock.js';
import type { PeerAddress } from '../../net/raw-server.js';
import type { Refusal } from '../../wire/refusal.js';

/** A connection whose handshake is finished. */
export interface PeerConnection {
  readonly address: PeerAddress;
  /**
   * The host for which the connection counts: an IPv4 address, or a /64 of IPv6 (`hostKey`), or when very many of a /48
   * have come from outside the /48 (HostCrowds).
   */
  readonly hostKey: string;
  /** The id that the peer has said, 20 bytes. */
  readonly peerId: Buffer;
  /** We dialled the peer. */
  readonly locallyInitiated: boolean;
  /** What both sides say goes through a cipher. */
  readonly isEncrypted: boolean;
  /**
   * Both sides go on as version 2 (BEP 52), so that messages about hashes may go over this connection. It becomes false
   * when the torrent goes on as version 1 alone, and true when the only hash of the torrent turns out to be that of v2.
   */
  readonly isV2: boolean;
  /** The peer's eight reserved bytes. */
  readonly reserved: Buffer;
  /** How many of the bytes that we have sent the kernel has not taken yet. */
  readonly unsentLength: number;
  readonly closed: boolean;
  /** Queues whole messages, length prefix included. They leave together and in order. Nothing leaves after the end. */
  send(chunks: readonly Buffer[]): void;
  isFlushed(): boolean;
  pauseReading(): void;
  resumeReading(): void;
  /**
   * The peer has made so much work, in the units of `price.ts`. After enough work, what it says next waits until others
   * have had their turn. `idle` work was for nothing: when the peer goes on with it, we part from the peer.
   */
  charge(work: number, idle: boolean): void;
  /** `length` bytes of wanted blocks have gone over the connection. They pay for idle work to come. */
  earn(length: number): void;
  /** Ends the connection, for a fault of the peer or for another reason of `Refusal`. */
  refuse(reason: Refusal): void;
}

/** Peers that came from outside, or peers that we dialled. */
export type Side = 'external' | 'dialled';

/**
 * What a peer that we dialled has done to keep its place. 'silent': nothing. 'promising': it says that it has pieces,
 * which costs it nothing. 'proven': blocks have passed, or we did not dial it for blocks.
 */
export type Standing = 'silent' | 'promising' | 'proven';

/** What has passed over a connection so far. */
export interface Merits {
  /** When the last useful block came or went; −∞ when none has. */
  readonly lastBlockAt: Millis;
  /** Bytes of useful blocks, both ways. */
  readonly exchanged: number;
  /** The peer has sent us more right blocks than one wrong piece costs. */
  readonly hasEarned: boolean;
  readonly standing: Standing;
}

export const NO_MERITS: Merits = {
  lastBlockAt: Number.NEGATIVE_INFINITY,
  exchanged: 0,
  hasEarned: false,
  standing: 'silent',
};

/** A peer from outside that wants a place when there is none. */
export interface Newcomer {
  /** As in `PeerConnection`. */
  readonly hostKey: string;
  /** How many connections from outside a host has. */
  readonly placesOf: (hostKey: string) => number;
  /** Its host has as many connections as one host may have, so only another peer of this host can make room. */
  readonly isHostFull: boolean;
}

/** What the side above hears. The order for each connection: made, any number of frames and flushes, lost. */
export interface PeerEvents {
  connectionMade(connection: PeerConnection): void;
  /**
   * A whole message without its length prefix, at least one byte, valid during the call. Keep-alives are not passed on.
   */
  gotFrame(connection: PeerConnection, frame: Buffer): void;
  /** The kernel has taken all that we sent. */
  connectionFlushed(connection: PeerConnection): void;
  /** The connection is out of the table, whichever side ended it. Called once for each `connectionMade`. */
  connectionLost(connection: PeerConnection): void;
  /**
   * The port on which the peer says that it listens; null when it says none. Not called once the connection is lost.
   */
  listeningPort(connection: PeerConnection): number | null;
  /** Whether the peer downloads nothing and we want nothing. Not called once the connection is lost. */
  hasNothingToSay(connection: PeerConnection): boolean;
  /** Whether we want no piece any more, of any peer. */
  wantsNothing(): boolean;
  /** What has passed over the connection so far. Not called once the connection is lost. */
  merits(connection: PeerConnection): Merits;
  /**
   * Which peer of one side to give up when there is no place for others. Undefined while each has been of use lately.
   */
  leastUseful(side: Side): PeerConnection | undefined;
  /** Which peer from outside gives its place to this newcomer. Undefined when none has less right to it. */
  placeFor(newcomer: Newcomer): PeerConnection | undefined;
}
