/** What a command sees of its process. `node-io.ts` is the real process; tests hand in their own. */
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
  /** Reads the wall clock, for time stamps only. */
  today(): Date;
  /**
   * Calls `interrupted` for each Ctrl-C, SIGTERM and hang-up. The function that it returns undoes this: from then on
   * these signals end the process again.
   */
  onInterrupt(interrupted: () => void): () => void;
  /** Calls `reload` for each hang-up, which then interrupts nothing, until the function that it returns is called. */
  onReload(reload: () => void): () => void;
  /**
   * Calls `suspended` before Ctrl-Z stops the process, and `resumed` when the process goes on, until the function that
   * it returns is called.
   */
  onSuspend(suspended: () => void, resumed: () => void): () => void;
  /** Calls `broke` for each exception that no code caught: a bug, or an output that cannot be written. */
  onBug(broke: (error: unknown) => void): void;
  /** Ends the process at once, even when files or connections are still open. */
  exitNow(code: number): void;
}

/**
 * The first Ctrl-C asks the command to stop: it calls `interrupted`. The second one ends the process at once with
 * `exitCode()`. The function that it returns undoes both.
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
