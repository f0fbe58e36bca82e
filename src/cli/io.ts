/** What a command knows of the process around it. `node-io.ts` is the real one; tests hand in their own. */
import type { Timers } from '../base/clock.js';

/** A stream for people or programs. A terminal has `isTTY`, `columns` and `rows`, and emits `resize`. */
export interface OutputStream extends NodeJS.WritableStream {
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
}

export interface CliIo {
  readonly stdout: OutputStream;
  readonly stderr: OutputStream;
  readonly stdin: AsyncIterable<Buffer | string>;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly timers: Timers;
  /** The wall clock, for time stamps only. */
  today(): Date;
  /**
   * Calls `interrupted` for each Ctrl-C, SIGTERM and hang-up until the answer is called; the process then dies of them
   * again.
   */
  onInterrupt(interrupted: () => void): () => void;
  /** Calls `reload` for each hang-up until the answer is called; meanwhile a hang-up interrupts nothing. */
  onReload(reload: () => void): () => void;
  /** Calls `suspended` before a Ctrl-Z stops the process, and `resumed` when it goes on, until the answer is called. */
  onSuspend(suspended: () => void, resumed: () => void): () => void;
  /**
   * Calls `broke` for an exception that nobody caught: a bug (or an output that cannot be written), which ends the
   * process.
   */
  onBug(broke: (error: unknown) => void): void;
  /** Ends the process at once, whatever is still open. */
  exitNow(code: number): void;
}

/**
 * Ctrl-C once is a request, twice an order.
 *
 * `interrupted` is called for the first Ctrl-C. At the second, `exitCode()` is what the process ends with, at once.
 * Until the answer is called.
 */
export function onInterrupt(io: CliIo, interrupted: () => void, exitCode: () => number): () => void {
  let isSecond = false;
  return io.onInterrupt(() => {
    if (isSecond) {
      io.exitNow(exitCode());
      return;
    }
    isSecond = true;
    interrupted();
  });
}
