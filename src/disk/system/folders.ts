/**
 * Makes a folder and the folders above it, one by one. Node's own way (`recursive`) never ends where a folder is there
 * but nothing in it can be made or found, as in /proc: it makes the outer folder, fails at the inner one, and begins
 * again.
 */
import fs from 'node:fs';
import { dirname } from 'node:path';
import { systemCode } from '../../base/failure.js';
import { systemPath } from '../../base/raw-name.js';
import { orNothing } from '../failure.js';

/**
 * Makes `path`, which is absolute. New folders get `mode`, as far as the mask of the process lets them. Returns the
 * first folder that was made; undefined when all were there. Throws the error of the system, and then removes the
 * folders that it made. It looks at no path more than three times, so it ends.
 */
export function makeFolderAndParents(path: string, mode = 0o777): string | undefined {
  const missing: string[] = [];
  let at = path;
  let state = look(at);
  for (; state === 'absent'; state = look(at)) {
    missing.push(at);
    if (dirname(at) === at) break;
    at = dirname(at);
  }
  // A file is in the way. To make a folder in it, or in its place, throws the error of the system for that.
  if (state === 'other' && missing.length === 0) missing.push(path);
  const made: string[] = [];
  try {
    for (const folder of missing.reverse()) if (make(folder, mode)) made.push(folder);
  } catch (error) {
    for (const folder of made.reverse()) orNothing(() => fs.rmdirSync(systemPath(folder)));
    throw error;
  }
  return made[0];
}

/** `path` and the folders above it as far as `first`, the innermost one first. */
export function* foldersUpTo(path: string, first: string): Generator<string> {
  for (let at = path; at.length >= first.length; at = dirname(at)) yield at;
}

function look(path: string): 'folder' | 'other' | 'absent' {
  try {
    return fs.statSync(systemPath(path)).isDirectory() ? 'folder' : 'other';
  } catch (error) {
    const code = systemCode(error);
    if (code !== 'ENOENT' && code !== 'ENOTDIR') throw error;
    return 'absent';
  }
}

/** False when another process has made it meanwhile. */
function make(path: string, mode: number): boolean {
  try {
    fs.mkdirSync(systemPath(path), { mode });
    return true;
  } catch (error) {
    if (systemCode(error) === 'EEXIST' && look(path) === 'folder') return false;
    throw error;
  }
}
