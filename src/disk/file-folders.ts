/**
 * Makes a folder and those above it, one by one. Node's own way (`recursive`) never ends where a folder is there and
 * what is to lie in it can be neither made nor found, as in /proc: it makes the one, fails at the other, and begins again.
 */
import fs from 'node:fs';
import { mkdir, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { systemPath } from '../base/raw-name.js';

/** A call that is asked for: `look` answers whether there is a folder, `make` makes one. */
type Step = { readonly call: 'look' | 'make'; readonly path: string };

type SystemError = Error & { readonly code?: unknown };

/** Makes `path`, absolute. Returns the first folder that was made, undefined when all were there. Throws what the system says. */
export function makeFolderAndParents(path: string): string | undefined {
  const steps = stepsTo(path);
  let next = steps.next();
  while (next.done !== true) {
    const { call, path: at } = next.value;
    let answer: Answer;
    try {
      if (call === 'make') fs.mkdirSync(systemPath(at));
      answer = { isFolder: call === 'make' || fs.statSync(systemPath(at)).isDirectory() };
    } catch (error) {
      answer = { error: error as SystemError };
    }
    next = steps.next(answer);
  }
  return next.value;
}

/** As `makeFolderAndParents`, without blocking; new folders get `mode`. */
export async function makeFolderAndParentsLater(path: string, mode: number): Promise<string | undefined> {
  const steps = stepsTo(path);
  let next = steps.next();
  while (next.done !== true) {
    const { call, path: at } = next.value;
    let answer: Answer;
    try {
      if (call === 'make') await mkdir(systemPath(at), { mode });
      answer = { isFolder: call === 'make' || (await stat(systemPath(at))).isDirectory() };
    } catch (error) {
      answer = { error: error as SystemError };
    }
    next = steps.next(answer);
  }
  return next.value;
}

type Answer = { readonly isFolder: boolean } | { readonly error: SystemError };

/** Up to the first folder that is there, then down. No path is asked for more than three times, so it ends. */
function* stepsTo(path: string): Generator<Step, string | undefined, Answer> {
  const missing: string[] = [];
  for (let at = path; ; at = dirname(at)) {
    const found = yield { call: 'look', path: at };
    if ('isFolder' in found) {
      // A file is in the way: making what is to lie in it, or itself, says so in the system's words.
      if (!found.isFolder && at === path) missing.push(at);
      break;
    }
    if (found.error.code !== 'ENOENT' && found.error.code !== 'ENOTDIR') throw found.error;
    missing.push(at);
    if (dirname(at) === at) break;
  }
  let first: string | undefined;
  for (const at of missing.reverse()) {
    const made = yield { call: 'make', path: at };
    if (!('error' in made)) {
      first ??= at;
      continue;
    }
    // Somebody else may have made it meanwhile.
    const found = made.error.code === 'EEXIST' ? yield { call: 'look', path: at } : made;
    if (!('isFolder' in found && found.isFolder)) throw made.error;
  }
  return first;
}
