import assert from 'node:assert/strict';
import { test } from 'node:test';
import { StallWatch } from '../../../src/cli/run/stall-watch.js';
import type { TrackerAnswer } from '../../../src/discovery/trackers/rerequester.js';
import { makeStatus } from './support/fake-session.js';

const ANSWER: TrackerAnswer = {
  url: 'http://t/a',
  ok: true,
  message: null,
  peers: 0,
  seeds: 0,
  leeches: 0,
  externalIp: null,
  next: 60,
  swarm: null,
};
const REFUSAL: TrackerAnswer = { ...ANSWER, ok: false, message: 'unregistered' };

function codesAfter(...answers: readonly TrackerAnswer[]): string {
  const watch = new StallWatch(true, {
    limits: { maxDownload: null, maxPeers: 80, encryption: 'allow' },
    dht: () => ({ use: 'off' }),
  });
  for (const answer of answers) watch.trackerAnswered(answer);
  return watch
    .reasons(makeStatus({ state: 'stalled', peers: 0 }))
    .map(({ code }) => code)
    .join();
}

test('a tracker fails when its last answer was none, and a tracker of a hybrid when it answers for neither swarm', () => {
  const failing = codesAfter(REFUSAL);
  const working = codesAfter(ANSWER);
  assert.match(failing, /trackers-failing/);
  assert.doesNotMatch(working, /trackers-failing/);
  assert.equal(codesAfter(REFUSAL, ANSWER), working);
  assert.equal(codesAfter(ANSWER, REFUSAL), failing);
  assert.equal(codesAfter({ ...ANSWER, swarm: 'v1' }, { ...REFUSAL, swarm: 'v2' }), working);
  assert.equal(codesAfter({ ...REFUSAL, swarm: 'v1' }, { ...ANSWER, swarm: 'v2' }), working);
  assert.equal(codesAfter({ ...REFUSAL, swarm: 'v1' }, { ...REFUSAL, swarm: 'v2' }), failing);
});
