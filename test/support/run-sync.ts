import assert from 'node:assert/strict';
import { type SpawnSyncOptions, type SpawnSyncReturns, spawnSync } from 'node:child_process';
import { HANGS_AFTER } from './hang.js';

/**
 * Runs a program to its end within the call. Fails when the program hangs: the time limit of the test cannot end it,
 * since the test does nothing else meanwhile.
 */
export function runSync(
  program: string,
  args: readonly string[],
  options: SpawnSyncOptions = {},
): SpawnSyncReturns<string> {
  const ended = spawnSync(program, args, {
    ...options,
    encoding: 'utf8',
    timeout: HANGS_AFTER,
    killSignal: 'SIGKILL',
  });
  assert.equal(ended.error, undefined, `${program} ${args.join(' ')}: ${ended.stderr}`);
  return ended;
}
