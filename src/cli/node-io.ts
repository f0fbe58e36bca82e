import type { Task, Timers } from '../base/clock.js';
import { BtgetError } from '../base/failure.js';
import type { CliIo, OutputStream } from './io.js';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** The process that we are. */
export function nodeIo(): CliIo {
  // A reader that has gone away (`btget show … | head -1`) is no failure: what is written after that is dropped.
  for (const [name, stream] of [['stdout', process.stdout] as const, ['stderr', process.stderr] as const]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EPIPE') return;
      const code = error.code === 'ENOSPC' ? 'disk-full' : 'io';
      throw new BtgetError(code, `cannot write to ${name}: ${error.code ?? error.message}`, { cause: error });
    });
  }
  const { stdout, stderr, env } = process;
  return {
    stdout: stdout as OutputStream,
    stderr: stderr as OutputStream,
    // Asking for stdin opens it, so that happens only when somebody reads it.
    get stdin() {
      return process.stdin;
    },
    env,
    timers: nodeTimers,
    today: () => new Date(),
    onInterrupt(interrupted) {
      for (const signal of SIGNALS) process.on(signal, interrupted);
      return () => {
        for (const signal of SIGNALS) process.off(signal, interrupted);
      };
    },
    onBug: (broke) => {
      process.on('uncaughtException', broke);
    },
    exitNow: (code) => process.exit(code),
  };
}

/** Node makes one millisecond of anything longer. */
const MAX_DELAY = 2 ** 31 - 1;

const nodeTimers: Timers = {
  now: () => performance.now(),
  addTask(task, delay): Task {
    const due = performance.now() + delay;
    let timer: NodeJS.Timeout;
    const wait = (left: number): void => {
      timer = setTimeout(() => (left > MAX_DELAY ? wait(due - performance.now()) : task()), Math.min(left, MAX_DELAY));
    };
    wait(Math.max(0, delay));
    return { cancel: () => clearTimeout(timer) };
  },
};
