import type { RunningProgram } from '../harness/processes.js';

/** Milliseconds. */
const INTERVAL = 5;

/** Resolves when `holds` returns true; rejects when the program ends before. */
export function until(running: RunningProgram, holds: () => boolean): Promise<void> {
  return new Promise((resolve, reject) => {
    const looking = setInterval(() => {
      if (!holds()) return;
      clearInterval(looking);
      resolve();
    }, INTERVAL);
    const ended = (code: unknown): void => {
      clearInterval(looking);
      reject(new Error(running.describeEnd(String(code))));
    };
    running.ended.then(({ code }) => ended(code), ended);
  });
}
