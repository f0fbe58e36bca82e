/**
 * For `node --import`: a disk that takes BENCH_DISK_RATE bytes a second. A write returns when such a disk would have
 * written it. Meanwhile its thread blocks, as it does while the kernel waits for a real disk.
 */
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';

const rate = Number(process.env['BENCH_DISK_RATE']);
const clock = new Int32Array(new SharedArrayBuffer(4));
let busyUntil = 0;

function slowly<A extends unknown[]>(write: (...args: A) => number): (...args: A) => number {
  return (...args) => {
    const written = write(...args);
    busyUntil = Math.max(busyUntil, performance.now()) + (written / rate) * 1000;
    Atomics.wait(clock, 0, 0, busyUntil - performance.now());
    return written;
  };
}

fs.writeSync = slowly(fs.writeSync as (...args: unknown[]) => number) as typeof fs.writeSync;
fs.writevSync = slowly(fs.writevSync as (...args: unknown[]) => number) as typeof fs.writevSync;
syncBuiltinESMExports();
