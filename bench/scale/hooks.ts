/** Modules that a program of Node's loads before its own: they measure it, or hold it back. */
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Bench } from '../harness/bench.js';
import type { Program } from '../harness/processes.js';

const LOOP_DELAY = new URL('./loop-delay-hook.js', import.meta.url);
const SLOW_DISK = new URL('./slow-disk-hook.js', import.meta.url);

/** Milliseconds. */
export type LoopDelay = Readonly<{
  p99: number;
  max: number;
  /** The longest that the loop was held while the kernel let it run: what other processes did is not in it. */
  held: number;
}>;

/** `use` runs the program that it is given to its end; resolves to what that program's loop was like. */
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

/** The program on a disk that takes so many bytes a second. */
export function onSlowDisk(program: Program, rate: number): Program {
  return withHook(program, SLOW_DISK, { BENCH_DISK_RATE: String(rate) });
}

function withHook({ command, args, env }: Program, hook: URL, variables: Readonly<Record<string, string>>): Program {
  return { command, args: ['--import', hook.href, ...args], env: { ...env, ...variables } };
}
