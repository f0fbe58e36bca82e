import { isAbsolute, join } from 'node:path';

/**
 * Where it is kept whom we know in the DHT, or null when there is no place for it. A cache: without it, entering the
 * DHT takes a few seconds more.
 */
export function dhtStatePath(env: Readonly<Record<string, string | undefined>>): string | null {
  const { XDG_CACHE_HOME: cache, HOME: home = env['USERPROFILE'] } = env;
  // XDG Base Directory Specification: "All paths set in these environment variables must be absolute. If an
  // implementation encounters a relative path [...] it should consider the path invalid and ignore it."
  if (cache !== undefined && isAbsolute(cache)) return join(cache, 'btget', 'dht.state');
  return home !== undefined && isAbsolute(home) ? join(home, '.cache', 'btget', 'dht.state') : null;
}
