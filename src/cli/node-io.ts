import type { Task, Timers } from '../base/clock.js';
import { BtgetError } from '../base/failure.js';
import type { CliIo, OutputStream } from './io.js';

/** The real process around a command. */
export function nodeIo(): CliIo {
  // Without a terminal SIGHUP must not end us, because `nohup` relies on that: bin/btget.js makes it do nothing.
  const onTerminal = process.stdout.isTTY === true || process.stderr.isTTY === true;
  const signals = [...(['SIGINT', 'SIGTERM'] as const), ...(onTerminal ? (['SIGHUP'] as const) : [])];
  // A line of the log is lost, and what the user wants goes on without it.
  process.stderr.on('error', () => undefined);
  let stdoutFailed: ((failure: BtgetError) => void) | null = null;
  let isStdoutBroken = false;
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    // When the reader of a pipe has gone (`btget show … | head -1`), that is no failure: what follows is dropped.
    if (error.code === 'EPIPE') return;
    // A terminal that has gone answers each write with EIO. No user reads it any more.
    if (error.code === 'EIO' && process.stdout.isTTY) return;
    if (isStdoutBroken) return;
    isStdoutBroken = true;
    const code = error.code === 'ENOSPC' ? 'disk-full' : 'io';
    const failure = new BtgetError(code, `cannot write to stdout: ${error.code ?? error.message}`, { cause: error });
    if (stdoutFailed === null) throw failure;
    stdoutFailed(failure);
  });
  const { stdout, stderr, env } = process;
  /** How many callers of `onReload` there are. While there is one, a hang-up means reload and interrupts nothing. */
  let reloads = 0;
  return {
    stdout: stdout as OutputStream,
    stderr: stderr as OutputStream,
    // `process.stdin` opens stdin when it is first used, so only a command that reads stdin may touch it.
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
        // Without our handler the signal does its usual work: it stops the process, and the shell can continue it.
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
    onStdoutFailure: (failed) => {
      stdoutFailed = failed;
      return () => {
        stdoutFailed = null;
      };
    },
    exitNow: (code) => process.exit(code),
    exitWhenWritten: (code) => {
      process.stdout.write('', () => process.exit(code));
    },
    exitWithin: (limit, code) => {
      setTimeout(() => process.exit(process.exitCode ?? code()), limit).unref();
    },
  };
}

/** The longest delay, in milliseconds, that Node counts. It makes one millisecond of any longer one. */
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
