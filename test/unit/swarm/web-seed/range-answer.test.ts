import assert from 'node:assert/strict';
import { describe, it, test } from 'node:test';
import type { RangeHead } from '../../../../src/swarm/web-seed/fetch-range.js';
import { faultOfEnd, judgeHead, parseContentRange } from '../../../../src/swarm/web-seed/range-answer.js';
import { seededRandom } from '../../../support/simulation/seeded-random.js';

const MIB = 1024 * 1024;
const ASKED = { begin: 4 * MIB, end: 5 * MIB, length: 20 * MIB };
const RANGE = `bytes ${4 * MIB}-${5 * MIB - 1}/${20 * MIB}`;
const HEAD: RangeHead = {
  host: 'a.test:80',
  status: 206,
  contentRange: RANGE,
  contentLength: MIB,
  contentEncoding: null,
  retryAfter: null,
};

/** What an answer is taken for, in words. */
function verdict(head: Partial<RangeHead>, asked = ASKED): string {
  const judged = judgeHead({ ...HEAD, ...head }, asked);
  const end = head.status === 200 ? asked.length : asked.end;
  if (judged.kind === 'body')
    return judged.end === end ? `skip ${judged.skip}` : `skip ${judged.skip}, up to ${judged.end}`;
  if (judged.kind === 'no-ranges') return judged.kind;
  return `${judged.fault.of} ${judged.fault.wait}`;
}

/** Why an answer is not taken. */
function reason(head: Partial<RangeHead>): string {
  const judged = judgeHead({ ...HEAD, ...head }, ASKED);
  return judged.kind === 'fault' ? judged.fault.message : judged.kind;
}

describe('the head of an answer', () => {
  it('of 206 must be our range of a file of our length', () => {
    assert.equal(verdict({}), 'skip 0');
    assert.equal(verdict({ contentLength: null }), 'skip 0');
    assert.equal(verdict({ contentRange: RANGE.replace(/\d+$/, '*') }), 'skip 0');
    assert.equal(verdict({ contentEncoding: 'identity' }), 'skip 0');
    for (const contentRange of [
      null,
      'bytes',
      `bytes 0-${MIB - 1}/${20 * MIB}`,
      `bytes ${4 * MIB}-${5 * MIB}/${20 * MIB}`,
      `bytes ${4 * MIB + 1}-${5 * MIB - 1}/${20 * MIB}`,
    ])
      assert.equal(verdict({ contentRange }), 'file doubling', String(contentRange));
    assert.equal(verdict({ contentRange: RANGE.replace(/\d+$/, `${21 * MIB}`) }), 'file doubling');
    assert.equal(verdict({ contentLength: MIB + 1 }), 'file doubling');
  });

  it('that is labelled as packed is taken when its lengths are those of the file itself', () => {
    const unknown = RANGE.replace(/\d+$/, '*');
    const other = RANGE.replace(/\d+$/, `${20 * MIB - 1}`);
    const whole = { status: 200, contentRange: null, contentLength: ASKED.length };
    const fromBegin = { ...ASKED, begin: 0 };
    for (const contentEncoding of ['gzip', 'x-gzip', 'br', 'gzip, identity']) {
      assert.equal(verdict({ contentEncoding }), 'skip 0', contentEncoding);
      assert.equal(verdict({ contentEncoding, contentLength: null }), 'skip 0', contentEncoding);
      assert.equal(verdict({ ...whole, contentEncoding }, fromBegin), 'skip 0', contentEncoding);
      for (const head of [
        { contentRange: unknown },
        { contentRange: other },
        { contentRange: null },
        { contentLength: MIB - 1 },
        { ...whole, contentLength: ASKED.length - 1 },
        { ...whole, contentLength: null },
      ])
        assert.match(reason({ ...head, contentEncoding }), /^the answer is packed/, JSON.stringify(head));
    }
  });

  it('of 206 may be the begin of our range alone', () => {
    const part = (last: number): Partial<RangeHead> => ({
      contentRange: `bytes ${4 * MIB}-${last}/${20 * MIB}`,
      contentLength: last + 1 - 4 * MIB,
    });
    for (const last of [4 * MIB, 4 * MIB + 99_999, 5 * MIB - 2]) {
      assert.equal(verdict(part(last)), `skip 0, up to ${last + 1}`);
      assert.equal(verdict({ ...part(last), contentLength: null }), `skip 0, up to ${last + 1}`);
      assert.equal(verdict({ ...part(last), contentLength: MIB }), 'file doubling');
      const ofAnother = `bytes ${4 * MIB}-${last}/${21 * MIB}`;
      assert.equal(verdict({ ...part(last), contentRange: ofAnother }), 'file doubling');
    }
  });

  it('of 200 is the whole file, of which little may be dropped', () => {
    const whole = { status: 200, contentRange: null, contentLength: ASKED.length };
    assert.equal(verdict(whole, { ...ASKED, begin: 0 }), 'skip 0');
    assert.equal(verdict(whole, { ...ASKED, begin: 2 * MIB }), `skip ${2 * MIB}`);
    assert.equal(verdict(whole, { ...ASKED, begin: 2 * MIB + 1 }), 'no-ranges');
    assert.equal(
      verdict({ ...whole, contentLength: MIB }, { begin: MIB - 1, end: MIB, length: MIB }),
      `skip ${MIB - 1}`,
    );
    assert.equal(verdict({ ...whole, contentLength: 1234 }, { ...ASKED, begin: 0 }), 'file doubling');
    assert.equal(verdict({ ...whole, contentLength: null }, { ...ASKED, begin: 0 }), 'skip 0');
  });

  it('of another status costs the file or the server a wait', () => {
    const rows: readonly [number, number | null, string][] = [
      [404, null, 'file doubling'],
      [410, null, 'file doubling'],
      [416, null, 'file doubling'],
      [401, null, 'file null'],
      [403, null, 'file null'],
      [429, 5, 'seed 5000'],
      [503, 7200, 'seed 3600000'],
      [503, 0, 'seed 1000'],
      [503, null, 'seed doubling'],
      [500, null, 'seed doubling'],
      [302, null, 'file doubling'],
      [418, null, 'file doubling'],
    ];
    for (const [status, retryAfter, expected] of rows)
      assert.equal(verdict({ status, retryAfter }), expected, String(status));
  });
});

test('a fetch without a head costs a wait, long for a name that is not known, and nothing when our way is at fault', () => {
  const seen = (kind: Parameters<typeof faultOfEnd>[0]['kind']): string => {
    const { of, wait } = faultOfEnd({ host: 'a.test:80', kind, message: '' });
    return `${of} ${wait}`;
  };
  assert.equal(seen('no-host'), 'seed 1800000');
  assert.equal(seen('no-answer'), 'seed doubling');
  assert.equal(seen('no-proxy'), 'way 30000');
  assert.equal(seen('unreachable'), 'seed doubling');
  assert.equal(seen('cut'), 'seed doubling');
  assert.equal(seen('bad-answer'), 'file doubling');
  assert.equal(seen('forbidden'), 'file null');
});

test('a Content-Range is read when it is one, whatever else it may be', () => {
  assert.deepEqual(parseContentRange('bytes 0-0/1'), { begin: 0, end: 1, length: 1 });
  assert.deepEqual(parseContentRange('Bytes 5-9/*'), { begin: 5, end: 10, length: null });
  for (const text of [
    '',
    'bytes */10',
    'bytes 5-4/10',
    'bytes 0-10/10',
    'bytes -1-4/10',
    'items 0-1/2',
    'bytes 0-1/2, 3-4/5',
  ])
    assert.equal(parseContentRange(text), null, text);
  const random = seededRandom(1);
  for (let turn = 0; turn < 2_000; turn += 1) {
    const begin = random.below(1_000_000);
    const end = begin + 1 + random.below(1_000_000);
    const length = end + random.below(10);
    const text = `bytes ${begin}-${end - 1}/${length}`;
    assert.deepEqual(parseContentRange(text), { begin, end, length });
    const place = random.below(text.length);
    const changed = text.slice(0, place) + String.fromCharCode(32 + random.below(95)) + text.slice(place + 1);
    const read = parseContentRange(changed);
    if (read !== null) assert.ok(read.begin < read.end && (read.length === null || read.end <= read.length), changed);
  }
});
