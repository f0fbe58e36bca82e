import type { Goal, Metric, Row } from '../row.js';
import type { Runs } from './compete.js';
import { figuresOf, type Verdict } from './judge.js';
import { median, medianRatio } from './statistics.js';

/** A row's title, its table, and each goal with its figure, in Markdown. */
export function rowSection(name: string, row: Row, results: readonly Runs[], verdicts: readonly Verdict[]): string {
  const runs = Math.max(0, ...results.map(({ measurements }) => measurements.length));
  const failures = results.flatMap(({ contestant, failure }) =>
    failure === undefined ? [] : [`- ${contestant} **failed**: ${oneLine(failure)}`],
  );
  const goals = verdicts.map(({ goal, figure, word }) => `- ${word}: ${goalText(goal)}: ${figureText(goal, figure)}`);
  return [
    `### ${name}`,
    `${row.title}. ${runs === 1 ? 'One run' : `Medians of ${runs} runs`}.`,
    contestantsTable(row.metrics, results),
    [...failures, ...goals].join('\n'),
  ]
    .filter((part) => part !== '')
    .join('\n\n');
}

/** A table of all goals of all rows. */
export function goalsTable(verdicts: readonly (Verdict & { readonly row: string })[]): string {
  const rows = verdicts.map(({ row, goal, figure, word }) => [row, goalText(goal), figureText(goal, figure), word]);
  return table(['row', 'goal', 'measured', ''], rows);
}

/** A table in Markdown. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

function contestantsTable(metrics: readonly Metric[], results: readonly Runs[]): string {
  const [first, ...others] = results;
  if (first === undefined) return '';
  const compared = others.length === 0 ? [] : metrics.filter((metric) => metric.compared);
  const head = [
    '',
    ...metrics.map(({ label }) => label),
    ...compared.map(({ name }) => `${name}, ${first.contestant} ÷ this`),
  ];
  const rows = results.map((runs) => [
    runs.contestant,
    ...metrics.map(({ name, digits }) => number(median(figuresOf(runs, name)), digits)),
    ...compared.map(({ name }) =>
      runs === first ? '' : number(medianRatio(figuresOf(first, name), figuresOf(runs, name)), 2),
    ),
  ]);
  return table(head, rows);
}

/** `btget wall ≤ 0.6 × libtorrent`, `btget memory ≤ 128 MiB`. */
function goalText({ contestant, metric, ratioTo, atMost, atLeast, unit }: Goal): string {
  const of = ratioTo === undefined ? (unit === undefined ? '' : ` ${unit}`) : ` × ${ratioTo}`;
  const bounds = [
    ...(atLeast === undefined ? [] : [`≥ ${atLeast}${of}`]),
    ...(atMost === undefined ? [] : [`≤ ${atMost}${of}`]),
  ];
  return `${contestant}: ${metric} ${bounds.join(' and ')}`;
}

function figureText({ ratioTo, unit, digits }: Goal, figure: number): string {
  const suffix = ratioTo === undefined ? (unit === undefined ? '' : ` ${unit}`) : ' ×';
  return Number.isNaN(figure) ? '–' : `${number(figure, digits ?? 2)}${suffix}`;
}

function number(figure: number, digits: number): string {
  return Number.isNaN(figure) ? '–' : figure.toFixed(digits);
}

/** The words of a program in one line for a list in Markdown. */
function oneLine(text: string): string {
  return text.replaceAll(/\s+/g, ' ').replaceAll('|', '\\|').slice(0, 300);
}
