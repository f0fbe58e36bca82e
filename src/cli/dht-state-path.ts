import { isAbsolute, join } from 'node:path';

/**
 * The path of the file that keeps the DHT nodes we know, or null when the environment names no folder for it. The file
 * is a cache: without it we need a few seconds more to enter the DHT.
 */
export function dhtStatePath(env: Readonly<Record<string, string | undefined>>): string | null {
  const { XDG_CACHE_HOME: cache, HOME: home = env['USERPROFILE'] } = env;
  // XDG Base Directory Specification: "All paths set in these environment variables must be absolute. If an
  // implementation encounters a relative path [...] it should consider the path invalid and ignore it."
  if (cache !== undefined && isAbsolute(cache)) return join(cache, 'btget', 'dht.state');
  return home !== undefined && isAbsolute(home) ? join(home, '.cache', 'btget', 'dht.state') : null;
}
