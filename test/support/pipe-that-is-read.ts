import { constants, openSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';

/** Opens the pipe at `path` to write, once a program has opened it to read. Returns the descriptor. */
export async function pipeThatIsRead(path: string): Promise<number> {
  for (;;) {
    try {
      return openSync(path, constants.O_WRONLY | constants.O_NONBLOCK);
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'ENXIO')) throw error;
    }
    await setTimeout(20);
  }
}
