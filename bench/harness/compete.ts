import type { Contestant, Measurement, Row } from '../row.js';
import type { Processes } from './processes.js';

/** A contestant's runs in order. */
export interface Runs {
  readonly contestant: string;
  readonly measurements: readonly Measurement[];
  /** Why it ran no further; it is left out of the runs that follow. */
  readonly failure?: string;
}

export interface CompeteOptions {
  readonly runs: number;
  /** Seconds until a run counts as hung. */
  readonly timeLimit: number;
}

/** Everybody once, then everybody again: what else the machine does falls on all alike. */
export async function compete(row: Row, processes: Processes, options: CompeteOptions): Promise<Runs[]> {
  const measurements = new Map<Contestant, Measurement[]>(row.contestants.map((contestant) => [contestant, []]));
  const failures = new Map<Contestant, string>();
  for (let run = 0; run < options.runs; run += 1) {
    for (const [contestant, measured] of measurements) {
      if (failures.has(contestant)) continue;
      try {
        measured.push(await withinLimit(contestant, processes, options.timeLimit));
      } catch (error) {
        failures.set(contestant, error instanceof Error ? error.message : String(error));
      }
    }
  }
  return [...measurements].map(([contestant, measured]) => {
    const failure = failures.get(contestant);
    return { contestant: contestant.name, measurements: measured, ...(failure === undefined ? {} : { failure }) };
  });
}

/** One run. What it leaves running is ended, and what does not settle in time is ended and has failed. */
async function withinLimit(contestant: Contestant, processes: Processes, seconds: number): Promise<Measurement> {
  const before = processes.living();
  let limit: NodeJS.Timeout | undefined;
  const hung = new Promise<never>((_, reject) => {
    limit = setTimeout(() => reject(new Error(`hung: not done after ${seconds} s`)), seconds * 1000);
  });
  const run = contestant.measure();
  try {
    return await Promise.race([run, hung]);
  } finally {
    clearTimeout(limit);
    await processes.endAllBut(before);
    // With its programs ended a hung run fails, and tidies up after itself; the time limit has been reported already.
    await Promise.race([run.catch(() => undefined), new Promise((resolve) => setTimeout(resolve, 1000))]);
  }
}
