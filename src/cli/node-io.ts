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
  /** Who takes a hang-up for the wish to read again. */
  let reloads = 0;
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
      const heard = (signal: NodeJS.Signals): void => {
        if (signal !== 'SIGHUP' || reloads === 0) interrupted();
      };
      for (const signal of SIGNALS) process.on(signal, heard);
      return () => {
        for (const signal of SIGNALS) process.off(signal, heard);
      };
    },
    onReload(reload) {
      reloads += 1;
      process.on('SIGHUP', reload);
      return () => {
        reloads -= 1;
        process.off('SIGHUP', reload);
      };
    },
    onBug: (broke) => {
      process.on('uncaughtException', broke);
    },
    exitNow: (code) => process.exit(code),
  };
}

const nodeTimers: Timers = {
  now: () => performance.now(),
  addTask(task, delay): Task {
    const timer = setTimeout(task, Math.max(0, delay));
    return { cancel: () => clearTimeout(timer) };
  },
};
