/** Hooks: modules that Node loads before a program's own modules, to measure the program or to slow it down. */
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Bench } from '../harness/bench.js';
import type { Program } from '../harness/processes.js';

const LOOP_DELAY = new URL('./loop-delay-hook.js', import.meta.url);
const SLOW_DISK = new URL('./slow-disk-hook.js', import.meta.url);

/** By how many milliseconds the event loop was late. */
export type LoopDelay = Readonly<{
  p99: number;
  max: number;
  /** The longest time for which the program itself held the loop, without the time in which the kernel ran others. */
  held: number;
}>;

/** `use` must run the program that it gets to its end. Resolves to the delays of that program's loop. */
export async function watchLoop(
  bench: Bench,
  program: Program,
  use: (watched: Program) => Promise<void>,
): Promise<LoopDelay> {
  const path = join(bench.dir, 'loop-delay.json');
  rmSync(path, { force: true });
  await use(withHook(program, LOOP_DELAY, { BENCH_LOOP_DELAY: path }));
  return JSON.parse(readFileSync(path, 'utf8')) as LoopDelay;
}

/** The same program on a disk that takes `rate` bytes a second. */
export function onSlowDisk(program: Program, rate: number): Program {
  return withHook(program, SLOW_DISK, { BENCH_DISK_RATE: String(rate) });
}

function withHook({ command, args, env }: Program, hook: URL, variables: Readonly<Record<string, string>>): Program {
  return { command, args: ['--import', hook.href, ...args], env: { ...env, ...variables } };
}
