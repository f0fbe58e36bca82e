/** Reads a file that the user names. It may be a pipe or a device, and then nobody knows when bytes come. */
import { constants } from 'node:fs';
import { open, realpath } from 'node:fs/promises';
import { setTimeout as wait } from 'node:timers/promises';
import type { Millis } from './clock.js';
import { systemCode } from './failure.js';

/** Resolves after `delay`, or rejects when `signal` aborts. */
export type Pause = (delay: Millis, signal: AbortSignal | null) => Promise<unknown>;

const PAUSE: Millis = 50;
const systemPause: Pause = (delay, signal) => wait(delay, undefined, signal === null ? {} : { signal });

/**
 * The bytes of the file, in parts. Each part is valid until the next one is asked for. No call waits in the system,
 * where nothing could end it, nor the process: while nothing is there to read, a timer runs. Throws the system's error,
 * and an error of its own after an abort of `signal`.
 */
export async function* readGivenFile(
  path: string,
  signal: AbortSignal | null = null,
  pause: Pause = systemPause,
): AsyncGenerator<Buffer, void> {
  const file = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
  try {
    const room = Buffer.allocUnsafeSlow(64 * 1024);
    // A pipe that no program has opened to write reads as one that is at its end.
    let hasWriter = !(await file.stat()).isFIFO() || (await isOpenAlready(path));
    for (;;) {
      signal?.throwIfAborted();
      const length = await file.read(room, 0, room.length, null).then(
        ({ bytesRead }) => bytesRead,
        (error: unknown) => {
          if (systemCode(error) === 'EAGAIN') return null;
          throw error;
        },
      );
      // With a writer, an empty pipe says EAGAIN.
      hasWriter ||= length !== 0;
      if (length === 0 && hasWriter) return;
      if (length === null || length === 0) await pause(PAUSE, signal);
      else yield room.subarray(0, length);
    }
  } finally {
    await file.close();
  }
}

/** Whether `path` names an open file of this process (`<(…)`, `/dev/stdin`). Its writer came before us. */
async function isOpenAlready(path: string): Promise<boolean> {
  if (/^\/(?:dev\/(?:fd\/|stdin$)|proc\/[^/]+\/fd\/)/.test(path)) return true;
  // A pipe without a name of its own has no real path.
  return realpath(path).then(
    () => false,
    () => true,
  );
}
