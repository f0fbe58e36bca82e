/** Where the files of a user lie that this program reads and writes by itself. */
import { isAbsolute, join } from 'node:path';
import type { Environment } from './io.js';

/** By the kind of files: the variable that names the folder of all programs, and that folder below the home. */
const FOLDERS = {
  cache: { variable: 'XDG_CACHE_HOME', usual: '.cache' },
  config: { variable: 'XDG_CONFIG_HOME', usual: '.config' },
} as const;

/** The program's folder for files of this kind; null when the environment names no folder for them. */
export function userFolder(kind: keyof typeof FOLDERS, env: Environment): string | null {
  const { variable, usual } = FOLDERS[kind];
  const { [variable]: folder, HOME: home = env['USERPROFILE'] } = env;
  // XDG Base Directory Specification: "All paths set in these environment variables must be absolute. If an
  // implementation encounters a relative path [...] it should consider the path invalid and ignore it."
  if (folder !== undefined && isAbsolute(folder)) return join(folder, 'btget');
  return home !== undefined && isAbsolute(home) ? join(home, usual, 'btget') : null;
}
