import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compete } from '../../bench/harness/compete.js';
import { Processes } from '../../bench/harness/processes.js';
import type { Contestant, Row } from '../../bench/row.js';

function row(contestants: readonly Contestant[]): Row {
  return { title: '', metrics: [], contestants, goals: [] };
}

test('contestants run in turn, and one that fails runs no more while the others go on', async () => {
  const log: string[] = [];
  const contestant = (name: string, failsInRun: number): Contestant => {
    let runs = 0;
    return {
      name,
      async measure() {
        log.push(name);
        runs += 1;
        if (runs === failsInRun) throw new Error(`${name} broke`);
        return { wall: runs };
      },
    };
  };
  const results = await compete(row([contestant('a', 0), contestant('b', 2), contestant('c', 0)]), new Processes(), {
    runs: 3,
    timeLimit: 60,
  });
  assert.deepEqual(log, ['a', 'b', 'c', 'a', 'b', 'c', 'a', 'c']);
  assert.deepEqual(results, [
    { contestant: 'a', measurements: [{ wall: 1 }, { wall: 2 }, { wall: 3 }] },
    { contestant: 'b', measurements: [{ wall: 1 }], failure: 'b broke' },
    { contestant: 'c', measurements: [{ wall: 1 }, { wall: 2 }, { wall: 3 }] },
  ]);
});

test('a run that hangs is ended with its programs, and earlier programs go on', async () => {
  const processes = new Processes();
  const forever = { command: process.execPath, args: ['-e', 'console.log("up"); setInterval(() => {}, 1e9)'] };
  const { running } = await processes.start(forever, /up/);
  const hangs: Contestant = { name: 'hangs', measure: async () => (await processes.run(forever)).cost };
  const [result] = await compete(row([hangs]), processes, { runs: 2, timeLimit: 0.1 });
  assert.deepEqual(result, { contestant: 'hangs', measurements: [], failure: 'hung: not done after 0.1 s' });
  assert.deepEqual([...processes.living()], [running]);
  await running.end();
  assert.equal(processes.living().size, 0);
});
