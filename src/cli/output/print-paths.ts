/** `--print-paths` and `--print0`: each finished file once, as soon as it has its name. */
import { systemPath } from '../../base/raw-name.js';
import type { Output } from './events.js';

/** `shown` makes a path fit for its reader. A program gets the bytes of the name on the disk. */
export function createPathOutput(
  write: (text: string | Buffer) => void,
  terminator: '\n' | '\0',
  shown: (path: string) => string,
): Output {
  return {
    tell(event) {
      if (event.type === 'file') write(systemPath(shown(event.path) + terminator));
    },
    close: () => undefined,
  };
}
