import type { Task, Timers } from '../base/clock.js';
import { BtgetError } from '../base/failure.js';
import type { CliIo, OutputStream } from './io.js';

/** The process that we are. */
export function nodeIo(): CliIo {
  // Without a terminal nothing hangs up on us: bin/btget.js sees to it that SIGHUP does nothing, which `nohup` relies
  // on.
  const onTerminal = process.stdout.isTTY === true || process.stderr.isTTY === true;
  const signals = [...(['SIGINT', 'SIGTERM'] as const), ...(onTerminal ? (['SIGHUP'] as const) : [])];
  // A reader that has gone away (`btget show … | head -1`) is no failure: what is written after that is dropped.
  for (const [name, stream] of [['stdout', process.stdout] as const, ['stderr', process.stderr] as const]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EPIPE') return;
      // A terminal that has gone away answers each write with EIO; nothing reads it any more.
      if (error.code === 'EIO' && stream.isTTY) return;
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
      for (const signal of signals) process.on(signal, heard);
      return () => {
        for (const signal of signals) process.off(signal, heard);
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
    onSuspend(suspended, resumed) {
      const stopped = (): void => {
        suspended();
        // Without us the signal does what it does to any program: it stops the process where a shell can continue it.
        process.off('SIGTSTP', stopped);
        process.kill(process.pid, 'SIGTSTP');
      };
      const continued = (): void => {
        process.off('SIGTSTP', stopped);
        process.on('SIGTSTP', stopped);
        resumed();
      };
      process.on('SIGTSTP', stopped);
      process.on('SIGCONT', continued);
      return () => {
        process.off('SIGTSTP', stopped);
        process.off('SIGCONT', continued);
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
