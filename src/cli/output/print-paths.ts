/** `--print-paths` and `--print0`: each finished file once, as soon as it has its name. */
import type { Output } from './events.js';

export function createPathOutput(write: (text: string) => void, terminator: '\n' | '\0'): Output {
  return {
    tell(event) {
      if (event.type === 'file') write(event.path + terminator);
    },
    close: () => undefined,
  };
}
