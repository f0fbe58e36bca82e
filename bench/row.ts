import type { Bench } from './harness/bench.js';

/** What one run measured, by the name of the metric. */
export type Measurement = Readonly<Record<string, number>>;

/** One way to do a row's work: btget, another client, or the same client told to do something else. */
export interface Contestant {
  readonly name: string;
  /**
   * One run. Rejects when it fails: the table then says so, and the others go on. What it starts by way of the bench is
   * ended when it has not settled within the row's time limit; anything else it must end itself.
   */
  measure(): Promise<Measurement>;
}

/** A column of the row's table. */
export interface Metric {
  readonly name: string;
  /** The column's head, with the unit. */
  readonly label: string;
  readonly digits: number;
  /** Whether the table also compares it: the first contestant's figure ÷ this contestant's, run by run. */
  readonly compared?: boolean;
}

/** What must hold: of a contestant's median, or of the median of the ratios of its runs to another's. */
export interface Goal {
  readonly contestant: string;
  /** A name in the contestants' measurements; it need not have a column. */
  readonly metric: string;
  /** The contestant that the ratio is taken to, run by run; without it the figure itself is judged. */
  readonly ratioTo?: string;
  /** The unit of a figure that is no ratio. */
  readonly unit?: string;
  readonly digits?: number;
  readonly atMost?: number;
  readonly atLeast?: number;
}

/** One work, what did it, and what is wanted of it. */
export interface Row {
  readonly title: string;
  readonly metrics: readonly Metric[];
  /** They run in turn. The table compares the others to the first. */
  readonly contestants: readonly Contestant[];
  readonly goals: readonly Goal[];
  /** Fewer runs than asked for, where one takes long. */
  readonly mostRuns?: number;
  /** Seconds until a run counts as hung. */
  readonly timeLimit?: number;
  /** Ends what the row keeps running between runs. */
  end?(): Promise<void>;
}

/** Makes a row: its data, its torrents, the peers that all its contestants share. */
export type MakeRow = (bench: Bench) => Promise<Row>;

export const WALL: Metric = { name: 'wall', label: 'wall s', digits: 2, compared: true };
export const CPU: Metric = { name: 'cpu', label: 'cpu s', digits: 2, compared: true };
export const MEMORY: Metric = { name: 'memory', label: 'memory MiB', digits: 0 };
/** The metrics of a program that was measured from its start to its end (`Bench.run`). */
export const COST: readonly Metric[] = [WALL, CPU, MEMORY];
