/** What a terminal can do for lines that are drawn again and again. */
import type { CliIo, OutputStream } from '../io.js';

/**
 * Whether stderr is a terminal on which lines may be drawn again. `TERM=dumb` cannot move its cursor. NO_COLOR asks for
 * what btget always does: "software which adds ANSI color to its output" is meant, and btget adds none.
 */
export function canRedraw({ stderr, env }: Pick<CliIo, 'stderr' | 'env'>): boolean {
  return stderr.isTTY === true && env['TERM'] !== 'dumb';
}

/** Bars hide the cursor, which would flicker among them. The program that has the terminal after us needs it. */
export const SHOW_CURSOR = '\x1b[?25h';
export const HIDE_CURSOR = '\x1b[?25l';

// The last column stays free, because some terminals go on to the next row when it is written; and two more, for the
// `^C` that a terminal echoes at the cursor. In the next row it would leave this one standing.
const FREE_COLUMNS = 3;

/** How wide a line may be that is drawn again. */
export function columnsFor(stream: OutputStream): number {
  return Math.max(1, (stream.columns ?? 80) - FREE_COLUMNS);
}
