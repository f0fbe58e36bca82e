/**
 * For `node --import`: how long the loop was held at the most, in milliseconds, and how much memory the process took at
 * the most, in bytes. They are written as JSON to the file LOOP_REPORT when the process ends.
 *
 * The machine may be busy with other things: a hold is what the loop's own thread has worked between two looks, and no
 * longer than the time between them. What the process does before it listens is not counted: nobody can attack it yet.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { Server } from 'node:net';
import { isMainThread } from 'node:worker_threads';

export interface LoopReport {
  readonly hold: number;
  readonly memory: number;
}

const INTERVAL = 5;

const file = process.env['LOOP_REPORT'];
if (isMainThread && file !== undefined) {
  let hold = 0;
  let isOpen = false;
  let at = performance.now();
  let worked = workedTime();
  const look = (): void => {
    const now = performance.now();
    const workedNow = workedTime();
    if (isOpen) hold = Math.max(hold, Math.min(now - at, workedNow - worked) - INTERVAL / 2);
    at = now;
    worked = workedNow;
  };
  const listen = Server.prototype.listen as (...args: unknown[]) => Server;
  Server.prototype.listen = function (this: Server, ...args: unknown[]): Server {
    this.once('listening', () => {
      look();
      isOpen = true;
    });
    return listen.apply(this, args);
  } as typeof Server.prototype.listen;
  setInterval(look, INTERVAL).unref();
  process.on('exit', () => {
    look();
    const report: LoopReport = { hold: Math.round(hold), memory: mostMemory() };
    writeFileSync(file, JSON.stringify(report));
  });
}

/** Milliseconds that this thread has worked: Linux counts them in nanoseconds. */
function workedTime(): number {
  return Number(readFileSync(`/proc/self/task/${process.pid}/schedstat`, 'latin1').split(' ')[0]) / 1e6;
}

/** The most memory that the process had, in bytes. What `getrusage` tells is no less than what its parent had. */
function mostMemory(): number {
  return Number(/^VmHWM:\s*(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'latin1'))?.[1]) * 1024;
}
