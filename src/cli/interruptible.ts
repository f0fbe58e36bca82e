/** Ctrl-C once is a request, twice an order. */
import type { CliIo } from './io.js';

/**
 * `interrupted` is called for the first Ctrl-C. At the second, `exitCode()` is what the process ends with, at once.
 * Until the answer is called.
 */
export function onInterrupt(io: CliIo, interrupted: () => void, exitCode: () => number): () => void {
  let isSecond = false;
  return io.onInterrupt(() => {
    if (isSecond) {
      io.exitNow(exitCode());
      return;
    }
    isSecond = true;
    interrupted();
  });
}
