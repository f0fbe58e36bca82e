/**
 * For `node --import`: measures for how long the event loop of a process is held, and writes that to the file that
 * BENCH_LOOP_DELAY names when the process ends.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { isMainThread } from 'node:worker_threads';

/** Milliseconds between two looks. */
const RESOLUTION = 2;
const NANOS = 1e6;

interface Look {
  readonly at: number;
  readonly waited: number;
}

const path = process.env['BENCH_LOOP_DELAY'];
if (isMainThread && path !== undefined) watch(path);

function watch(path: string): void {
  const delay = monitorEventLoopDelay({ resolution: RESOLUTION });
  delay.enable();
  let last: Look | null = null;
  let longest = 0;
  let held = 0;
  const looking = setInterval(() => {
    const now = { at: performance.now(), waited: waitedForCore() };
    if (last !== null) {
      const pause = now.at - last.at - RESOLUTION;
      longest = Math.max(longest, pause);
      held = Math.max(held, pause - (now.waited - last.waited));
    }
    last = now;
  }, RESOLUTION);
  looking.unref();
  process.on('exit', () => {
    delay.disable();
    const late = (nanos: number): number => Math.max(0, nanos / NANOS - RESOLUTION);
    // Two pauses in a row are one to us where Node looks between them.
    const max = Math.max(late(delay.max), longest);
    writeFileSync(path, JSON.stringify({ p99: late(delay.percentile(99)), max, held }));
  });
}

/** Milliseconds for which the main thread could have run, but the kernel had its core run something else. */
function waitedForCore(): number {
  return Number(readFileSync('/proc/self/schedstat', 'latin1').split(' ')[1]) / NANOS;
}
