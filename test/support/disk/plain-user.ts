import { spawnSync } from 'node:child_process';
import { BTGET } from '../btget-process.js';

/**
 * `command`, to be run by a user that permissions bind. They do not bind root, so root runs it as another user. Null
 * when that user cannot run btget.
 */
export function asPlainUser(...command: readonly string[]): readonly [string, ...string[]] | null {
  const isRoot = process.getuid?.() === 0;
  const prefix = isRoot ? ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'] : [];
  const run = (...words: readonly string[]): readonly [string, ...string[]] => [...prefix, ...words] as [string];
  const [program, ...args] = run(process.execPath, BTGET, '--version');
  const canRun = process.getuid !== undefined && spawnSync(program, args).status === 0;
  return canRun ? run(...command) : null;
}
