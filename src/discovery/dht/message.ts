/** The messages of nodes (KRPC) as values. Byte strings are copies, so a message outlives its datagram. */
import type { PeerAddress } from '../../net/raw-server.js';
import type { Contact, NodeId } from './contact.js';

/** The families of the nodes that the asker wants (BEP 32). Both are false when the query does not say. */
export interface Want {
  /** Nodes of IPv4. */
  readonly nodes: boolean;
  /** Nodes of IPv6. */
  readonly nodes6: boolean;
}

/** The fields that prove that the owner of a key wrote a value (BEP 44). */
export interface Signed {
  /** An ed25519 key, 32 bytes. */
  readonly publicKey: Buffer;
  /** 64 bytes. */
  readonly signature: Buffer;
  /** 0 to 2^63 − 1, higher with each version. */
  readonly sequence: bigint;
}

/** A value stored in the DHT (BEP 44). */
export interface Item {
  /** The bencoded value, byte for byte as it came. */
  readonly value: Buffer;
  /** Null for an immutable item. */
  readonly signed: Signed | null;
}

/** `target` is the id, the info-hash or the key that the query is about. */
export type Query =
  | { readonly method: 'ping' }
  | { readonly method: 'find_node'; readonly target: NodeId; readonly want: Want }
  | {
      readonly method: 'get_peers';
      readonly target: NodeId;
      readonly want: Want;
      /** BEP 33: the asker prefers peers that do not seed. */
      readonly noSeeds: boolean;
      /** BEP 33: the asker wants Bloom filters of all stored peers too. */
      readonly scrape: boolean;
    }
  | {
      readonly method: 'announce_peer';
      readonly target: NodeId;
      readonly token: Buffer;
      /** 1 to 65535. It may be 0 only when `impliedPort` is true. */
      readonly port: number;
      /** The peer is at the port from which the query comes, and `port` is ignored. */
      readonly impliedPort: boolean;
      readonly isSeed: boolean;
    }
  | {
      readonly method: 'get';
      readonly target: NodeId;
      readonly want: Want;
      /** The asker wants the value only if its sequence number is higher than this. Null: in any case. */
      readonly newerThan: bigint | null;
    }
  | {
      readonly method: 'put';
      readonly token: Buffer;
      readonly item: Item;
      /** Empty for no salt. */
      readonly salt: Buffer;
      /** The value is stored only if it replaces this sequence number (`cas`). Null: in any case. */
      readonly expected: bigint | null;
    }
  | { readonly method: 'sample_infohashes'; readonly target: NodeId; readonly want: Want };

/** What a response holds. All queries have the same form of answer: what a response lacks is empty or null. */
export interface Answer {
  /** The id of the node that answers. */
  readonly id: NodeId;
  readonly contacts: readonly Contact[];
  readonly peers: readonly PeerAddress[];
  /** The write token. */
  readonly token: Buffer | null;
}

/** The error codes of BEP 5 and BEP 44. */
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

/** A packet that can be read. `transaction` is the bytes by which the asker knows the answer. */
export type Message =
  | {
      readonly kind: 'query';
      readonly transaction: Buffer;
      readonly id: NodeId;
      readonly query: Query;
      /** BEP 43: the asker answers no queries. */
      readonly readOnly: boolean;
    }
  | {
      readonly kind: 'answer';
      readonly transaction: Buffer;
      readonly answer: Answer;
      /** The address at which the node that answers sees us (BEP 42). Null when it does not say. */
      readonly seenAs: PeerAddress | null;
    }
  | { readonly kind: 'error'; readonly transaction: Buffer; readonly error: KrpcError };

/**
 * A packet that cannot be read. We may answer only a faulty query with an error. If nodes answered faulty answers too,
 * two of them could go on for ever.
 */
export type Malformed =
  | { readonly kind: 'bad-query'; readonly transaction: Buffer; readonly error: KrpcError }
  | { readonly kind: 'rubbish'; readonly why: string };

/** We read no longer packet than this. It is what fits into an Ethernet frame, in bytes. */
export const MAX_PACKET_LENGTH = 1500;
