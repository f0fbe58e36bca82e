import type { Millis } from '../../base/clock.js';
import type { CliIo } from '../io.js';
import { fitTo, printable } from './escape.js';
import { formatPercent, formatRate, formatSize } from './format.js';
import { canRedraw, columnsFor } from './terminal.js';

interface TaskProgress {
  /** `done` of `length` bytes are done. */
  readonly tell: (done: number, length: number) => void;
  /** Removes the line. */
  close(): void;
}

const REDRAW_EVERY: Millis = 100;

/** Progress of a task with one number, such as hashing: a terminal gets one line that is redrawn, a log gets none. */
export function createTaskProgress(io: CliIo, name: string, quiet: boolean): TaskProgress {
  const { stderr, timers } = io;
  if (quiet || !canRedraw(io)) return { tell: () => undefined, close: () => undefined };
  const startedAt = timers.now();
  let drawnAt = Number.NEGATIVE_INFINITY;
  return {
    tell: (done, length) => {
      const now = timers.now();
      if (now - drawnAt < REDRAW_EVERY) return;
      drawnAt = now;
      const rate = now > startedAt ? `, ${formatRate((done / (now - startedAt)) * 1000)}` : '';
      const line = `${printable(name)}: ${formatPercent(done, length)} of ${formatSize(length)}${rate}`;
      stderr.write(`\r${fitTo(line, columnsFor(stderr))}\x1b[K`);
    },
    close: () => {
      if (drawnAt !== Number.NEGATIVE_INFINITY) stderr.write('\r\x1b[K');
    },
  };
}
