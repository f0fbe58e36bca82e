/** What the request book answers. */
import type { BlockSpan } from '../disk/storage.js';

export type Arrival<Asker> =
  /** This peer was never asked for it. */
  | { readonly verdict: 'unasked' }
  /** This peer was asked for it, but it is of no use any more. */
  | { readonly verdict: 'duplicate' }
  /** Needed. The requests to the others are off: they get a cancel. */
  | { readonly verdict: 'wanted'; readonly span: BlockSpan; readonly alsoAskedOf: readonly Asker[] };

/** The first block of a piece that somebody else had begun. */
export interface TakenOver {
  readonly span: BlockSpan;
  readonly givenUp: number;
}

export const UNASKED = { verdict: 'unasked' } as const;
export const DUPLICATE = { verdict: 'duplicate' } as const;
