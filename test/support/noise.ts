import { closeSync, mkdirSync, openSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { seededRandom } from './simulation/seeded-random.js';

/** Writes files of seeded noise below `dir`. `files`: the length of each file in bytes, by its path. */
export function writeNoise(dir: string, files: Readonly<Record<string, number>>): void {
  const random = seededRandom(1);
  const noise = random.bytes(1 << 20);
  for (const [path, length] of Object.entries(files)) {
    mkdirSync(dirname(join(dir, path)), { recursive: true });
    const file = openSync(join(dir, path), 'w');
    for (let left = length; left > 0; ) {
      noise.writeUInt32BE(random.below(0xffffffff), random.below(noise.length - 4));
      left -= writeSync(file, noise, 0, Math.min(left, noise.length));
    }
    closeSync(file);
  }
}
