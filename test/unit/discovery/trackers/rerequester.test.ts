import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Random } from '../../../../src/base/random.js';
import {
  type AnnounceReport,
  DEFAULT_REREQUESTER_OPTIONS,
  Rerequester,
} from '../../../../src/discovery/trackers/rerequester.js';
import type { AnnounceOutcome, AnnounceRequest } from '../../../../src/discovery/trackers/tracker-client.js';
import type { AddressSource } from '../../../../src/net/reach-rule.js';
import { answer, DOWN, FakeTrackers } from '../../../support/fakes/fake-tracker.js';
import { seededRandom } from '../../../support/simulation/seeded-random.js';
import { Timeline } from '../../../support/simulation/timeline.js';
import { byUser } from '../../../support/sourced-url.js';

const INFO_HASH = Buffer.alloc(20, 1);
const PEER_ID = Buffer.from('-BG0001-abcdefghijkl');
const SECOND = 1000;
const HOUR = 3600 * SECOND;
const NO_JITTER: Random = { below: () => 0, bytes: (length) => Buffer.alloc(length) };

interface Setting {
  readonly tiers?: string[][];
  readonly behave?: (request: AnnounceRequest, now: number) => AnnounceOutcome | null;
  readonly delay?: number;
  readonly random?: Random;
  connections?: number;
  everIncoming?: boolean;
  left?: number;
  /** Called with each answer, so that a test can act within the call as a torrent might. */
  answered?: (answer: AnnounceReport) => void;
}

function setUp(setting: Setting) {
  const timeline = new Timeline();
  const log: string[] = [];
  const peers: string[] = [];
  const sources: AddressSource[] = [];
  const seen: string[] = [];
  const answers: AnnounceReport[] = [];
  const behave = setting.behave ?? (() => answer());
  const trackers = new FakeTrackers(
    timeline,
    (request) => {
      log.push(`${Math.round(timeline.now() / SECOND)} ${request.url} ${request.event ?? '-'}`);
      return behave(request, timeline.now());
    },
    setting.delay ?? 0,
  );
  const rerequester = new Rerequester(
    {
      infoHash: INFO_HASH,
      peerId: PEER_ID,
      port: 6881,
      encryption: 'none',
      tiers: (setting.tiers ?? [['a']]).map((tier) => tier.map(byUser)),
    },
    {
      timers: timeline,
      random: setting.random ?? seededRandom(1),
      client: trackers,
      howManyConnections: () => setting.connections ?? 30,
      everIncoming: () => setting.everIncoming ?? false,
      totals: () => ({ uploaded: 10, downloaded: 20, left: setting.left ?? 30 }),
      startConnection: (address, source, peerId) => {
        sources.push(source);
        peers.push(`${address.host}:${address.port} ${peerId?.toString('latin1') ?? '-'}`);
      },
      seenAt: (host, teller) => seen.push(`${host} by ${teller}`),
      trackerAnswered: (given) => {
        answers.push(given);
        setting.answered?.(given);
      },
    },
    DEFAULT_REREQUESTER_OPTIONS,
  );
  return { timeline, trackers, rerequester, log, peers, sources, seen, answers };
}

test('started is said once, then plain announces at the tracker’s interval', () => {
  const { timeline, rerequester, log, trackers } = setUp({ behave: () => answer({ interval: 1000 }) });
  rerequester.begin();
  rerequester.begin();
  timeline.run(3500 * SECOND);
  assert.deepEqual(log, ['0 a started', '1000 a -', '2000 a -', '3000 a -']);
  const [first] = trackers.requests;
  assert.match(first?.key ?? '', /^[0-9a-f]{8}$/);
  assert.deepEqual(
    { ...first, url: first?.url.whole },
    {
      url: 'a',
      source: 'user',
      infoHash: INFO_HASH,
      peerId: PEER_ID,
      port: 6881,
      uploaded: 10,
      downloaded: 20,
      left: 30,
      event: 'started',
      numwant: 50,
      key: first?.key,
      trackerId: null,
      encryption: 'none',
    },
  );
});

test('the teller of an answer’s peers is the address that the answer came from', () => {
  const { timeline, rerequester, sources } = setUp({
    behave: () => answer({ peers: [{ host: '10.0.0.1', port: 1, peerId: null }] }, '10.0.0.9'),
  });
  rerequester.begin();
  timeline.run(SECOND);
  assert.deepEqual(sources, [{ kind: 'tracker', teller: '10.0.0.9' }]);
});

test('how a tracker sees us is told with the address that the answer came from, and not at all without one', () => {
  const { timeline, rerequester, seen } = setUp({
    behave: (_, now) => answer({ interval: 1000, externalIp: `8.8.8.${now / SECOND}` }, now === 0 ? '10.0.0.9' : null),
  });
  rerequester.begin();
  timeline.run(1500 * SECOND);
  assert.deepEqual(seen, ['8.8.8.0 by 10.0.0.9']);
});

test('the peers of an answer are handed on, and the answer is reported', () => {
  const peerId = Buffer.from('12345678901234567890');
  const { timeline, rerequester, peers, sources, answers } = setUp({
    tiers: [['http://user:secret@tracker.test/announce']],
    behave: () =>
      answer({
        seeds: 3,
        leeches: 4,
        externalIp: '192.0.2.1',
        warning: 'old client',
        peers: [
          { host: '10.0.0.1', port: 1, peerId: null },
          { host: '::1', port: 2, peerId },
        ],
      }),
  });
  rerequester.begin();
  timeline.run(SECOND);
  assert.deepEqual(peers, ['10.0.0.1:1 -', '::1:2 12345678901234567890']);
  const source = { kind: 'tracker', teller: 'http://tracker.test/announce' };
  assert.deepEqual(sources, [source, source]);
  assert.deepEqual(answers, [
    {
      url: 'http://tracker.test/announce',
      ok: true,
      message: 'old client',
      peers: 2,
      seeds: 3,
      leeches: 4,
      externalIp: '192.0.2.1',
      next: 1800,
    },
  ]);
});

test('with few connections it asks again every five minutes, but not before the tracker allows', () => {
  const few = setUp({ connections: 19 });
  few.rerequester.begin();
  few.timeline.run(1000 * SECOND);
  assert.deepEqual(few.log, ['0 a started', '300 a -', '600 a -', '900 a -']);

  const limited = setUp({ connections: 19, behave: () => answer({ minInterval: 700 }) });
  limited.rerequester.begin();
  limited.timeline.run(1500 * SECOND);
  assert.deepEqual(limited.log, ['0 a started', '700 a -', '1400 a -']);
});

test('a third of the peers is enough after a peer has reached us from outside', () => {
  const setting: Setting = { connections: 7, everIncoming: true };
  const { timeline, rerequester, log } = setUp(setting);
  rerequester.begin();
  timeline.run(1000 * SECOND);
  setting.connections = 6;
  timeline.run(500 * SECOND);
  assert.deepEqual(log, ['0 a started', '1200 a -', '1500 a -']);
});

test('no tracker is asked more often than once a minute', () => {
  const { timeline, rerequester, log } = setUp({
    connections: 0,
    behave: () => answer({ interval: 5, minInterval: 1 }),
  });
  rerequester.begin();
  timeline.run(200 * SECOND);
  assert.deepEqual(log, ['0 a started', '60 a -', '120 a -', '180 a -']);
});

test('with a full table it asks for no peers, nor does it with `stopped`', () => {
  const { timeline, rerequester, trackers } = setUp({ connections: 40 });
  rerequester.begin();
  timeline.run(SECOND);
  rerequester.stop(() => undefined);
  assert.deepEqual(
    trackers.requests.map(({ event, numwant }) => [event, numwant]),
    [
      ['started', 0],
      ['stopped', 0],
    ],
  );
});

test('the tracker’s id is sent back to it alone', () => {
  const { timeline, rerequester, trackers } = setUp({
    tiers: [['a'], ['b']],
    behave: ({ url }, now) =>
      url.whole === 'a' && now > SECOND ? DOWN : answer({ trackerId: url.whole === 'a' ? 'A1' : null }),
  });
  rerequester.begin();
  timeline.run(1900 * SECOND);
  assert.deepEqual(
    trackers.requests.map(({ url, trackerId }) => [url.whole, trackerId]),
    [
      ['a', null],
      ['a', 'A1'],
      ['b', null],
    ],
  );
});

test('completed is said at once, and only by a torrent that was not complete at the beginning', () => {
  const setting: Setting = {};
  const leech = setUp(setting);
  leech.rerequester.begin();
  leech.timeline.run(10 * SECOND);
  setting.left = 0;
  leech.rerequester.completed();
  leech.rerequester.completed();
  leech.timeline.run(1900 * SECOND);
  assert.deepEqual(leech.log, ['0 a started', '10 a completed', '1810 a -']);

  const seed = setUp({ left: 0 });
  seed.rerequester.begin();
  seed.timeline.run(10 * SECOND);
  seed.rerequester.completed();
  seed.timeline.run(1900 * SECOND);
  assert.deepEqual(seed.log, ['0 a started', '1800 a -']);
});

test('completed that is due during an announce follows when that is answered', () => {
  const { timeline, rerequester, log, answers } = setUp({ delay: 5 * SECOND });
  rerequester.begin();
  timeline.run(SECOND);
  rerequester.completed();
  timeline.run(100 * SECOND);
  assert.deepEqual(log, ['0 a started', '5 a completed']);
  assert.deepEqual(
    answers.map(({ next }) => next),
    [0, 1800],
  );
});

test('a tracker that did not hear started hears it later with nothing left, and no completed', () => {
  const { timeline, rerequester, log } = setUp({
    behave: (_, now) => (now < 100 * SECOND ? DOWN : answer()),
    random: NO_JITTER,
  });
  rerequester.begin();
  timeline.run(10 * SECOND);
  rerequester.completed();
  timeline.run(HOUR / 2);
  assert.deepEqual(log, ['0 a started', '50 a started', '150 a started']);
});

test('a later tier is asked only when all of an earlier one fail', () => {
  const { timeline, rerequester, log, answers } = setUp({
    tiers: [['a', 'b'], ['c'], ['d']],
    behave: ({ url }) => (url.whole === 'c' ? answer() : DOWN),
  });
  rerequester.begin();
  timeline.run(SECOND);
  assert.deepEqual(log.slice().sort(), ['0 a started', '0 b started', '0 c started']);
  assert.equal(log[2], '0 c started');
  assert.deepEqual(
    answers.map(({ ok, message, next }) => [ok, message, next]),
    [
      [false, DOWN.ok ? null : DOWN.message, null],
      [false, DOWN.ok ? null : DOWN.message, null],
      [true, null, 1800],
    ],
  );
});

test('a tracker that answered comes first in its tier from then on, and the others are not asked', () => {
  for (let seed = 0; seed < 10; seed += 1) {
    const { timeline, rerequester, log } = setUp({
      tiers: [['a', 'b', 'c']],
      behave: ({ url }) => (url.whole === 'c' ? answer() : DOWN),
      random: seededRandom(seed),
    });
    rerequester.begin();
    timeline.run(SECOND);
    assert.equal(log.pop(), '0 c started');
    log.length = 0;
    timeline.run(1800 * SECOND);
    assert.deepEqual(log, ['1800 c -']);
  }
});

test('a tracker that only wants us to wait does not make us go to the next tier', () => {
  const { timeline, rerequester, log } = setUp({
    tiers: [['a'], ['b']],
    connections: 0,
    behave: () => answer({ minInterval: 900 }),
  });
  rerequester.begin();
  timeline.run(1000 * SECOND);
  assert.deepEqual(log, ['0 a started', '900 a -']);
});

test('a day without trackers is waited out with longer and longer pauses, and the first answer ends it', () => {
  const { timeline, rerequester, log } = setUp({
    behave: (_, now) => (now > 2 * HOUR && now < 26 * HOUR ? DOWN : answer()),
    random: NO_JITTER,
  });
  rerequester.begin();
  timeline.run(27 * HOUR);
  const before = [1800, 3600, 5400, 7200];
  const outage = [9000, 9060, 9160, 9360, 9760];
  const longest = Array.from({ length: 59 }, (_, index) => 10_560 + index * 1440);
  const after = [94_080 + 1800];
  assert.equal(longest.at(-1), 94_080);
  assert.deepEqual(log, ['0 a started', ...[...before, ...outage, ...longest, ...after].map((time) => `${time} a -`)]);
});

test('pauses without trackers differ from client to client, and none is longer than half an hour', () => {
  const firsts = new Set<string>();
  for (let seed = 0; seed < 10; seed += 1) {
    const { timeline, rerequester, log } = setUp({ behave: () => DOWN, random: seededRandom(seed) });
    rerequester.begin();
    timeline.run(10 * HOUR);
    const times = log.map((line) => Number(line.split(' ')[0]));
    const pauses = times.slice(1).map((time, index) => time - (times[index] ?? 0));
    firsts.add(String(pauses[0]));
    assert.ok(pauses.every((pause, index) => pause >= Math.min(50 * 2 ** index, 1440) - 1 && pause <= 1800));
  }
  assert.ok(firsts.size > 3);
});

test('each outage begins with a short pause again', () => {
  const { timeline, rerequester, log } = setUp({
    behave: (_, now) => {
      const second = now / SECOND;
      return (second >= 1000 && second <= 1100) || second >= 2100 ? DOWN : answer({ interval: 1000 });
    },
    random: NO_JITTER,
  });
  rerequester.begin();
  timeline.run(2900 * SECOND);
  const times = log.map((line) => Number(line.split(' ')[0]));
  assert.deepEqual(times, [0, 1000, 1060, 1160, 2160, 2220, 2320, 2520]);
});

test('an event that did not reach the tracker is announced again soon, however long the interval', () => {
  const { timeline, rerequester, log } = setUp({
    behave: ({ event }, now) => (event === 'completed' && now < 100 * SECOND ? DOWN : answer()),
    random: NO_JITTER,
  });
  rerequester.begin();
  timeline.run(10 * SECOND);
  rerequester.completed();
  timeline.run(1000 * SECOND);
  assert.deepEqual(log, ['0 a started', '10 a completed', '60 a completed', '160 a completed']);
});

test('completed that is due during a failing started is not said: started is said again with nothing left', () => {
  const { timeline, rerequester, log } = setUp({
    behave: (_, now) => (now === 0 ? DOWN : answer()),
    delay: 5 * SECOND,
    random: NO_JITTER,
  });
  rerequester.begin();
  timeline.run(SECOND);
  rerequester.completed();
  timeline.run(1000 * SECOND);
  assert.deepEqual(log, ['0 a started', '55 a started']);
});

test('in another network the trackers that failed are asked at once, and those that answered hear where we are', () => {
  const down = setUp({
    tiers: [['a'], ['b']],
    behave: (_, now) => (now < 3 * HOUR ? DOWN : answer()),
    random: NO_JITTER,
  });
  down.rerequester.begin();
  down.timeline.run(3 * HOUR);
  down.log.length = 0;
  down.rerequester.networkChanged();
  down.timeline.run(SECOND);
  assert.deepEqual(down.log, ['10800 a started']);

  const up = setUp({ tiers: [['a'], ['b']] });
  up.rerequester.begin();
  up.timeline.run(900 * SECOND);
  up.rerequester.networkChanged();
  up.timeline.run(2000 * SECOND);
  assert.deepEqual(up.log, ['0 a started', '900 a -', '2700 a -']);
});

test('in another network no tracker is asked before its time, nor a later one for that reason', () => {
  const healthy = setUp({ tiers: [['a'], ['b']], connections: 0, behave: () => answer({ minInterval: 900 }) });
  const refusing = setUp({ behave: (_, now) => (now === 0 ? refused({ interval: 7200 }) : answer()) });
  const silenced = setUp({
    tiers: [['a'], ['b']],
    behave: ({ url }, now) => (url.whole === 'a' && now === 0 ? refused({ retryAfter: 3000 }) : answer()),
  });
  const failing = setUp({ behave: (_, now) => (now === 0 ? answer({ interval: 60 }) : DOWN), random: NO_JITTER });
  for (const { rerequester, timeline } of [healthy, refusing, silenced, failing]) {
    rerequester.networkChanged();
    rerequester.begin();
    for (let minute = 0; minute < 5; minute += 1) {
      timeline.run(20 * SECOND);
      rerequester.networkChanged();
      timeline.run(40 * SECOND);
    }
  }
  const eachMinute = (tracker: string) => [60, 120, 180, 240, 300].map((time) => `${time} ${tracker} -`);
  assert.deepEqual(healthy.log, ['0 a started']);
  assert.deepEqual(refusing.log, ['0 a started']);
  assert.deepEqual(silenced.log, ['0 a started', '0 b started', ...eachMinute('b')]);
  assert.deepEqual(failing.log, ['0 a started', ...eachMinute('a')]);
  healthy.timeline.run(700 * SECOND);
  refusing.timeline.run(7000 * SECOND);
  assert.deepEqual(healthy.log, ['0 a started', '900 a -']);
  assert.deepEqual(refusing.log, ['0 a started', '7200 a started']);
});

test('in another network an announce that is under way is waited for, and sent again soon when it fails', () => {
  const { timeline, rerequester, log } = setUp({ behave: () => DOWN, delay: 30 * SECOND, random: NO_JITTER });
  rerequester.begin();
  timeline.run(3 * HOUR);
  const count = log.length;
  timeline.runUntil(() => log.length > count, HOUR);
  const asked = timeline.now() / SECOND;
  rerequester.networkChanged();
  timeline.run(100 * SECOND);
  assert.deepEqual(log.slice(count), [`${asked} a started`, `${asked + 80} a started`]);
  rerequester.stop(() => undefined);
  rerequester.networkChanged();
  timeline.run(HOUR);
  assert.equal(timeline.pending, 0);
});

test('Retry-After is waited for, even by started', () => {
  const { timeline, rerequester, log } = setUp({
    behave: (_, now) => (now === 0 ? { ok: false, code: 'bad-answer', message: '503', retryAfter: 500 } : answer()),
  });
  rerequester.begin();
  timeline.run(600 * SECOND);
  assert.deepEqual(log, ['0 a started', '500 a started']);
});

const refused = (fields: { retryAfter?: number; interval?: number }): AnnounceOutcome => {
  return { ok: false, code: 'refused', message: 'not here', ...fields };
};

test('a refusal’s interval is waited for, and told as the time of the next announce', () => {
  const { timeline, rerequester, log, answers } = setUp({
    connections: 0,
    behave: (_, now) => (now === 0 ? refused({ interval: 7200 }) : answer()),
  });
  rerequester.begin();
  timeline.run(7300 * SECOND);
  assert.deepEqual(log, ['0 a started', '7200 a started']);
  assert.equal(answers[0]?.next, 7200);
});

test('Retry-After is told as the time of the next announce, and waited for even by completed', () => {
  const { timeline, rerequester, log, answers } = setUp({
    behave: (_, now) => (now === 1800 * SECOND ? refused({ retryAfter: 600 }) : answer()),
  });
  rerequester.begin();
  timeline.run(1900 * SECOND);
  rerequester.completed();
  timeline.run(1000 * SECOND);
  assert.deepEqual(log, ['0 a started', '1800 a -', '2400 a completed']);
  assert.deepEqual(
    answers.map(({ next }) => next),
    [1800, 600, 1800],
  );
});

test('completed goes to a tracker that refused with an interval at once, and then waits for it', () => {
  const { timeline, rerequester, log } = setUp({
    behave: (_, now) => (now === 1800 * SECOND || now === 1810 * SECOND ? refused({ interval: 900 }) : answer()),
  });
  rerequester.begin();
  timeline.run(1810 * SECOND);
  rerequester.completed();
  timeline.run(1000 * SECOND);
  assert.deepEqual(log, ['0 a started', '1800 a -', '1810 a completed', '2710 a completed']);
});

test('a tracker that never wants to be asked again is not, by no event, and has no next announce', () => {
  const { timeline, rerequester, log, answers } = setUp({
    tiers: [['a'], ['b']],
    behave: ({ url }) => (url.whole === 'a' ? refused({ retryAfter: Number.POSITIVE_INFINITY }) : answer()),
  });
  rerequester.begin();
  timeline.run(10 * SECOND);
  rerequester.completed();
  timeline.run(HOUR);
  assert.deepEqual(log, ['0 a started', '0 b started', '10 b completed', '1810 b -', '3610 b -']);
  assert.deepEqual(
    answers.slice(0, 2).map(({ next }) => next),
    [null, 1800],
  );

  const alone = setUp({ behave: () => refused({ retryAfter: Number.POSITIVE_INFINITY }) });
  alone.rerequester.begin();
  alone.timeline.run(10 * SECOND);
  alone.rerequester.completed();
  assert.equal(alone.timeline.pending, 0);
  assert.deepEqual(alone.log, ['0 a started']);
  assert.equal(alone.answers[0]?.next, null);
});

test('each tracker that fails has a wait of its own, and one that wants no announce is left out', () => {
  const { timeline, rerequester, log, answers } = setUp({
    tiers: [['a'], ['b']],
    behave: ({ url }) => (url.whole === 'a' ? DOWN : refused({ retryAfter: 600 })),
    random: NO_JITTER,
  });
  rerequester.begin();
  timeline.run(700 * SECOND);
  const a = [0, 50, 150, 350].map((time) => `${time} a started`);
  assert.deepEqual(log, ['0 a started', '0 b started', ...a.slice(1), '600 b started']);
  assert.deepEqual(
    answers.map(({ url, next }) => `${url} ${next}`),
    ['a null', 'b 600', 'a 100', 'a 200', 'a 400', 'b 600'],
  );
});

test('with few peers the report names the early announce as the next one', () => {
  const peers = Array.from({ length: 25 }, (_, index) => ({ host: `10.0.0.${index + 1}`, port: 1, peerId: null }));
  const setting: Setting = { connections: 0, behave: (_, now) => answer(now === 0 ? {} : { peers }) };
  const { timeline, rerequester, log, answers } = setUp(setting);
  rerequester.begin();
  timeline.run(300 * SECOND);
  setting.connections = 25;
  timeline.run(1800 * SECOND);
  assert.deepEqual(log, ['0 a started', '300 a -', '2100 a -']);
  assert.deepEqual(
    answers.map(({ next }) => next),
    [300, 1800, 1800],
  );
});

test('the next announce comes when the report says, whatever the trackers of a list answer', () => {
  const seconds = fc.integer({ min: 0, max: 5000 });
  const outcome = fc.oneof(
    fc.constant(DOWN),
    fc.record({ interval: seconds, minInterval: seconds }).map((fields) => answer(fields)),
    fc.record({ interval: seconds }).map(refused),
    fc.record({ retryAfter: fc.oneof(seconds, fc.constant(Number.POSITIVE_INFINITY)) }).map(refused),
  );
  const tiers = fc.constantFrom<string[][]>([['a']], [['a'], ['b']], [['a', 'b'], ['c']]);
  fc.assert(
    fc.property(
      tiers,
      fc.array(outcome, { minLength: 1 }),
      fc.constantFrom(0, 30),
      fc.nat(),
      (list, outcomes, connections, seed) => {
        let asked = 0;
        const requests: { url: string; time: number }[] = [];
        const told: { url: string; ok: boolean; time: number; next: number | null }[] = [];
        const world = setUp({
          tiers: list,
          connections,
          random: seededRandom(seed),
          behave: ({ url }, time) => {
            requests.push({ url: url.whole, time });
            asked += 1;
            return outcomes[(asked - 1) % outcomes.length] ?? null;
          },
          answered: ({ url, ok, next }) => told.push({ url, ok, time: world.timeline.now(), next }),
        });
        world.rerequester.begin();
        world.timeline.run(6 * HOUR);
        for (const [index, { url, time, next }] of told.entries()) {
          const again = requests.find((request) => request.url === url && request.time > time)?.time;
          if (next === null) {
            // We ask another tracker at once, or never ask this one again.
            assert.ok(told[index + 1]?.time === time || again === undefined);
            continue;
          }
          assert.ok(next >= 50);
          // A tracker that answers changes what was reported of the others.
          const until = again ?? 6 * HOUR;
          if (told.some((other, at) => at > index && other.ok && other.url !== url && other.time <= until)) continue;
          const due = time + next * SECOND;
          assert.ok(
            again === undefined ? due >= 6 * HOUR : Math.abs(due - again) <= SECOND,
            `${url} at ${time}: ${next}`,
          );
        }
      },
    ),
  );
});

test('stop tells every tracker that knows us, waits for their answers, and nothing follows', () => {
  const { timeline, rerequester, log } = setUp({
    tiers: [['a'], ['b'], ['c']],
    behave: ({ url, event }, now) => {
      if (event === 'stopped') return answer();
      return (url.whole === 'a' && now > 0) || url.whole === 'c' ? DOWN : answer();
    },
    delay: SECOND / 2,
  });
  rerequester.begin();
  timeline.run(1900 * SECOND);
  rerequester.stop(() => log.push(`${timeline.now() / SECOND} all answered`));
  timeline.run(10 * HOUR);
  assert.deepEqual(log, [
    '0 a started',
    '1801 a -',
    '1801 b started',
    '1900 a stopped',
    '1900 b stopped',
    '1900.5 all answered',
  ]);
  assert.equal(timeline.pending, 0);
});

test('stop says completed first to a tracker that is owed it, even if it is under way, and then stopped', () => {
  const { timeline, rerequester, log, trackers } = setUp({
    tiers: [['a'], ['b']],
    behave: ({ url, event }, now) => (url.whole === 'a' && event === null && now < 2000 * SECOND ? DOWN : answer()),
    delay: SECOND / 2,
  });
  rerequester.begin();
  timeline.run(1900 * SECOND);
  rerequester.completed();
  rerequester.stop(() => log.push(`${timeline.now() / SECOND} all answered`));
  timeline.run(10 * HOUR);
  assert.deepEqual(log, [
    '0 a started',
    '1801 a -',
    '1801 b started',
    '1900 a completed',
    '1900 b completed',
    '1901 a stopped',
    '1901 b stopped',
    '1901 all answered',
  ]);
  assert.equal(trackers.cancelled, 0);
  assert.ok(trackers.requests.slice(4).every(({ numwant }) => numwant === 0));
  assert.equal(timeline.pending, 0);
});

test('stop gives up after its limit when trackers are silent', () => {
  const { timeline, rerequester, log, trackers } = setUp({
    behave: ({ event }) => (event === 'stopped' ? null : answer()),
  });
  rerequester.begin();
  timeline.run(10 * SECOND);
  rerequester.stop(() => log.push(`${timeline.now() / SECOND} given up`));
  timeline.run(HOUR);
  assert.deepEqual(log, ['0 a started', '10 a stopped', '12 given up']);
  assert.equal(trackers.cancelled, 1);
  assert.equal(timeline.pending, 0);
});

test('stop during started cancels it and says stopped, because the tracker may have heard it', () => {
  const { timeline, rerequester, log, trackers } = setUp({ delay: SECOND });
  rerequester.begin();
  rerequester.stop(() => log.push('all answered'));
  timeline.run(HOUR);
  assert.deepEqual(log, ['0 a started', '0 a stopped', 'all answered']);
  assert.equal(trackers.cancelled, 1);
});

test('a download that ends as soon as it is complete is still counted: completed, then stopped', () => {
  const { timeline, rerequester, log } = setUp({ tiers: [['a'], ['b']], delay: SECOND });
  rerequester.begin();
  timeline.run(10 * SECOND);
  rerequester.completed();
  rerequester.stop(() => log.push(`${timeline.now() / SECOND} all answered`));
  timeline.run(HOUR);
  assert.deepEqual(log, ['0 a started', '10 a completed', '11 a stopped', '12 all answered']);
  assert.equal(timeline.pending, 0);
});

test('completed is said before stopped even when it became due during started', () => {
  const { timeline, rerequester, log } = setUp({ delay: 500 });
  rerequester.begin();
  rerequester.completed();
  rerequester.stop(() => log.push(`${timeline.now() / SECOND} all answered`));
  timeline.run(HOUR);
  assert.deepEqual(log, ['0 a started', '0 a completed', '1 a stopped', '1 all answered']);
});

test('a completed that is never answered does not delay the end', () => {
  const { timeline, rerequester, log, trackers } = setUp({
    behave: ({ event }) => (event === 'completed' ? null : answer()),
  });
  rerequester.begin();
  timeline.run(10 * SECOND);
  rerequester.completed();
  rerequester.stop(() => log.push(`${timeline.now() / SECOND} given up`));
  timeline.run(HOUR);
  assert.deepEqual(log, ['0 a started', '10 a completed', '12 given up']);
  assert.equal(trackers.cancelled, 1);
});

test('stop answers when there are no trackers, and before begin', () => {
  for (const tiers of [[], [['a']]]) {
    const { timeline, rerequester, log } = setUp({ tiers });
    if (tiers.length === 0) rerequester.begin();
    rerequester.stop(() => log.push('answered'));
    assert.deepEqual(log, []);
    timeline.run(SECOND);
    assert.deepEqual(log, ['answered']);
  }
});

test('when a torrent stops within the report of an answer, it gets no peers of that answer', () => {
  const setting: Setting = { behave: () => answer({ peers: [{ host: '10.0.0.1', port: 1, peerId: null }] }) };
  const { timeline, rerequester, log, peers } = setUp(setting);
  setting.answered = (given) => {
    if (given.next !== null) rerequester.stop(() => log.push('answered'));
  };
  rerequester.begin();
  timeline.run(HOUR);
  assert.deepEqual(log, ['0 a started', '0 a stopped', 'answered']);
  assert.deepEqual(peers, []);
});
