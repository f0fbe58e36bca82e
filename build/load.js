/** Loads the command line of the published package, from one file. */
import { mkdirSync, statSync } from 'node:fs';
import module from 'node:module';
import { isAbsolute, join } from 'node:path';

export function load() {
  const [word, ...more] = process.argv.slice(2);
  if (more.length === 0 && (word === '--version' || word === '-V')) return import('./version.js');
  keepCompiled();
  return import('./main.js');
}

/**
 * Lets Node keep what it compiles, and begin with that the next time, where it can (22.1). It goes to the cache of the
 * user. Node runs what it finds there, so the folder must be one that nobody else may write to. Not the system's folder
 * for temporary files: all users share that.
 */
function keepCompiled() {
  const { XDG_CACHE_HOME: cache, HOME: home = process.env.USERPROFILE } = process.env;
  if (module.enableCompileCache === undefined) return;
  const base =
    cache !== undefined && isAbsolute(cache) ? cache : home && isAbsolute(home) ? join(home, '.cache') : null;
  if (base === null) return;
  const folder = join(base, 'btget', 'compiled');
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const { uid, mode } = statSync(folder);
    const user = process.getuid?.();
    if (user === undefined || (uid === user && (mode & 0o022) === 0)) module.enableCompileCache(folder);
  } catch {
    // Without the cache it only takes longer.
  }
}
