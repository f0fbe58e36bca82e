/**
 * Why we end a peer's connection. A closed union: a test lists every code with a peer that provokes it, and logs and
 * statistics can tell what a silent close would hide.
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
  | { readonly code: 'idle' }
  | { readonly code: 'takes-nothing' }
  | { readonly code: 'table-full' }
  /** Nothing came or went for long, and somebody else wanted the place. */
  | { readonly code: 'useless' }
  | { readonly code: 'banned'; readonly evidence: Evidence }
  | { readonly code: 'message-too-long'; readonly length: number }
  | { readonly code: 'malformed-message'; readonly id: number; readonly length: number }
  | { readonly code: 'malformed-extension'; readonly name: string; readonly length: number }
  | { readonly code: 'malformed-bitfield'; readonly length: number }
  | { readonly code: 'piece-out-of-range'; readonly piece: number }
  | { readonly code: 'block-out-of-range'; readonly piece: number; readonly begin: number; readonly length: number }
  | { readonly code: 'request-too-long'; readonly length: number }
  /** BEP 6: its messages may be sent only when both sides have announced it. */
  | { readonly code: 'fast-not-announced' }
  | { readonly code: 'too-many-rejects'; readonly count: number }
  | { readonly code: 'too-much-junk'; readonly count: number }
  | { readonly code: 'too-many-flaps'; readonly count: number }
  /** Its host's messages took the time of the loop, for nothing. `work` is in the units of `swarm/price.ts`. */
  | { readonly code: 'too-much-work'; readonly work: number }
  | { readonly code: 'both-complete' }
  /** We no longer have what we told the peer of; who asks anew is told anew. */
  | { readonly code: 'pieces-lost' }
  /** The disk does not give what the peer asks for; others may have it. */
  | { readonly code: 'cannot-serve' }
  | { readonly code: 'shutting-down' };

/** What a handshake of message stream encryption can have wrong. */
export type MseFault = 'public-key' | 'no-sync' | 'unknown-torrent' | 'constant' | 'method' | 'padding' | 'first-bytes';

/** What proves that a peer has lied. */
export type Evidence = { readonly kind: 'wrong-piece'; readonly piece: number } | { readonly kind: 'wrong-metadata' };

export type RefusalCode = Refusal['code'];
