/** Goes with a run from its first step to its end, and hands it the user's Ctrl-C. */
import type { BtgetError } from '../../base/failure.js';
import { type CliIo, onInterrupt } from '../io.js';
import type { Output } from '../output/events.js';
import type { RunEnd } from '../run/run.js';

export interface RunSteps {
  /**
   * Begins the run. `ended` takes its end, within the call or later. `atEnd` takes what is to be undone then. The run
   * ends too when this rejects.
   */
  readonly start: (ended: (end: RunEnd) => void, atEnd: (undo: () => void) => void) => Promise<void>;
  /** The first Ctrl-C. It may come before `start` has answered, and `ended` may be called here too. */
  readonly interrupt: (ended: (end: RunEnd) => void) => void;
  /** A failure with which the run cannot go on. It may come before `start` has answered. As for `interrupt`. */
  readonly fail: (failure: BtgetError, ended: (end: RunEnd) => void) => void;
  /** The exit code for a process that ends now, at the second Ctrl-C. */
  readonly exitCodeNow: () => number;
}

/** Resolves to the exit code. Rejects with what `start` rejects with. Either way `output` is closed. */
export async function untilRunEnds(steps: RunSteps, io: CliIo, output: Output): Promise<number> {
  let end: (end: RunEnd) => void = () => undefined;
  const forgetFailures = io.onStdoutFailure((failure) => steps.fail(failure, end));
  const ended = new Promise<RunEnd>((resolve) => {
    end = (runEnd) => {
      // Nothing is left to be saved, so that a failure of stdout may end the process at once.
      forgetFailures();
      resolve(runEnd);
    };
  });
  const undos = [
    forgetFailures,
    () => output.close(),
    onInterrupt(
      io,
      () => steps.interrupt(end),
      () => {
        output.close();
        return steps.exitCodeNow();
      },
    ),
  ];
  try {
    const started = steps.start(end, (undo) => undos.push(undo));
    const [{ clean, exitCode }] = await Promise.all([ended, Promise.race([started, ended])]);
    if (!clean) io.exitWhenWritten(exitCode);
    return exitCode;
  } finally {
    for (const undo of undos.reverse()) undo();
  }
}
