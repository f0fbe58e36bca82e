import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** Torrents and vectors of other projects. They lie beside the repository, and are not part of it. */
const FOLDER = fileURLToPath(new URL('../../../../shared/corpus/', import.meta.url));

/** True where the corpus is; else says in one line what is not tested. */
export function hasCorpus(what: string): boolean {
  if (existsSync(FOLDER)) return true;
  console.log(`not tested, the corpus is not here: ${what}`);
  return false;
}

export function readCorpus(path: string): Buffer {
  return readFileSync(`${FOLDER}${path}`);
}

export function isInCorpus(path: string): boolean {
  return existsSync(`${FOLDER}${path}`);
}
