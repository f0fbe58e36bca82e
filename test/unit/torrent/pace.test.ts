import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Pace } from '../../../src/torrent/pace.js';

test('a download has stalled after 10 s without peers and 30 s with peers, and a byte restarts the time', () => {
  const pace = new Pace(0);
  const totals = { downloaded: 0, uploaded: 0 };
  const seen: string[] = [];
  for (let now = 0; now <= 60_000; now += 5000) {
    pace.rates({ ...totals, downloaded: now >= 35_000 ? 1 : 0 }, now);
    seen.push(`${now / 1000} ${pace.isStalled(true, now)} ${pace.isStalled(false, now)}`);
  }
  assert.deepEqual(seen, [
    '0 false false',
    '5 false false',
    '10 true false',
    '15 true false',
    '20 true false',
    '25 true false',
    '30 true true',
    '35 false false',
    '40 false false',
    '45 true false',
    '50 true false',
    '55 true false',
    '60 true false',
  ]);
  assert.deepEqual(pace.rates({ downloaded: 1, uploaded: 1000 }, 61_000), { downRate: 0, upRate: 1000 / 6 });
});

test('a download is silent when nothing has come for 5 s, and the rate is zero from then on', () => {
  const pace = new Pace(0);
  const seen: string[] = [];
  for (let now = 0; now <= 14_000; now += 1000) {
    const { downRate } = pace.rates({ downloaded: now >= 8000 ? 2 : now >= 2000 ? 1 : 0, uploaded: now }, now);
    seen.push(`${now / 1000} ${pace.isSilent(now)} ${downRate > 0}`);
  }
  assert.deepEqual(seen, [
    ...['0 false false', '1 false false', '2 false true', '3 false true', '4 false true', '5 false true'],
    ...['6 false true', '7 true false', '8 false true', '9 false true', '10 false true', '11 false true'],
    ...['12 false true', '13 true false', '14 true false'],
  ]);
});
