import type { Goal } from '../row.js';
import type { Runs } from './compete.js';
import { median, medianRatio } from './statistics.js';

export interface Verdict {
  readonly goal: Goal;
  /** NaN when there is no figure. */
  readonly figure: number;
  readonly word: 'met' | 'missed' | 'not measured';
}

/**
 * A contestant that failed has missed its goals. A goal is not measured when its contestant or its rival did not take
 * part. Throws when a measurement lacks the goal's metric, so that a misspelt name cannot stay unnoticed.
 */
export function judge(goal: Goal, results: readonly Runs[]): Verdict {
  const of = (name: string | undefined): Runs | undefined => results.find(({ contestant }) => contestant === name);
  const subject = of(goal.contestant);
  const figures = figuresOf(subject, goal.metric);
  const figure =
    goal.ratioTo === undefined ? median(figures) : medianRatio(figures, figuresOf(of(goal.ratioTo), goal.metric));
  if (subject?.failure !== undefined) return { goal, figure, word: 'missed' };
  if (Number.isNaN(figure)) return { goal, figure, word: 'not measured' };
  const holds = figure <= (goal.atMost ?? Number.POSITIVE_INFINITY) && figure >= (goal.atLeast ?? 0);
  return { goal, figure, word: holds ? 'met' : 'missed' };
}

/** The figure of each run. Throws when a run did not measure this metric. */
export function figuresOf(runs: Runs | undefined, metric: string): number[] {
  return (runs?.measurements ?? []).map((measurement) => {
    const figure = measurement[metric];
    if (figure === undefined || Number.isNaN(figure)) throw new Error(`${runs?.contestant} did not measure ${metric}`);
    return figure;
  });
}
