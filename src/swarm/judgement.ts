import type { Refusal } from '../wire/refusal.js';

/**
 * What a message of a peer is worth. Junk is dropped and counted: some of it comes from honest peers that were late.
 */
export type Judgement =
  | { readonly kind: 'fine' }
  | { readonly kind: 'junk' }
  | { readonly kind: 'refuse'; readonly reason: Refusal };

export const FINE: Judgement = { kind: 'fine' };
export const JUNK: Judgement = { kind: 'junk' };

export function refuse(reason: Refusal): Judgement {
  return { kind: 'refuse', reason };
}
