import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Connection } from '../../../../src/swarm/connections/connection.js';
import { Probation } from '../../../../src/swarm/connections/probation.js';
import { Timeline } from '../../../support/simulation/timeline.js';

/** A connection on probation, and how many frames the side above has heard over it. */
function onProbation() {
  const timeline = new Timeline();
  const heard = { frames: 0 };
  const probation = new Probation(timeline, (_connection, frames) => {
    heard.frames += frames.length;
  });
  const connection = {} as Connection;
  probation.begin(connection);
  return { timeline, heard, probation, connection };
}

describe('a connection on probation', () => {
  it('passes after two seconds, and the side above hears what its peer has said', () => {
    const { timeline, heard, probation, connection } = onProbation();
    for (let count = 0; count < 100; count += 1) assert.ok(probation.keeps(connection, Buffer.alloc(5)));
    timeline.run(1_900);
    assert.deepEqual([probation.has(connection), heard.frames], [true, 0]);
    timeline.run(200);
    assert.deepEqual([probation.has(connection), heard.frames], [false, 100]);
  });

  it('keeps no more than a thousand short frames for one task', () => {
    const { heard, probation, connection } = onProbation();
    let kept = 0;
    while (kept < 100_000 && probation.keeps(connection, Buffer.alloc(1))) kept += 1;
    assert.equal(heard.frames, kept);
    assert.ok(kept <= 1_100, `${kept}`);
  });
});
