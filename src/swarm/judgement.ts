import type { Refusal } from '../wire/refusal.js';

/**
 * What we make of a message of a peer.
 *
 * - 'fine': the message is in order.
 * - 'idle': the message is no fault, but of no use. Its work is counted against the peer.
 * - 'junk': as 'idle', and the message itself is counted too. Late messages of honest peers are junk, so a few are
 *   forgiven.
 * - 'refuse': the message is a fault that ends the connection.
 */
export type Judgement =
  | { readonly kind: 'fine' }
  | { readonly kind: 'idle' }
  | { readonly kind: 'junk' }
  | { readonly kind: 'refuse'; readonly reason: Refusal };

export const FINE: Judgement = { kind: 'fine' };
export const IDLE: Judgement = { kind: 'idle' };
export const JUNK: Judgement = { kind: 'junk' };

export function refuse(reason: Refusal): Judgement {
  return { kind: 'refuse', reason };
}
