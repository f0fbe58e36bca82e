/**
 * `npm run bench [-- ROW... | --list] [--markdown FILE]`: btget and other clients do the same work in turn, on this
 * machine, over loopback, without discovery, and without encryption unless the row is about it. docs/benchmarks.md says
 * what each row does and what the figures mean. Exits with 1 when a row cannot be made or a contestant of btget fails.
 * A missed goal is no failure.
 */
import { existsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { parseArgs } from 'node:util';
import { version } from '../src/cli/version.js';
import { Bench, MIB } from './harness/bench.js';
import { compete } from './harness/compete.js';
import { judge, type Verdict } from './harness/judge.js';
import { conditions } from './harness/machine.js';
import { goalsTable, rowSection } from './harness/tables.js';
import type { MakeRow } from './row.js';
import { ROWS } from './rows.js';

/** Seconds. */
const DEFAULT_TIME_LIMIT = 120;

const options = {
  dir: process.env['BENCH_DIR'] ?? (existsSync('/dev/shm') ? '/dev/shm' : tmpdir()),
  length: positive('BENCH_MIB', 1024) * MIB,
  runs: positive('BENCH_RUNS', 5),
};
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { list: { type: 'boolean' }, markdown: { type: 'string' } },
});
for (const name of positionals)
  if (ROWS[name] === undefined) throw new Error(`no such row: ${name} (--list names all)`);
if (values.list) for (const name of Object.keys(ROWS)) console.log(name);
else await run(Object.entries(ROWS).filter(([name]) => positionals.length === 0 || positionals.includes(name)));

async function run(rows: readonly (readonly [string, MakeRow])[]): Promise<void> {
  const bench = new Bench(options);
  const interrupted = (): void => {
    bench.end();
    process.exit(130);
  };
  process.once('SIGINT', interrupted).once('SIGTERM', interrupted);
  const report: string[] = [];
  const say = (text: string): void => {
    console.log(`${text}\n`);
    report.push(text);
  };
  try {
    say(conditions(bench.rivals, options, version()));
    const verdicts: (Verdict & { readonly row: string })[] = [];
    for (const [name, make] of rows) verdicts.push(...(await runRow(bench, name, make, say)));
    if (verdicts.length > 0) say(`### Goals\n\n${goalsTable(verdicts)}`);
    if (values.markdown !== undefined) writeFileSync(values.markdown, `${report.join('\n\n')}\n`);
  } finally {
    bench.end();
  }
}

/** Runs one row and returns its verdicts. A row that cannot be made is reported, and the other rows go on. */
async function runRow(
  bench: Bench,
  name: string,
  make: MakeRow,
  say: (text: string) => void,
): Promise<(Verdict & { readonly row: string })[]> {
  const before = bench.processes.living();
  try {
    const row = await make(bench);
    try {
      const results = await compete(row, bench.processes, {
        runs: Math.min(options.runs, row.mostRuns ?? options.runs),
        timeLimit: row.timeLimit ?? DEFAULT_TIME_LIMIT,
      });
      const verdicts = row.goals.map((goal) => ({ ...judge(goal, results), row: name }));
      say(rowSection(name, row, results, verdicts));
      if (results.some(({ contestant, failure }) => contestant.startsWith('btget') && failure !== undefined))
        process.exitCode = 1;
      return verdicts;
    } finally {
      await row.end?.();
    }
  } catch (error) {
    process.exitCode = 1;
    say(`### ${name}\n\n**failed**: ${error instanceof Error ? error.message : error}`);
    return [];
  } finally {
    await bench.processes.endAllBut(before);
  }
}

function positive(variable: string, fallback: number): number {
  const value = Number(process.env[variable] ?? fallback);
  if (!Number.isInteger(value) || value < 1) throw new Error(`${variable} is not a number of at least 1`);
  return value;
}
