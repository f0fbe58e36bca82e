import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** The folder of torrents and test vectors of other projects. It lies beside the repository and is not part of it. */
const FOLDER = fileURLToPath(new URL('../../../../shared/corpus/', import.meta.url));

/** True when the corpus is there. Otherwise it prints one line that says what is not tested. */
export function hasCorpus(what: string): boolean {
  if (existsSync(FOLDER)) return true;
  console.log(`not tested, the corpus is not here: ${what}`);
  return false;
}

/** `path`: below the folder of the corpus. */
export function readCorpus(path: string): Buffer {
  return readFileSync(`${FOLDER}${path}`);
}

export function isInCorpus(path: string): boolean {
  return existsSync(`${FOLDER}${path}`);
}
