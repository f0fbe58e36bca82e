/**
 * Reads and writes a file that the user names. It may be a pipe or a device, and then nobody knows when bytes come, or
 * are taken.
 */
import { constants } from 'node:fs';
import { type FileHandle, open, realpath, stat } from 'node:fs/promises';
import { setTimeout as wait } from 'node:timers/promises';
import type { Millis } from './clock.js';
import { systemCode } from './failure.js';

/** Resolves after `delay`, or rejects when `signal` aborts. */
export type Pause = (delay: Millis, signal: AbortSignal | null) => Promise<unknown>;

const PAUSE: Millis = 50;
const MIN_PAUSE: Millis = 1;
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

/** Whether `path` names an open file of this process (`<(…)`, `/dev/stdin`). The other program came before us. */
async function isOpenAlready(path: string): Promise<boolean> {
  if (/^\/(?:dev\/(?:fd\/|std(?:in|out|err)$)|proc\/[^/]+\/fd\/)/.test(path)) return true;
  // A pipe without a name of its own has no real path.
  return realpath(path).then(
    () => false,
    () => true,
  );
}

/**
 * Writes `bytes` into a pipe or a device that is there, and makes no file. As with `readGivenFile` no call waits in the
 * system: while no program reads from the pipe, a timer runs. Throws the system's error.
 */
export async function writeGivenFile(path: string, bytes: Buffer, pause: Pause = systemPause): Promise<void> {
  const file = await openToWrite(path, pause);
  try {
    let delay = MIN_PAUSE;
    for (let written = 0; written < bytes.length; ) {
      const length = await file.write(bytes, written).then(
        ({ bytesWritten }) => bytesWritten,
        (error: unknown) => {
          if (systemCode(error) === 'EAGAIN') return 0;
          throw error;
        },
      );
      written += length;
      // A pipe takes 64 KiB at a time, and its reader may be quick.
      delay = length > 0 ? MIN_PAUSE : Math.min(2 * delay, PAUSE);
      if (length === 0) await pause(delay, null);
    }
  } finally {
    await file.close();
  }
}

/** A pipe that no program has opened to read cannot be opened to write without a wait. */
async function openToWrite(path: string, pause: Pause): Promise<FileHandle> {
  for (;;) {
    try {
      return await open(path, constants.O_WRONLY | (constants.O_NONBLOCK ?? 0));
    } catch (error) {
      // A socket says the same, and never takes an open. The reader of `>(…)` came before us, and has gone.
      if (systemCode(error) !== 'ENXIO' || !(await stat(path)).isFIFO() || (await isOpenAlready(path))) throw error;
      await pause(PAUSE, null);
    }
  }
}
