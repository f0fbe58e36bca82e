import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { test } from 'node:test';
import { Processes, type Program } from '../../bench/harness/processes.js';

const skip = existsSync('/proc/self/stat') ? false : 'there is no /proc here';

function script(text: string): Program {
  return { command: process.execPath, args: ['-e', text] };
}

// It uses most of its time after the last sample that the bench can take, and holds 150 MiB for most of it.
const SPENDS = `
  const held = Buffer.alloc(150 << 20, 1);
  while (process.cpuUsage().user + process.cpuUsage().system < 400000) held.indexOf(2);
`;

test('the cost of a program is its processor time to the end and its highest memory', { skip }, async () => {
  const { cost } = await new Processes().run(script(SPENDS));
  assert.ok(cost.cpu >= 0.38 && cost.cpu < 5, `cpu ${cost.cpu}`);
  assert.ok(cost.wall >= 0.1, `wall ${cost.wall}`);
  assert.ok(cost.memory >= 150 && cost.memory < 400, `memory ${cost.memory}`);
});

test('the cost of programs that run together is the sum of their processor times and the highest memory', {
  skip,
}, async () => {
  const { cost, each } = await new Processes().runTogether([
    script(SPENDS),
    script(SPENDS),
    script('console.log("small")'),
  ]);
  assert.ok(cost.cpu >= 0.76, `cpu ${cost.cpu}`);
  assert.ok(cost.memory >= 150 && cost.memory < 400, `memory ${cost.memory}`);
  assert.equal(cost.wall, Math.max(...each.map(({ wall }) => wall)));
  assert.equal(each[2]?.stdout, 'small\n');
});

test('a program that fails says why', async () => {
  const fails = script('console.error("Error: no bread"); console.error("at some place"); process.exit(3)');
  await assert.rejects(new Processes().run(fails), /Error: no bread \(exit 3 of /);
  await assert.rejects(new Processes().start(fails, /never/), /Error: no bread \(exit 3 of /);
  await assert.rejects(new Processes().run({ command: '/no/such/program', args: [] }), /ENOENT/);
});
