/** How a worker answers. */
import type { BtgetError } from '../base/failure.js';
import { encodeFailure } from './failure.js';
import type { Told, Work, WorkKind } from './protocol.js';

export type Handlers<Kind extends WorkKind> = {
  readonly [K in Kind]: (request: Work[K]['request'], answered: (told: Told<Work[K]['answer']>) => void) => void;
};

export const DONE = { ok: true, value: null } as const;

/** Tells what became of a flush. */
export function flushed(answered: (told: Told<null>) => void): (failure: BtgetError | null) => void {
  return (failure) => answered(failure === null ? DONE : { ok: false, failure: encodeFailure(failure) });
}
