import type { Contestant, Measurement, Row } from '../row.js';
import type { Processes } from './processes.js';

/** The runs of one contestant. */
export interface Runs {
  readonly contestant: string;
  /** In the order of the runs. */
  readonly measurements: readonly Measurement[];
  /** Why a run failed. A contestant that fails once does not run again. */
  readonly failure?: string;
}

export interface CompeteOptions {
  readonly runs: number;
  /** Seconds until a run counts as hung. */
  readonly timeLimit: number;
}

/** Lets every contestant run once, then every one again, so that other load of the machine falls on all alike. */
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

/** Does one run, and ends the programs that it leaves running. A run that takes longer than `seconds` has failed. */
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
    // A hung run fails when its programs have ended, and then cleans up. Its own failure is ignored: it has hung.
    await Promise.race([run.catch(() => undefined), new Promise((resolve) => setTimeout(resolve, 1000))]);
  }
}
