import { availableParallelism, cpus, release, totalmem, type } from 'node:os';
import type { BenchOptions } from './bench.js';
import type { Rivals } from './installed.js';
import { table } from './tables.js';

/** A table of the conditions: date, machine, options and versions. Without them a figure means nothing. */
export function conditions(rivals: Rivals, { dir, length, runs }: BenchOptions, btget: string): string {
  const version = ([name, found]: [string, string | undefined]): string[] => [name, found ?? 'not installed'];
  return table(
    ['', ''],
    [
      ['date', new Date().toISOString().slice(0, 10)],
      ['processor', `${cpus()[0]?.model.trim() ?? 'unknown'}, ${availableParallelism()} cores`],
      ['memory', `${Math.round(totalmem() / 2 ** 30)} GiB`],
      ['kernel', `${type()} ${release()}`],
      ['files in', dir],
      ['transferred', `${length / 2 ** 20} MiB, unless the row says otherwise`],
      ['runs', `${runs}, unless the row says otherwise`],
      ['Node.js', process.versions.node],
      ['btget', btget],
      ...Object.entries(rivals).map(version),
    ],
  );
}
