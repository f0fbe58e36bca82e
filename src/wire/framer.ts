import type { Refusal } from './refusal.js';

/** Given exactly the bytes that were asked for; the frame is valid during the call. Says what comes next. */
export type NextFunc = (frame: Buffer) => Step;

export type Step =
  | { readonly kind: 'read'; readonly nextLen: number; readonly nextFunc: NextFunc }
  | { readonly kind: 'refuse'; readonly reason: Refusal };
