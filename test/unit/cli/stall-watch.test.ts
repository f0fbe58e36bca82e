import assert from 'node:assert/strict';
import { test } from 'node:test';
import { StallWatch } from '../../../src/cli/run/stall-watch.js';
import type { TrackerAnswer } from '../../../src/discovery/trackers/rerequester.js';
import { TRACKER_ANSWER, TRACKER_REFUSAL } from '../../support/fakes/fake-tracker.js';
import { makeStatus } from './support/fake-session.js';

test('a download whose time is over says that the limit held it back, though data came', () => {
  const watch = new StallWatch(true, {
    limits: { maxDownload: 5_120, maxPeers: 80, encryption: 'allow', proxies: { proxy: null, httpProxies: null } },
    dht: () => ({ use: 'off' }),
    proxyTrouble: () => null,
  });
  const reason = (limited: boolean) => watch.reasonAtEnd(makeStatus({ downloaded: 1, limited }), 0);
  assert.match(reason(true)?.message ?? '', /^--max-download holds it back/);
  assert.equal(reason(false), undefined);
});

function codesAfter(...answers: readonly TrackerAnswer[]): string {
  const watch = new StallWatch(true, {
    limits: { maxDownload: null, maxPeers: 80, encryption: 'allow', proxies: { proxy: null, httpProxies: null } },
    dht: () => ({ use: 'off' }),
    proxyTrouble: () => null,
  });
  for (const answer of answers) watch.trackerAnswered(answer);
  return watch
    .reasons(makeStatus({ state: 'stalled', peers: 0 }))
    .map(({ code }) => code)
    .join();
}

test('a tracker fails when its last answer was none, and a tracker of a hybrid when it answers for neither swarm', () => {
  const failing = codesAfter(TRACKER_REFUSAL);
  const working = codesAfter(TRACKER_ANSWER);
  assert.match(failing, /trackers-failing/);
  assert.doesNotMatch(working, /trackers-failing/);
  assert.equal(codesAfter(TRACKER_REFUSAL, TRACKER_ANSWER), working);
  assert.equal(codesAfter(TRACKER_ANSWER, TRACKER_REFUSAL), failing);
  assert.equal(codesAfter({ ...TRACKER_ANSWER, swarm: 'v1' }, { ...TRACKER_REFUSAL, swarm: 'v2' }), working);
  assert.equal(codesAfter({ ...TRACKER_REFUSAL, swarm: 'v1' }, { ...TRACKER_ANSWER, swarm: 'v2' }), working);
  assert.equal(codesAfter({ ...TRACKER_REFUSAL, swarm: 'v1' }, { ...TRACKER_REFUSAL, swarm: 'v2' }), failing);
});
