import type { MakeRow } from './row.js';

/** Every row by the name that `npm run bench -- ROW` takes, in the order in which they run. */
export const ROWS: Readonly<Record<string, MakeRow>> = {};
