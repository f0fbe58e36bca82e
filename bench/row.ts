/** The parts of a row: one kind of work, the contestants that do it, and the goals. */
import type { Bench } from './harness/bench.js';

/** The figures of one run, by the name of the metric. */
export type Measurement = Readonly<Record<string, number>>;

/** One way to do a row's work: btget, another client, or the same client with other options. */
export interface Contestant {
  readonly name: string;
  /**
   * Does one run. Rejects when the run fails: the table then says so, and the other contestants go on. The bench ends
   * the programs that the run started through it. The run must end everything else itself.
   */
  measure(): Promise<Measurement>;
}

/** A column of the row's table. */
export interface Metric {
  readonly name: string;
  /** The column's head, with the unit. */
  readonly label: string;
  readonly digits: number;
  /** True when the table also shows the first contestant's figure ÷ this contestant's figure, run by run. */
  readonly compared?: boolean;
}

/** A bound for a contestant's median, or for the median of the ratios of its runs to those of another contestant. */
export interface Goal {
  readonly contestant: string;
  /** A name in the contestants' measurements; it need not have a column. */
  readonly metric: string;
  /** The other contestant of the ratio; without it the bound is for the figure itself. */
  readonly ratioTo?: string;
  /** The unit of the figure, when it is no ratio. */
  readonly unit?: string;
  readonly digits?: number;
  readonly atMost?: number;
  readonly atLeast?: number;
}

/** One kind of work, with its contestants and its goals. */
export interface Row {
  readonly title: string;
  readonly metrics: readonly Metric[];
  /** They run in turn. The table compares each with the first one. */
  readonly contestants: readonly Contestant[];
  readonly goals: readonly Goal[];
  /** The most runs of a row whose runs take long. */
  readonly mostRuns?: number;
  /** Seconds until a run counts as hung. */
  readonly timeLimit?: number;
  /** Ends what the row keeps open between runs. */
  end?(): Promise<void>;
}

/** Makes a row: its data, its torrents, and the peers that all its contestants share. */
export type MakeRow = (bench: Bench) => Promise<Row>;

export const WALL: Metric = { name: 'wall', label: 'wall s', digits: 2, compared: true };
export const CPU: Metric = { name: 'cpu', label: 'cpu s', digits: 2, compared: true };
export const MEMORY: Metric = { name: 'memory', label: 'memory MiB', digits: 0 };
/** The metrics of a program that the bench measures from its start to its end (`Bench.run`). */
export const COST: readonly Metric[] = [WALL, CPU, MEMORY];
