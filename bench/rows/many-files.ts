import { join } from 'node:path';
import { writeNoise } from '../../test/support/noise.js';
import type { Bench } from '../harness/bench.js';

const FILES = 1000;

/** A thousand files of equal length in twenty folders, at most `length` bytes in all. Returns their folder's path. */
export function manyFiles(bench: Bench, length: number): string {
  const dir = join(bench.emptyDir(), 'many');
  const each = Math.floor(length / FILES);
  writeNoise(dir, Object.fromEntries(Array.from({ length: FILES }, (_, file) => [`${file % 20}/${file}.bin`, each])));
  return dir;
}
