/** What a terminal offers for lines that are redrawn. */
import type { CliIo, OutputStream } from '../io.js';

/**
 * True when stderr is a terminal on which we can redraw lines. A terminal with `TERM=dumb` cannot move its cursor.
 * NO_COLOR changes nothing: it is meant for "software which adds ANSI color to its output", and btget adds none.
 */
export function canRedraw({ stderr, env }: Pick<CliIo, 'stderr' | 'env'>): boolean {
  return stderr.isTTY === true && env['TERM'] !== 'dumb';
}

/** Bars hide the cursor, because it would flicker among them. The program that uses the terminal after us needs it. */
export const SHOW_CURSOR = '\x1b[?25h';
export const HIDE_CURSOR = '\x1b[?25l';

// The last column stays free, because some terminals move to the next row when it is written. Two more stay free for
// the `^C` that a terminal echoes at the cursor: if it went to the next row, this row would never be removed.
const FREE_COLUMNS = 3;

/** The most columns that a line may take which is redrawn. */
export function columnsFor(stream: OutputStream): number {
  return Math.max(1, (stream.columns ?? 80) - FREE_COLUMNS);
}
