import { join } from 'node:path';
import { writeNoise } from '../../test/support/noise.js';
import type { Bench } from '../harness/bench.js';

const FILES = 1000;

/** A thousand files in twenty folders, `length` bytes in all but for what a division leaves. The path of their folder. */
export function manyFiles(bench: Bench, length: number): string {
  const dir = join(bench.emptyDir(), 'many');
  const each = Math.floor(length / FILES);
  writeNoise(dir, Object.fromEntries(Array.from({ length: FILES }, (_, file) => [`${file % 20}/${file}.bin`, each])));
  return dir;
}
