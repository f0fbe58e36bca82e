import { join } from 'node:path';
import type { Environment } from './io.js';
import { userFolder } from './user-folder.js';

/**
 * The path of the file that keeps the DHT nodes we know, or null when the environment names no folder for it. The file
 * is a cache: without it we need a few seconds more to enter the DHT.
 */
export function dhtStatePath(env: Environment): string | null {
  const folder = userFolder('cache', env);
  return folder === null ? null : join(folder, 'dht.state');
}
