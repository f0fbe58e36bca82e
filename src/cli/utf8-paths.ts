/**
 * Refuses paths whose bytes are not UTF-8. Node decodes the command line and the name of the current folder, and puts
 * U+FFFD for each byte that is not UTF-8: what it then opens or makes is another file.
 */
import { type Stats, statSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import { BtgetError } from '../base/failure.js';
import { classifySource } from './source/recognise.js';
import { bareSource } from './source/source-text.js';

/** A path that the user gives. */
export interface GivenPath {
  readonly text: string;
  /** The option that has it, for the message; null for an argument. */
  readonly option: string | null;
  /** The folder in which the path lies when it is a bare name; null for the current one. */
  readonly dir: string | null;
}

const LOST_BYTE = '\ufffd';

/**
 * Throws a 'usage' failure when one of `paths` holds U+FFFD and nothing has exactly this name, or when one of them
 * counts from the current folder and the text of the current folder does not lead there.
 */
export function refuseLostBytes(paths: readonly GivenPath[]): void {
  for (const { text, option, dir } of paths) {
    if (!text.includes(LOST_BYTE) || look(text) !== null) continue;
    if (dir !== null && look(join(dir, text)) !== null) continue;
    const what = option === null ? 'this path' : `${option}: this path`;
    throw new BtgetError('usage', `${what} is not UTF-8: ${text} (rename it, or give another one)`);
  }
  if (paths.some(({ text, dir }) => text !== '-' && !isAbsolute(dir ?? text))) refuseLostFolder();
}

/** Those of `sources` that are paths. */
export function pathsIn(sources: readonly string[]): readonly GivenPath[] {
  return sources
    .filter((source) => classifySource(bareSource(source)) === 'path')
    .map((text) => ({ text, option: null, dir: null }));
}

function refuseLostFolder(): void {
  let folder: string;
  try {
    folder = process.cwd();
  } catch {
    // The folder has been removed. Whoever needs it says so.
    return;
  }
  if (!folder.includes(LOST_BYTE)) return;
  const [named, real] = [look(folder), look('.')];
  if (named !== null && named.dev === real?.dev && named.ino === real.ino) return;
  const help = 'rename it, or change to another one';
  throw new BtgetError('usage', `the path of the current folder is not UTF-8: ${folder} (${help})`);
}

/** Null when there is nothing, or nothing that we may look at. */
function look(path: string): Stats | null {
  try {
    return statSync(path);
  } catch {
    return null;
  }
}
