/** For `node --import`: a disk that gives SLOW_CHECK_RATE bytes a second to whoever hashes it. */
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';

const rate = Number(process.env['SLOW_CHECK_RATE']);
const clock = new Int32Array(new SharedArrayBuffer(4));
const read = fs.readSync as (...args: unknown[]) => number;

fs.readSync = ((...args: unknown[]) => {
  const count = read(...args);
  Atomics.wait(clock, 0, 0, (count / rate) * 1000);
  return count;
}) as typeof fs.readSync;
syncBuiltinESMExports();
