/** What a command sees of its process. `node-io.ts` is the real process; tests hand in their own. */
import type { Millis, Timers } from '../base/clock.js';
import type { BtgetError } from '../base/failure.js';

/** A stream for people or programs. A terminal has `isTTY`, `columns` and `rows`, and emits `resize`. */
export interface OutputStream extends NodeJS.WritableStream {
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
}

/** Variables of the environment, by name. */
export type Environment = Readonly<Record<string, string | undefined>>;

export interface CliIo {
  readonly stdout: OutputStream;
  readonly stderr: OutputStream;
  readonly stdin: AsyncIterable<Buffer | string>;
  readonly env: Environment;
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
  /**
   * Calls `failed` when stdout cannot be written, and for its first failure alone, until the function that it returns
   * is called. When nobody is to be called, such a failure is a case for `onBug`.
   */
  onStdoutFailure(failed: (failure: BtgetError) => void): () => void;
  /** Ends the process at once, even when files or connections are still open. What stdout has not taken is lost. */
  exitNow(code: number): void;
  /** As `exitNow`, once stdout has taken all that was written. Its reader may let that wait for as long as it likes. */
  exitWhenWritten(code: number): void;
  /**
   * Ends the process after `limit` with the exit code that is set by then, or else with `code()`. This does not keep
   * the process alive: it may well end before.
   */
  exitWithin(limit: Millis, code: () => number): void;
}

/** `timeout` sends its signal to the program and then to the group of the program, so the program gets it twice. */
const ONE_SIGNAL: Millis = 200;

/** A pipe whose reader has paused keeps the process alive after all else has ended. It must not do so for longer. */
const END_LIMIT: Millis = 2900;

/**
 * The first Ctrl-C asks the command to stop: it calls `interrupted`, and the process ends within 3 s. The second one
 * ends the process at once with `exitCode()`. The function that it returns undoes this when no Ctrl-C has come.
 */
export function onInterrupt(io: CliIo, interrupted: () => void, exitCode: () => number): () => void {
  let heardAt: Millis | null = null;
  const forget = io.onInterrupt(() => {
    if (heardAt !== null) {
      if (io.timers.now() - heardAt >= ONE_SIGNAL) io.exitNow(exitCode());
      return;
    }
    heardAt = io.timers.now();
    io.exitWithin(END_LIMIT, exitCode);
    interrupted();
    // The same signal again may have waited until this was done.
    heardAt = io.timers.now();
  });
  return () => {
    // The same signal again would kill a command that is about to end.
    if (heardAt === null) forget();
  };
}
