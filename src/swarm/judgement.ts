import type { Refusal } from '../wire/refusal.js';

/**
 * What a message of a peer is worth. What is idle is no fault and of no use: the peer pays for its work. Junk is
 * dropped and counted as well: some of it comes from honest peers that were late.
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
