/**
 * A process that swaps paths for links to other places, and back, as often as it can: `node swap-loop.js PATH TARGET …`.
 * It says `swapping` when it has begun.
 */
import { renameSync, symlinkSync, unlinkSync } from 'node:fs';

const pairs = process.argv.slice(2);
let rounds = 0;

function swap(): void {
  for (let at = 0; at < pairs.length; at += 2) {
    const path = pairs[at] ?? '';
    renameSync(path, `${path}.away`);
    symlinkSync(pairs[at + 1] ?? '', path);
    // Long enough for some of what looks at it meanwhile, and never as long.
    const until = performance.now() + (rounds % 7) * 0.3;
    while (performance.now() < until);
    unlinkSync(path);
    renameSync(`${path}.away`, path);
  }
  rounds += 1;
  if (rounds === 1) process.stdout.write('swapping\n');
  setTimeout(swap, rounds % 3);
}
swap();
