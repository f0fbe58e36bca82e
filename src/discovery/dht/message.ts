/** What nodes say to each other (KRPC), as values. Byte strings are copies: a message outlives its datagram. */
import type { PeerAddress } from '../../net/raw-server.js';
import type { Contact, NodeId } from './contact.js';

/** Whose nodes are asked for (BEP 32): of IPv4, of IPv6; both false when the query does not say. */
export interface Want {
  readonly nodes: boolean;
  readonly nodes6: boolean;
}

/** What only the owner of a key can have written (BEP 44). */
export interface Signed {
  /** An ed25519 key, 32 bytes. */
  readonly publicKey: Buffer;
  /** 64 bytes. */
  readonly signature: Buffer;
  /** 0 to 2^63 − 1, higher with each version. */
  readonly sequence: bigint;
}

/** A value stored in the DHT (BEP 44); immutable when it is not signed. */
export interface Item {
  /** The value, bencoded, in the very spelling in which it came. */
  readonly value: Buffer;
  readonly signed: Signed | null;
}

export type Query =
  | { readonly method: 'ping' }
  | { readonly method: 'find_node'; readonly target: NodeId; readonly want: Want }
  | {
      readonly method: 'get_peers';
      readonly target: NodeId;
      readonly want: Want;
      /** BEP 33: rather leeches than seeds. */
      readonly noSeeds: boolean;
      /** BEP 33: filters over all that is stored are wanted too. */
      readonly scrape: boolean;
    }
  | {
      readonly method: 'announce_peer';
      readonly target: NodeId;
      readonly token: Buffer;
      /** 1 to 65535; 0 only where it does not count. */
      readonly port: number;
      /** What counts is the port from which the query comes. */
      readonly impliedPort: boolean;
      readonly isSeed: boolean;
    }
  | {
      readonly method: 'get';
      readonly target: NodeId;
      readonly want: Want;
      /** The value is wanted only if it is newer than this. */
      readonly newerThan: bigint | null;
    }
  | {
      readonly method: 'put';
      readonly token: Buffer;
      readonly item: Item;
      /** Empty: none. */
      readonly salt: Buffer;
      /** The sequence number that is to be replaced, and no other. */
      readonly expected: bigint | null;
    }
  | { readonly method: 'sample_infohashes'; readonly target: NodeId; readonly want: Want };

/** What a response holds, whatever was asked. */
export interface Answer {
  /** Whoever answers. */
  readonly id: NodeId;
  readonly contacts: readonly Contact[];
  readonly peers: readonly PeerAddress[];
  readonly token: Buffer | null;
}

/** The numbers of BEP 5 and BEP 44. */
export const KRPC_ERROR = {
  generic: 201,
  server: 202,
  protocol: 203,
  methodUnknown: 204,
  valueTooBig: 205,
  badSignature: 206,
  saltTooBig: 207,
  casMismatch: 301,
  sequenceTooLow: 302,
} as const;

export interface KrpcError {
  readonly code: number;
  readonly text: string;
}

export type Message =
  | {
      readonly kind: 'query';
      readonly transaction: Buffer;
      readonly id: NodeId;
      readonly query: Query;
      /** BEP 43: whoever asks does not answer. */
      readonly readOnly: boolean;
    }
  | {
      readonly kind: 'answer';
      readonly transaction: Buffer;
      readonly answer: Answer;
      /** Where whoever answers sees us (BEP 42); null when it does not say. */
      readonly seenAs: PeerAddress | null;
    }
  | { readonly kind: 'error'; readonly transaction: Buffer; readonly error: KrpcError };

/**
 * Whose transaction this is, and whether a fault may be answered: never one of an answer, or two nodes go on for ever.
 */
export type Malformed =
  | { readonly kind: 'bad-query'; readonly transaction: Buffer; readonly error: KrpcError }
  | { readonly kind: 'rubbish'; readonly why: string };

/** Bytes of the longest packet that is looked at; whatever fits an Ethernet frame. */
export const MAX_PACKET_LENGTH = 1500;
