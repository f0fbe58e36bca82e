/**
 * `npm run soak`: one process with twenty torrents, sixty peers that come and go, of whom twelve are hostile, and noise in
 * the DHT, for SOAK_MINUTES (30). At a sixth of the time, at the half and at the end the peers rest, and what is left
 * in memory, open and waiting must be as much as before. Runs in a network namespace of its own (test/live/in-namespace.sh).
 */
import assert from 'node:assert/strict';
import { type ChildProcess, fork } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { Measure } from './subject.js';

const MINUTES = Number(process.env['SOAK_MINUTES'] ?? 30);
/** Dials that lead nowhere are given up meanwhile. */
const REST = 15_000;
const MiB = 1 << 20;
/** What may grow at most between the first and the last measure. */
const SLACK = { memory: 8 * MiB, descriptors: 16, tasks: 100, timers: 10 };

test(`${MINUTES} minutes among peers that come and go leave nothing behind`, {
  timeout: (MINUTES + 5) * 60_000,
}, async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'btget-soak-'));
  const start = (name: string, ...args: readonly string[]): ChildProcess => {
    const child = fork(fileURLToPath(new URL(`./${name}.js`, import.meta.url)), args, { stdio: 'inherit' });
    t.after(() => child.kill('SIGKILL'));
    return child;
  };
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  const peers = start('peers');
  assert.equal(await answer(peers), 'ready');
  const subject = start('subject', dir);
  assert.equal(await answer(subject), 'ready');
  const measures: { readonly minute: number; readonly measure: Measure }[] = [];
  let passed = 0;
  for (const minute of [MINUTES / 6, MINUTES / 2, MINUTES]) {
    await ask(peers, 'go on');
    await sleep((minute - passed) * 60_000);
    passed = minute;
    await ask(peers, 'rest');
    await sleep(REST);
    measures.push({ minute, measure: (await ask(subject, 'measure')) as Measure });
  }
  t.diagnostic(`\n${tableOf(measures)}`);
  const [first, last] = [measures[0]?.measure, measures.at(-1)?.measure];
  assert.ok(first !== undefined && last !== undefined);
  assert.ok(last.downloads > first.downloads && last.uploaded > first.uploaded, 'work went on');
  assert.ok(last.heap + last.external <= first.heap + first.external + SLACK.memory, 'memory');
  assert.ok(last.descriptors <= first.descriptors + SLACK.descriptors, 'descriptors');
  assert.ok(last.tasks <= first.tasks + SLACK.tasks, 'tasks');
  assert.ok(last.timers <= first.timers + SLACK.timers, 'timers');
});

function ask(child: ChildProcess, word: string): Promise<unknown> {
  child.send(word);
  return answer(child);
}

function answer(child: ChildProcess): Promise<unknown> {
  return new Promise((resolve, reject) => {
    child.once('message', resolve);
    child.once('exit', (code, signal) => reject(new Error(`the process ended: ${code ?? signal}`)));
  });
}

function sleep(delay: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, delay));
}

function tableOf(measures: readonly { readonly minute: number; readonly measure: Measure }[]): string {
  const mebi = (bytes: number): string => (bytes / MiB).toFixed(1);
  const rows = measures.map(({ minute, measure: m }) =>
    [
      minute,
      mebi(m.heap),
      mebi(m.external),
      mebi(m.resident),
      m.descriptors,
      m.tasks,
      m.timers,
      m.downloads,
      mebi(m.uploaded),
    ].join(' | '),
  );
  const head =
    'minute | heap, MiB | external, MiB | resident, MiB | descriptors | tasks | timers | downloads | uploaded, MiB';
  const refusals = Object.entries(measures.at(-1)?.measure.refusals ?? {}).map(([code, count]) => `${code} ${count}`);
  return `| ${head} |\n|${' --- |'.repeat(9)}\n${rows.map((row) => `| ${row} |`).join('\n')}\nrefused: ${refusals.join(', ')}\n`;
}
