/** A download is interrupted while another thread than the one that writes judges its pieces. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cutAndGoOn, type Form, record } from '../support/disk/power-cut-runs.js';
import { seededRandom } from '../support/simulation/seeded-random.js';

const PLAIN: Form = { partNames: true, selects: false, version: '1' };
const FORMS = new Map<string, Form>([
  ['a plain download', PLAIN],
  ['--no-part', { ...PLAIN, partNames: false }],
  ['a plain download of version 2', { ...PLAIN, version: '2' }],
  ['a hybrid', { ...PLAIN, version: 'hybrid' }],
]);

for (const [name, form] of FORMS)
  test(`${name}: what was judged when it was interrupted is written, and written down before the journal ends`, () => {
    const random = seededRandom(5);
    let believed = 0;
    for (let interruptAt = 100; interruptAt < 1_000; interruptAt += 40) {
      const options = { judge: 'other', judgeTime: () => 1_000, pace: 20, inBlocks: 1_000_000, interruptAt } as const;
      const recorded = record(form, random, options);
      const next = cutAndGoOn(recorded, recorded.run.disk.events.length, 'kept', random).run;
      const named = new Set([...next.belief.believed, ...next.belief.doubted]);
      const unnamed = next.verified.filter((piece) => !named.has(piece));
      // Whoever is interrupted before a journal is begun has none.
      if (named.size > 0) assert.deepEqual(unnamed, [], `no journal names them after an end at ${interruptAt} ms`);
      believed += named.size;
    }
    assert.ok(believed > 40, `of ${believed} believed pieces little can be learnt`);
  });
