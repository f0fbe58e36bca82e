import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ConnectionIds } from '../../../src/tracker/connection-ids.js';
import { seededRandom } from '../../support/simulation/seeded-random.js';
import { Timeline } from '../../support/simulation/timeline.js';

const SECOND = 1000;

test('an id proves the address that it was given to for two minutes, and not much longer', () => {
  for (const start of [0, 7, 2_555, 2_560, 100_000_000]) {
    const timeline = new Timeline();
    timeline.run(start * SECOND);
    const ids = new ConnectionIds(timeline, seededRandom(1));
    const id = ids.issue('192.0.2.1');
    assert.equal(id.length, 8);
    assert.ok(ids.proves(id, '192.0.2.1'));
    assert.ok(!ids.proves(id, '192.0.2.2'));
    assert.ok(!ids.proves(id, '2001:db8::1'));
    timeline.run(120 * SECOND);
    assert.ok(ids.proves(id, '192.0.2.1'), `from ${start}`);
    timeline.run(10 * SECOND);
    assert.ok(!ids.proves(id, '192.0.2.1'), `from ${start}`);
    // When the eight bits of time have wrapped, it looks young again.
    timeline.run(2_430 * SECOND);
    assert.ok(!ids.proves(id, '192.0.2.1'), `from ${start}`);
  }
});

test('an id of another run of the tracker, or with a changed bit, proves nothing', () => {
  const timeline = new Timeline();
  const ids = new ConnectionIds(timeline, seededRandom(1));
  const id = ids.issue('192.0.2.1');
  assert.ok(!new ConnectionIds(timeline, seededRandom(2)).proves(id, '192.0.2.1'));
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 8, maxLength: 8 }), (guess) => {
      assert.equal(ids.proves(Buffer.from(guess), '192.0.2.1'), id.equals(guess));
    }),
  );
  for (let bit = 0; bit < 64; bit += 1) {
    const changed = Buffer.from(id);
    changed.writeUInt8(changed.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
    assert.ok(!ids.proves(changed, '192.0.2.1'));
  }
});
