/**
 * For `node --import`: measures for how long a process holds its event loop. When the process ends, it writes a
 * `LoopDelay` to the file that BENCH_LOOP_DELAY names.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { isMainThread } from 'node:worker_threads';

/** Milliseconds between two looks. */
const RESOLUTION = 2;
const NANOS = 1e6;

/** Both in milliseconds. */
interface Look {
  readonly at: number;
  /** For how long the main thread has waited for a core since its start. */
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
    // Node's own timer may look between two pauses in a row, which our timer sees as one. The longer figure counts.
    const max = Math.max(late(delay.max), longest);
    writeFileSync(path, JSON.stringify({ p99: late(delay.percentile(99)), max, held }));
  });
}

/** Milliseconds for which the main thread could have run, but the kernel ran another thread on its core. */
function waitedForCore(): number {
  return Number(readFileSync('/proc/self/schedstat', 'latin1').split(' ')[1]) / NANOS;
}
