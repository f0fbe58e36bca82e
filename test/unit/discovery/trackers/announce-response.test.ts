import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type Encodable, encodeBencode } from '../../../../src/bencode/encode.js';
import { decodeAnnounceResponse } from '../../../../src/discovery/trackers/announce-response.js';
import { hasCorpus, readCorpus } from '../../../support/corpus.js';
import { answer } from '../../../support/fakes/fake-tracker.js';

function decoded(fields: Record<string, Encodable>) {
  return asIfFromNobody(decodeAnnounceResponse(encodeBencode(new Map(Object.entries(fields)))));
}

/** `from` is not in the bytes of an answer. */
function asIfFromNobody(outcome: ReturnType<typeof decodeAnnounceResponse>) {
  return outcome.ok ? { ...outcome, from: null } : outcome;
}

function peersOf(fields: Record<string, Encodable>): string[] {
  const outcome = decoded(fields);
  assert.ok(outcome.ok);
  return outcome.response.peers.map(({ host, port, peerId }) => `${host} ${port} ${peerId?.toString() ?? '-'}`);
}

const hex = (digits: string) => Buffer.from(digits.replaceAll(' ', ''), 'hex');

test('an answer is read whole', () => {
  assert.deepEqual(
    decoded({
      interval: 900,
      'min interval': 300,
      complete: 5,
      incomplete: 7,
      'warning message': 'slow down',
      'tracker id': hex('00ff41'),
      peers: hex('c0000201 1ae1'),
      peers6: hex('20010db8000000000000000000000001 1ae2'),
    }),
    answer({
      interval: 900,
      minInterval: 300,
      seeds: 5,
      leeches: 7,
      warning: 'slow down',
      trackerId: '\u0000ÿA',
      peers: [
        { host: '192.0.2.1', port: 6881, peerId: null },
        { host: '2001:db8::1', port: 6882, peerId: null },
      ],
    }),
  );
  assert.deepEqual(decoded({}), answer());
});

test('peers as dictionaries: names, nonsense and impossible ports are left out', () => {
  const peer = (fields: Record<string, Encodable>) => new Map(Object.entries(fields));
  const id = '-XX0001-123456789012';
  assert.deepEqual(
    peersOf({
      peers: [
        peer({ ip: '192.0.2.1', port: 1, 'peer id': id }),
        peer({ ip: '192.0.2.2', port: 65_535, 'peer id': 'short' }),
        peer({ ip: '192.0.2.1', port: 1 }),
        peer({ ip: '::ffff:192.0.2.3', port: 3 }),
        peer({ ip: '2001:0DB8::0:1', port: 4 }),
        peer({ ip: 'peer.example', port: 5 }),
        peer({ ip: '192.0.2.4', port: 0 }),
        peer({ ip: '192.0.2.4', port: -1 }),
        peer({ ip: '192.0.2.4', port: 65_536 }),
        peer({ ip: '192.0.2.4', port: '80' }),
        peer({ ip: '0.0.0.0', port: 6 }),
        peer({ ip: '224.0.0.1', port: 6 }),
        peer({ ip: hex('c0000205'), port: 6 }),
        peer({ port: 7 }),
        peer({ ip: '192.0.2.4' }),
        'text',
        7,
        [],
      ],
    }),
    [`192.0.2.1 1 ${id}`, '192.0.2.2 65535 -', '192.0.2.3 3 -', '2001:db8::1 4 -'],
  );
});

test('compact peers: port 0 is left out, and so is a rest that is no whole peer', () => {
  assert.deepEqual(peersOf({ peers: hex('c0000201 0000 c0000202 0001 c00002') }), ['192.0.2.2 1 -']);
  assert.deepEqual(
    peersOf({ peers6: Buffer.concat([hex('20010db8000000000000000000000001 0001'), Buffer.alloc(17)]) }),
    ['2001:db8::1 1 -'],
  );
  assert.deepEqual(peersOf({ peers: 5, peers6: ['x'] }), []);
});

test('of a hundred thousand peers two hundred are kept', () => {
  const compact = Buffer.alloc(600_000);
  for (let index = 0; index < 100_000; index += 1) compact.writeUIntBE(0x0a0000000001 + index * 65_536, index * 6, 6);
  assert.equal(peersOf({ peers: compact }).length, 200);
});

test('intervals are brought within bounds', () => {
  const intervals = (fields: Record<string, Encodable>) => {
    const outcome = decoded(fields);
    return outcome.ok ? [outcome.response.interval, outcome.response.minInterval] : [];
  };
  assert.deepEqual(intervals({ interval: -1 }), [1800, null]);
  assert.deepEqual(intervals({ interval: 0, 'min interval': 0 }), [1800, null]);
  assert.deepEqual(intervals({ interval: 1, 'min interval': -5 }), [60, null]);
  assert.deepEqual(intervals({ interval: 2 ** 31, 'min interval': 2 ** 40 }), [86_400, 86_400]);
  assert.deepEqual(intervals({ interval: 2n ** 63n, 'min interval': 'x' }), [1800, null]);
  assert.deepEqual(intervals({ interval: '900' }), [1800, null]);
  assert.deepEqual(intervals({ interval: 100, 'min interval': 400 }), [400, 400]);
});

test('a failure reason is told without characters that harm a terminal, at most 1 KiB of it', () => {
  assert.deepEqual(decoded({ 'failure reason': '\u001b[31munregistered\r\ntorrent', peers: '' }), {
    ok: false,
    code: 'refused',
    message: '[31munregistered torrent',
  });
  assert.deepEqual(decoded({ 'failure reason': 5 }), {
    ok: false,
    code: 'refused',
    message: 'the tracker refused without a reason',
  });
  const long = decoded({ 'failure reason': 'é'.repeat(50_000) });
  assert.ok(!long.ok && Buffer.byteLength(long.message) === 1024);
});

test('a refusal may say when to try again', () => {
  const retryAfter = (value: Encodable) => {
    const outcome = decoded({ 'failure reason': 'busy', 'retry in': value });
    return outcome.ok ? 'ok' : outcome.retryAfter;
  };
  const values = [5, 1e9, 2n ** 62n, '20', ' 20 ', '1'.repeat(19), 'never', 'Never', 0, -5, '0', '-5', '1.5', 'x', ''];
  const never = Number.POSITIVE_INFINITY;
  const none = Array.from({ length: 7 }, () => undefined);
  assert.deepEqual(values.map(retryAfter), [300, 86_400, 86_400, 1200, 1200, 86_400, never, never, ...none]);
});

test('a refusal may say when the next announce is due, within a day', () => {
  const interval = (fields: Record<string, Encodable>) => {
    const outcome = decoded({ 'failure reason': 'not here', ...fields });
    return outcome.ok ? 'ok' : outcome.interval;
  };
  assert.equal(interval({ interval: 7200, 'min interval': 300 }), 7200);
  assert.equal(interval({ interval: 60, 'min interval': 7200 }), 7200);
  assert.equal(interval({ 'min interval': 7200 }), 7200);
  assert.equal(interval({ interval: 2n ** 62n }), 86_400);
  assert.equal(interval({ interval: -1, 'min interval': 'x' }), undefined);
  assert.equal(interval({}), undefined);
});

test('a warning is cleaned and cut, counts are numbers, and a tracker id of a megabyte is not kept', () => {
  assert.deepEqual(
    decoded({ 'warning message': '\u0007!', complete: -1, incomplete: 'x', 'tracker id': Buffer.alloc(1 << 20) }),
    answer({ warning: '!' }),
  );
});

test('bytes that are no answer are reported as a bad answer', () => {
  const messages = ['', '<html>', 'i5e', 'le', 'd8:intervali5e', `${'l'.repeat(200)}`].map((body) => {
    const outcome = decodeAnnounceResponse(Buffer.from(body));
    return outcome.ok ? 'ok' : `${outcome.code}: ${outcome.message.replace(/not bencoded: .*/, 'not bencoded')}`;
  });
  assert.deepEqual(messages, [
    'bad-answer: the answer is not bencoded',
    'bad-answer: the answer is not bencoded',
    'bad-answer: the answer is not a dictionary',
    'bad-answer: the answer is not a dictionary',
    'bad-answer: the answer is not bencoded',
    'bad-answer: the answer is not bencoded',
  ]);
});

test('keys out of order and bytes after the answer are accepted, because trackers send them', () => {
  const bytes = Buffer.from('d5:peers0:8:intervali0900ee\r\n');
  assert.deepEqual(asIfFromNobody(decodeAnnounceResponse(bytes)), answer({ interval: 900 }));
});

test('our address as the tracker sees it is read from 4 or 16 bytes, if a host can have it', () => {
  const externalIp = (value: Encodable) => {
    const outcome = decoded({ 'external ip': value });
    return outcome.ok ? outcome.response.externalIp : 'refused';
  };
  const rows: readonly [Encodable, string | null][] = [
    [hex('c0000201'), '192.0.2.1'],
    [hex('20010db8000000000000000000000001'), '2001:db8::1'],
    [hex('00000000000000000000ffffc0000201'), '192.0.2.1'],
    [hex('00000000'), null],
    [hex('e0000001'), null],
    [hex('c00002'), null],
    ['192.0.2.1', null],
    [5, null],
  ];
  for (const [value, text] of rows) assert.equal(externalIp(value), text);
});

test('the answers in another client’s tests are read as it reads them', { skip: !hasCorpus('tracker answers') }, () => {
  const { http_tracker_responses: section } = JSON.parse(readCorpus('vectors/more-vectors.json').toString());
  let compared = 0;
  for (const vector of section.vectors) {
    const outcome = decodeAnnounceResponse(Buffer.from(vector.hex, 'hex'));
    if ('failure' in vector) assert.deepEqual(outcome, { ok: false, code: 'refused', message: vector.failure });
    else {
      assert.ok(outcome.ok);
      const { peers, externalIp, warning } = outcome.response;
      // We do not look names up, and we keep the whole peers of a broken list.
      const named = (vector.peers ?? []).filter(([host]: [string]) => /^[0-9a-f.:]+$/.test(host));
      if (!('error' in vector))
        assert.deepEqual(
          peers.map(({ host, port }) => [host, port]),
          named,
        );
      assert.equal(externalIp, vector.external_ip ?? null);
      assert.equal(warning, vector.warning ?? null);
    }
    compared += 1;
  }
  assert.ok(compared >= 10);
});

test('no answer, random or mutated, makes the reader throw', () => {
  const valid = encodeBencode(
    new Map<string, Encodable>([
      ['interval', 900],
      ['min interval', 300],
      ['tracker id', 'id'],
      ['warning message', 'w'],
      [
        'peers',
        [
          new Map<string, Encodable>([
            ['ip', '192.0.2.1'],
            ['port', 1],
            ['peer id', 'x'.repeat(20)],
          ]),
        ],
      ],
      ['peers6', Buffer.alloc(36, 1)],
    ]),
  );
  const mutated = fc
    .array(fc.tuple(fc.nat(valid.length - 1), fc.nat(255)), { minLength: 1, maxLength: 5 })
    .map((changes) => {
      const bytes = Buffer.from(valid);
      for (const [at, byte] of changes) bytes[at] = byte;
      return bytes;
    });
  const random = fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes));
  fc.assert(
    fc.property(fc.oneof(random, mutated), (body) => {
      const outcome = decodeAnnounceResponse(body);
      if (!outcome.ok) return;
      const { interval, minInterval, peers } = outcome.response;
      assert.ok(interval >= 60 && interval <= 86_400 && (minInterval ?? 1) <= interval);
      for (const { port } of peers) assert.ok(port >= 1 && port <= 65_535);
    }),
    { numRuns: 1000 },
  );
});
