/**
 * Why we end a peer's connection. The union is closed: a test lists every code with a peer that provokes it. Logs and
 * statistics can show what a silent close would hide.
 */
export type Refusal =
  | { readonly code: 'not-bittorrent' }
  | { readonly code: 'unknown-info-hash' }
  /** The user wants encryption, and the peer speaks in plain. */
  | { readonly code: 'not-encrypted' }
  /** Its handshake of message stream encryption breaks the rules. */
  | { readonly code: 'malformed-encryption'; readonly what: MseFault }
  | { readonly code: 'own-peer-id' }
  | { readonly code: 'duplicate-peer' }
  | { readonly code: 'connect-timeout' }
  | { readonly code: 'handshake-timeout' }
  /** The peer has finished no message for too long. */
  | { readonly code: 'idle' }
  /** The peer has taken nothing of what we send for too long. */
  | { readonly code: 'takes-nothing' }
  | { readonly code: 'table-full' }
  /** The peer is of no use, or was of none for long, and another peer or address wants its place. */
  | { readonly code: 'useless' }
  | { readonly code: 'banned'; readonly evidence: Evidence }
  /** The user's blocklist has been read again, and the peer's address is on it now. */
  | { readonly code: 'listed' }
  | { readonly code: 'message-too-long'; readonly length: number }
  | { readonly code: 'malformed-message'; readonly id: number; readonly length: number }
  | { readonly code: 'malformed-extension'; readonly name: string; readonly length: number }
  | { readonly code: 'malformed-bitfield'; readonly length: number }
  | { readonly code: 'piece-out-of-range'; readonly piece: number }
  | { readonly code: 'block-out-of-range'; readonly piece: number; readonly begin: number; readonly length: number }
  | { readonly code: 'request-too-long'; readonly length: number }
  /** A message of the fast extension, which both sides must have announced first (BEP 6). */
  | { readonly code: 'fast-not-announced' }
  /** A message about hash trees, on a torrent or a connection of version 1. */
  | { readonly code: 'hashes-not-announced' }
  /** Hashes, or a reject of them, that we did not ask for. */
  | { readonly code: 'unasked-hashes' }
  | { readonly code: 'too-many-rejects'; readonly count: number }
  | { readonly code: 'too-much-junk'; readonly count: number }
  /** The peer has changed its choke, its interest or its pieces too often. */
  | { readonly code: 'too-many-flaps'; readonly count: number }
  /** Messages of the peer's host made too much work for nothing. `work` is in the units of `swarm/price.ts`. */
  | { readonly code: 'too-much-work'; readonly work: number }
  | { readonly code: 'both-complete' }
  /** We have lost pieces that we told the peer of. A peer that connects again hears what we have now. */
  | { readonly code: 'pieces-lost' }
  /** Our disk does not give what the peer asks for. Other peers may have it. */
  | { readonly code: 'cannot-serve' }
  /** The torrent has gained or lost an info-hash. A peer that connects again goes on under one that we have now. */
  | { readonly code: 'info-hash-changed' }
  | { readonly code: 'shutting-down' };

/** What a handshake of message stream encryption can have wrong. */
export type MseFault = 'public-key' | 'no-sync' | 'unknown-torrent' | 'constant' | 'method' | 'padding' | 'first-bytes';

/** What proves that a peer has lied. */
export type Evidence =
  | { readonly kind: 'wrong-piece'; readonly piece: number }
  /** `block`: its number in the piece. */
  | { readonly kind: 'wrong-block'; readonly piece: number; readonly block: number }
  | { readonly kind: 'wrong-metadata' }
  /** Hashes that do not give the root of their tree. */
  | { readonly kind: 'wrong-hashes' };

export type RefusalCode = Refusal['code'];
