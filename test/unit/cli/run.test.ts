import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BtgetError, type FailureCode } from '../../../src/base/failure.js';
import type { Output, RunEvent } from '../../../src/cli/output/events.js';
import { sentencesFor } from '../../../src/cli/output/sentences.js';
import { Run, type RunEnd, type RunOptions } from '../../../src/cli/run/run.js';
import { STOP_LIMIT } from '../../../src/cli/run/session-face.js';
import type { LoadedSource } from '../../../src/cli/source/load-source.js';
import { type MagnetLink, parseLink } from '../../../src/metainfo/magnet.js';
import { DEFAULT_SESSION_OPTIONS } from '../../../src/session/session-options.js';
import { DEFAULT_TORRENT_OPTIONS } from '../../../src/torrent/torrent-options.js';
import { TRACKER_REFUSAL } from '../../support/fakes/fake-tracker.js';
import { Timeline } from '../../support/simulation/timeline.js';
import { v2Torrent } from '../../support/v2-torrent.js';
import { linkTo } from '../../support/worlds/magnet-world.js';
import { FakeSession, makeMetainfo, makeStatus } from './support/fake-session.js';

const good = (name: string): LoadedSource => ({
  input: `${name}.torrent`,
  ok: true,
  kind: 'torrent',
  metainfo: makeMetainfo(name),
});
const bad = (input: string, code: FailureCode): LoadedSource => ({
  input,
  ok: false,
  failure: new BtgetError(code, `${input} is bad`),
});

/** A run with a session that the test drives, and a log of what matters. */
function play(sources: readonly LoadedSource[], more: Partial<RunOptions> = {}, session = new FakeSession()) {
  const time = new Timeline();
  const events: RunEvent[] = [];
  const ends: RunEnd[] = [];
  let closed = 0;
  const output: Output = {
    tell: (event) => events.push(event),
    close: () => {
      closed += 1;
    },
  };
  const options: RunOptions = {
    session: DEFAULT_SESSION_OPTIONS,
    torrent: DEFAULT_TORRENT_OPTIONS,
    deadline: { limit: null, left: null },
    stopTimeout: null,
    onDone: null,
    blocklistNews: null,
    ...more,
  };
  const run = new Run(session.create, options, time, output, (end) => ends.push(end));
  run.start(sources);
  return {
    run,
    session,
    time,
    events,
    ends,
    types: () => events.map((event) => event.type),
    results: () => {
      const last = events.at(-1);
      return last?.type === 'summary' ? last.torrents.map(({ name, result }) => `${name}: ${result}`) : 'no summary';
    },
    closed: () => closed,
    torrent: (index: number) => session.torrents[index]!,
  };
}

const seeding = { torrent: { ...DEFAULT_TORRENT_OPTIONS, seedGoal: { ratio: null, time: null } } };
const asSeed = { torrent: { ...seeding.torrent, mode: 'seed' as const } };

test('a download ends with 0 once its torrent is done and the session has stopped', () => {
  const { session, torrent, types, ends, closed, time } = play([good('a')]);
  torrent(0).completes();
  torrent(0).events.goalReached();
  assert.deepEqual(types(), ['listening', 'added', 'progress', 'file', 'progress', 'done', 'over', 'summary']);
  assert.deepEqual(session.log, ['stop a', 'stop session']);
  assert.deepEqual(ends, [{ exitCode: 0, clean: true }]);
  assert.equal(closed(), 1);
  assert.equal(time.pending, 0);
});

test('the first source that fails, in the order of the command line, gives the exit code', () => {
  const { torrent, ends, results } = play([good('a'), bad('b', 'not-bencoded'), bad('c', 'source-not-found')]);
  torrent(0).completes();
  torrent(0).events.goalReached();
  assert.deepEqual(ends, [{ exitCode: 25, clean: true }]);
  assert.deepEqual(results(), ['a: ok', 'b: not-bencoded', 'c: source-not-found']);
});

test('a source that cannot be fetched for want of descriptors has one code in its error, the summary and the exit code', () => {
  const failure = new BtgetError('network', 'no answer', { cause: 'EMFILE' });
  const { events, ends, results } = play([{ input: 'a', ok: false, failure }]);
  const codes = events.flatMap((event) => (event.type === 'error' ? [event.code] : []));
  assert.deepEqual([codes, results()], [['cannot-open'], ['a: cannot-open']]);
  assert.deepEqual(ends, [{ exitCode: 16, clean: true }]);
});

test('a torrent that fails does not stop the others', () => {
  const { torrent, ends, session, results } = play([good('a'), good('b')]);
  torrent(0).events.failed(new BtgetError('disk-full', 'no space left'));
  assert.deepEqual(session.log, ['stop a']);
  assert.deepEqual(ends, []);
  torrent(1).completes();
  torrent(1).events.goalReached();
  assert.deepEqual(ends, [{ exitCode: 9, clean: true }]);
  assert.deepEqual(results(), ['a: disk-full', 'b: ok']);
});

test('when no source is good, no session is made', () => {
  const { session, ends, types } = play([bad('a', 'torrent-invalid')]);
  assert.equal(session.options, undefined);
  assert.deepEqual(types(), ['error', 'summary']);
  assert.deepEqual(ends, [{ exitCode: 26, clean: true }]);
});

test('a port that is in use ends the run with 6, and a source that is bad is told all the same', () => {
  const session = new FakeSession();
  session.cannotListen(new BtgetError('network', 'port 6881 is in use'));
  const { ends, types, results } = play([good('a'), bad('b', 'source-not-found')], {}, session);
  assert.deepEqual(types(), ['error', 'error', 'summary']);
  assert.deepEqual(ends, [{ exitCode: 6, clean: true }]);
  assert.deepEqual(results(), ['a.torrent: network', 'b: source-not-found']);
});

test('a bug in one torrent ends that torrent and gives exit code 70', () => {
  const { torrent, ends, events } = play([good('a')]);
  torrent(0).events.failed(new TypeError('oops'));
  assert.deepEqual(ends, [{ exitCode: 70, clean: true }]);
  const error = events.find((event) => event.type === 'error');
  assert.match(error?.type === 'error' ? error.message : '', /bug in btget, please report it.*\nTypeError: oops/);
});

test('a bug in the session ends all torrents with exit code 70', () => {
  const { session, ends, results } = play([good('a'), good('b')]);
  session.gotException(new Error('oops'));
  session.gotException(new Error('again'));
  assert.deepEqual(ends, [{ exitCode: 70, clean: true }]);
  assert.deepEqual(results(), ['a: failed', 'b: failed']);
});

test('Ctrl-C before a download is done gives exit code 7', () => {
  const { run, torrent, ends, session, results } = play([good('a'), good('b')], seeding);
  torrent(0).completes();
  assert.equal(run.exitCodeNow(), 7);
  run.interrupt();
  run.interrupt();
  assert.deepEqual(session.log, ['stop session']);
  assert.deepEqual(ends, [{ exitCode: 7, clean: true }]);
  assert.deepEqual(results(), ['a: ok', 'b: interrupted']);
});

test('Ctrl-C gives exit code 0 while a download that is done seeds', () => {
  const { run, torrent, ends, types } = play([good('a')], seeding);
  torrent(0).completes();
  assert.equal(run.exitCodeNow(), 0);
  run.interrupt();
  assert.deepEqual(ends, [{ exitCode: 0, clean: true }]);
  assert.ok(types().includes('seeding'));
});

const many: LoadedSource = { input: 'a', ok: true, kind: 'torrent', metainfo: makeMetainfo('a', [100, 200, 300, 400]) };

test('a seed with a part names what is missing, and at Ctrl-C ends with 0 and with PART, but `ok` for scripts', () => {
  const { run, torrent, ends, events, results } = play([many], asSeed);
  torrent(0).is({ have: 400, state: 'seeding' });
  torrent(0).missing = torrent(0).metainfo.files;
  torrent(0).events.started();
  // A seed downloads nothing, so it cannot have more.
  torrent(0).events.done();
  run.interrupt();
  assert.deepEqual(ends, [{ exitCode: 0, clean: true }]);
  assert.deepEqual(results(), ['a: ok']);
  const of = (type: RunEvent['type']) => events.filter((event) => event.type === type);
  assert.deepEqual(
    [...of('seeding'), ...of('summary')].flatMap((event) => sentencesFor(event, 'normal')),
    ['a: seeding 40% of 1000 B; missing: file0, file1, file2 and 1 more', 'PART 40% of 1000 B  a'],
  );
});

test('a seed with every byte that lacks a file without bytes has a part, tells it once, and in JSON too', () => {
  const { run, torrent, events, results } = play([many], asSeed);
  torrent(0).is({ have: 1000, state: 'seeding' });
  torrent(0).missing = torrent(0).metainfo.files.slice(0, 1);
  torrent(0).events.started();
  torrent(0).events.done();
  run.interrupt();
  assert.deepEqual(results(), ['a: ok']);
  const of = (type: RunEvent['type']) => events.filter((event) => event.type === type);
  assert.deepEqual(
    [...of('seeding'), ...of('summary')].flatMap((event) => sentencesFor(event, 'normal')),
    ['a: seeding 1000 B; missing: file0', 'PART 1000 B, 1 file missing  a'],
  );
  assert.deepEqual(
    of('seeding').map((event) => event.type === 'seeding' && [event.have, event.wanted, event.missing]),
    [[1000, 1000, { count: 1, first: ['file0'] }]],
  );
});

test('a seed with everything names nothing as missing, and ends with OK', () => {
  const { run, torrent, events } = play([many], asSeed);
  torrent(0).is({ have: 1000, state: 'seeding' });
  torrent(0).events.started();
  torrent(0).events.done();
  run.interrupt();
  const lines = events.flatMap((event) => sentencesFor(event, 'normal'));
  assert.deepEqual(lines.slice(-3), ['a: seeding 1000 B', 'stopping; Ctrl-C again ends at once', 'OK   1000 B  a']);
});

test('a download of some files that seeds them ends with OK, since it has all that was asked for', () => {
  const { run, torrent, events } = play([many], seeding);
  torrent(0).is({ length: 1000, wanted: 300, have: 300, state: 'seeding' });
  torrent(0).events.done();
  run.interrupt();
  const lines = events.flatMap((event) => sentencesFor(event, 'normal'));
  assert.deepEqual(lines.slice(-3), ['a: seeding 300 B', 'stopping; Ctrl-C again ends at once', 'OK   300 B  a']);
});

test('a seed without any content on the disk fails with 32', () => {
  const { torrent, ends } = play([good('a')], asSeed);
  torrent(0).events.started();
  assert.deepEqual(ends, [{ exitCode: 32, clean: true }]);
});

test('a run waits no more than 3 seconds for a session that does not stop', () => {
  const session = new FakeSession();
  session.stops = false;
  const { run, time, ends } = play([good('a')], {}, session);
  run.interrupt();
  time.run(2799);
  assert.deepEqual(ends, []);
  time.run(1);
  assert.deepEqual(ends, [{ exitCode: 7, clean: false }]);
});

test('--timeout gives up torrents that are not done, with exit code 2', () => {
  const { time, ends, results, torrent } = play([good('a'), good('b')], {
    ...seeding,
    deadline: { limit: 90_000, left: 90_000 },
  });
  torrent(1).completes();
  time.run(89_999);
  assert.deepEqual(ends, []);
  time.run(1);
  assert.deepEqual(ends, [{ exitCode: 2, clean: true }]);
  assert.deepEqual(results(), ['a: gave-up', 'b: ok']);
});

test('warnings are not told after the machine lacked something, and after any other end they are', () => {
  const lack = Object.assign(new Error('Worker initialization failure: EMFILE'), { code: 'ERR_WORKER_INIT_FAILED' });
  for (const [end, told] of [
    [(_run: Run, session: FakeSession) => session.gotException(lack), []],
    [(_run: Run, session: FakeSession) => session.gotException(new Error('oops')), ['no-journal']],
    [(run: Run) => run.fail(new BtgetError('disk-full', 'cannot write to stdout: ENOSPC')), ['no-journal']],
    [(run: Run) => run.interrupt(), ['no-journal']],
  ] as const) {
    const session = new FakeSession();
    session.stops = false;
    const { run, events, torrent } = play([good('a')], {}, session);
    end(run, session);
    torrent(0).events.warned('no-journal', 'no resume journal is kept');
    assert.deepEqual(
      events.flatMap((event) => (event.type === 'warning' ? [event.code] : [])),
      told,
    );
  }
});

test('--timeout says why a torrent is not done, unless data comes', () => {
  const names = ['lonely', 'fed', 'checking', 'locked', 'silent'];
  const { time, events, torrent } = play(names.map(good), { deadline: { limit: 20_000, left: 20_000 } });
  torrent(2).is({ state: 'checking' });
  torrent(3).is({ state: 'paused', waitsFor: { on: 'lock', message: 'another btget works on it' } });
  torrent(4).is({ downloaded: 9, peers: 1 });
  for (let at = 0; at < 20_000; at += 4000) {
    torrent(1).is({ downloaded: at + 1, peers: 1 });
    time.run(4000);
  }
  const told = events.flatMap((event) => (event.type === 'error' ? [`${event.about?.name}: ${event.message}`] : []));
  const goOn = 'the same command again goes on';
  assert.deepEqual(told, [
    `lonely: gave up: not done after 20s: no tracker to ask (--tracker and --peer name some; ${goOn})`,
    `fed: gave up: not done after 20s (${goOn})`,
    `checking: gave up: not done after 20s (${goOn})`,
    `locked: gave up: not done after 20s: another btget works on it (${goOn})`,
    `silent: gave up: not done after 20s: 1 peer connected, none has a piece that is missing here (${goOn})`,
  ]);
});

test('--timeout of a seed says why its metadata or its hashes are not here', () => {
  const { time, events, torrent } = play([good('a'), good('b')], {
    ...asSeed,
    deadline: { limit: 20_000, left: 20_000 },
  });
  torrent(0).is({ state: 'metadata', length: 0 });
  torrent(1).is({ state: 'metadata', length: 9, peers: 1 });
  time.run(20_000);
  const told = events.flatMap((event) => (event.type === 'error' ? [event.message] : []));
  const goOn = 'the same command again goes on';
  const noLayers = '1 peer connected, none has given the piece hashes of version 2 yet';
  assert.deepEqual(told, [
    `gave up: not done after 20s: no tracker to ask (--tracker and --peer name some; ${goOn})`,
    `gave up: not done after 20s: ${noLayers} (${goOn})`,
  ]);
});

test('--timeout of a seed says no reason', () => {
  const { time, events } = play([good('a')], { ...asSeed, deadline: { limit: 20_000, left: 20_000 } });
  time.run(20_000);
  const told = events.flatMap((event) => (event.type === 'error' ? [event.message] : []));
  assert.deepEqual(told, ['gave up: not done after 20s (the same command again goes on)']);
});

test('--stop-timeout gives up a torrent that gets no new data, and the time of its check does not count', () => {
  const { time, ends, torrent } = play([good('a')], { stopTimeout: 10_000 });
  torrent(0).is({ state: 'checking' });
  time.run(60_000);
  torrent(0).is({ state: 'downloading', downloaded: 500 });
  time.run(9000);
  torrent(0).is({ downloaded: 501 });
  time.run(10_000);
  assert.deepEqual(ends, []);
  time.run(1000);
  assert.deepEqual(ends, [{ exitCode: 2, clean: true }]);
});

test('--stop-timeout does not end a torrent that the limit of the user holds back, until it holds it no more', () => {
  const { time, ends, torrent } = play([good('a')], { stopTimeout: 10_000 });
  torrent(0).is({ limited: true });
  time.run(60_000);
  assert.deepEqual(ends, []);
  torrent(0).is({ limited: false });
  time.run(9_000);
  assert.deepEqual(ends, []);
  time.run(1_000);
  assert.deepEqual(ends, [{ exitCode: 2, clean: true }]);
});

test('--stop-timeout does not end a torrent that seeds', () => {
  const { time, ends, torrent } = play([good('a')], { ...seeding, stopTimeout: 10_000 });
  torrent(0).completes();
  time.run(100_000);
  assert.deepEqual(ends, []);
});

test('a torrent that is given twice runs once, with a warning', () => {
  const { torrent, ends, session, events } = play([good('a'), { ...good('a'), input: 'copy.torrent' }]);
  assert.equal(session.torrents.length, 1);
  torrent(0).completes();
  torrent(0).events.goalReached();
  assert.deepEqual(ends, [{ exitCode: 0, clean: true }]);
  const told = events.flatMap((event) => (event.type === 'warning' ? [`${event.code}: ${event.message}`] : []));
  assert.deepEqual(told, ['given-twice: copy.torrent is the same torrent as a.torrent']);
});

test('the warning about a source of 100 kB that is given twice shows only its beginning and its end', () => {
  const long = (end: string): string => `${'x'.repeat(100_000)}${end}`;
  const { events, torrent } = play([
    { ...good('a'), input: long('a') },
    { ...good('a'), input: long('b') },
    bad(long('c'), 'not-bencoded'),
  ]);
  torrent(0).completes();
  torrent(0).events.goalReached();
  const summary = events.flatMap((event) => (event.type === 'summary' ? sentencesFor(event, 'normal') : []));
  assert.match(summary.at(-1) ?? '', /^ERR {2}x+…x+c {2}x+…x+c is bad$/);
  assert.ok(summary.join('').length < 1500);
  const [told = ''] = events.flatMap((event) => (event.type === 'warning' ? [event.message] : []));
  assert.match(told, /^x+…x+b is the same torrent as x+…x+a$/);
  assert.ok(told.length < 500, `${told.length}`);
  const link = play([linked('real', { name: long('d') })]);
  link.run.interrupt();
  const name = String(link.results());
  assert.match(name, /^x+…x+d: interrupted$/);
  assert.ok(name.length < 250, `${name.length}`);
});

test('the run waits for the program of --on-complete, and fails when the program fails', () => {
  const waiting: ((failure: string | null) => void)[] = [];
  const { torrent, ends, results } = play([good('a')], { onDone: (_job, answered) => waiting.push(answered) });
  torrent(0).completes();
  torrent(0).events.goalReached();
  assert.deepEqual(ends, []);
  waiting[0]?.('ended with exit code 3');
  assert.deepEqual(ends, [{ exitCode: 1, clean: true }]);
  assert.deepEqual(results(), ['a: failed']);
});

test('at Ctrl-C the program of --on-complete may end within the time that a stop has, and is then left alone', () => {
  const isTold = (events: readonly RunEvent[]): boolean =>
    events.some((event) => event.type === 'note' && /--on-complete has not ended/.test(event.message));
  const left = play([good('a')], { onDone: () => undefined });
  left.torrent(0).completes();
  left.run.interrupt();
  left.time.run(STOP_LIMIT - 1);
  assert.deepEqual(left.ends, []);
  left.time.run(1);
  assert.deepEqual(left.ends, [{ exitCode: 0, clean: false }]);
  assert.ok(isTold(left.events));
  const waiting: ((failure: string | null) => void)[] = [];
  const kept = play([good('a')], { onDone: (_job, answered) => waiting.push(answered) });
  kept.torrent(0).completes();
  kept.run.interrupt();
  waiting[0]?.(null);
  assert.deepEqual(kept.ends, [{ exitCode: 0, clean: true }]);
  assert.ok(!isTold(kept.events));
});

test('the reason for a stall is told once, and again when it changes', () => {
  const { time, torrent, events } = play([good('a')]);
  torrent(0).is({ state: 'stalled' });
  torrent(0).events.trackerAnswered(TRACKER_REFUSAL);
  time.run(3000);
  torrent(0).is({ peers: 2, seeds: 1 });
  time.run(3000);
  const reasons = events.flatMap((event) =>
    event.type === 'stalled' ? [event.reasons.map((r) => r.code).join()] : [],
  );
  assert.deepEqual(reasons, ['trackers-failing,dht-off', 'peers-lack-pieces,trackers-failing']);
});

test('progress is told each second until the end, and nothing is told after the summary', () => {
  const { time, torrent, types, events } = play([good('a')]);
  time.run(3000);
  assert.equal(types().filter((type) => type === 'progress').length, 4);
  torrent(0).events.failed(new BtgetError('io', 'read failed'));
  const count = events.length;
  torrent(0).events.goalReached();
  torrent(0).events.failed(new BtgetError('io', 'again'));
  time.run(10_000);
  assert.equal(events.length, count);
});

const linked = (name: string, more: Partial<MagnetLink> = {}): LoadedSource => ({
  input: `magnet:${name}`,
  ok: true,
  kind: 'magnet',
  link: linkTo(makeMetainfo(name).infoHash, more),
  peers: [{ host: '192.0.2.1', port: 1 }],
});

test('a link is told as added once its metadata has come, and has the name from the metadata from then on', () => {
  const { session, time, events, types } = play([linked('real', { name: 'said' })]);
  const magnet = session.magnets[0]!;
  assert.deepEqual(magnet.options.linkPeers, [{ host: '192.0.2.1', port: 1 }]);
  assert.deepEqual(types(), ['listening', 'progress']);
  const names = () => events.flatMap((event) => ('about' in event && event.about !== null ? [event.about.name] : []));
  assert.deepEqual(names(), ['said']);
  magnet.current = makeStatus({ state: 'checking', have: 0 });
  magnet.events.gotMetadata(makeMetainfo('real'));
  time.run(1_000);
  assert.deepEqual(types().slice(2), ['added', 'checking', 'progress']);
  assert.deepEqual(names().slice(1), ['real', 'real', 'real']);
});

test('a .torrent without its layers is told as added once they have come, and says why they do not come', () => {
  const sample = v2Torrent([{ path: 'film', length: 100_000 }], 16_384, 'hybrid');
  const bare = v2Torrent([{ path: 'film', length: 100_000 }], 16_384, 'hybrid', { layers: false }).metainfo;
  const source: LoadedSource = { input: 'film.torrent', ok: true, kind: 'torrent', metainfo: bare };
  const { session, time, events, types } = play([source]);
  const torrent = session.torrents[0]!;
  torrent.current = makeStatus({ state: 'metadata', length: 100_000, wanted: 0, peers: 2 });
  time.run(31_000);
  const stalled = events.filter((event) => event.type === 'stalled');
  assert.deepEqual(
    stalled.flatMap(({ reasons }) => reasons),
    [{ code: 'no-layers', message: '2 peers connected, none has given the piece hashes of version 2 yet', hint: null }],
  );
  assert.ok(!types().includes('added'));
  torrent.current = makeStatus({ state: 'checking' });
  torrent.events.gotMetadata?.(sample.metainfo);
  const added = events.find((event) => event.type === 'added');
  assert.equal(added?.infoHashV2, sample.metainfo.infoHashV2?.toString('hex'));
});

test('a link of a hybrid by its v2 hash has the main hash from the metadata on', () => {
  const { metainfo } = v2Torrent([{ path: 'film', length: 100_000 }], 16_384, 'hybrid');
  const v2 = metainfo.infoHashV2?.toString('hex') ?? '';
  const source: LoadedSource = { input: v2, ok: true, kind: 'magnet', link: parseLink(v2), peers: [] };
  const { session, time, events } = play([source]);
  const hashes = () => [
    ...new Set(events.flatMap((event) => ('about' in event && event.about !== null ? [event.about.infoHash] : []))),
  ];
  assert.deepEqual(hashes(), [v2.slice(0, 40)]);
  session.magnets[0]!.events.gotMetadata(metainfo);
  time.run(1_000);
  assert.deepEqual(hashes(), [v2.slice(0, 40), metainfo.infoHash.toString('hex')]);
  const over = events.filter((event) => event.type === 'over').map(({ about }) => about.infoHash);
  assert.deepEqual(over, [v2.slice(0, 40)], 'no display shows it under both');
});

test('a link without a name is called by all digits of the hash that it names', () => {
  const [v1, v2] = ['0123456789abcdef'.repeat(5).slice(0, 40), '0123456789abcdef'.repeat(4)];
  for (const [text, name] of [
    [v1, v1],
    [v2, v2],
    [`magnet:?xt=urn:btmh:1220${v2}`, v2],
    [`magnet:?xt=urn:btmh:1220${v2}&xt=urn:btih:${v1}`, v1],
    [`magnet:?xt=urn:btmh:1220${v2}&dn=box`, 'box'],
  ] as const) {
    const source: LoadedSource = { input: text, ok: true, kind: 'magnet', link: parseLink(text), peers: [] };
    const { run, events } = play([source]);
    run.interrupt();
    const summary = events.at(-1);
    assert.equal(summary?.type, 'summary');
    assert.deepEqual(
      summary.torrents.map((torrent) => torrent.name),
      [name],
    );
  }
});

test('a link that gets no metadata tells the reason after ten seconds without a peer, or after thirty with one', () => {
  const { session, time, events } = play([linked('x')]);
  const stalls = () =>
    events.flatMap((event) => (event.type === 'stalled' ? event.reasons.map(({ code }) => code) : []));
  time.run(9_500);
  assert.deepEqual(stalls(), []);
  time.run(1_000);
  assert.deepEqual(stalls(), ['no-trackers', 'dht-off']);
  const magnet = session.magnets[0]!;
  magnet.current = makeStatus({ ...magnet.current, peers: 2 });
  time.run(18_000);
  assert.deepEqual(stalls(), ['no-trackers', 'dht-off']);
  time.run(3_000);
  assert.deepEqual(stalls(), ['no-trackers', 'dht-off', 'no-metadata']);
});

test('the files that a link selects are used when the user selects none', () => {
  const selected = [{ first: 1, last: 2 }];
  const { session } = play([linked('x', { selected })]);
  assert.deepEqual(session.magnets[0]?.options.selection.ranges, selected);
  const selection = { select: [], exclude: ['*.txt'], ranges: null };
  const own = play([linked('x', { selected })], { torrent: { ...DEFAULT_TORRENT_OPTIONS, selection } });
  assert.deepEqual(own.session.magnets[0]?.options.selection, selection);
});

test('a link and a .torrent of the same torrent run once, in either order, with the peers of the link', () => {
  const peers = [{ host: '10.0.0.9', port: 7000 }];
  for (const order of [0, 1]) {
    const link = { ...linked('same'), peers };
    const sources = order === 0 ? [good('same'), link] : [link, good('same')];
    const { session, results, torrent, time } = play(sources);
    assert.equal(session.magnets.length, 0);
    assert.deepEqual(session.torrents[0]?.options.linkPeers, peers);
    torrent(0).completes();
    torrent(0).events.goalReached();
    time.run(10);
    assert.deepEqual(results(), ['same: ok']);
  }
});

test('two links to one torrent fetch the files of both', () => {
  const one = [{ first: 1, last: 2 }];
  const other = [{ first: 4, last: 4 }];
  const both = play([linked('x', { selected: one }), linked('x', { selected: other })]);
  assert.deepEqual(
    both.session.magnets.map(({ options }) => options.selection.ranges),
    [[...one, ...other]],
  );
  const all = play([linked('x', { selected: one }), linked('x')]);
  assert.equal(all.session.magnets[0]?.options.selection.ranges, null);
});

test('a seed of a link that is interrupted before its metadata has come ends with 7', () => {
  const { run, ends } = play([linked('x')], asSeed);
  assert.equal(run.exitCodeNow(), 7);
  run.interrupt();
  assert.deepEqual(ends, [{ exitCode: 7, clean: true }]);
});

test('a seed that is interrupted while its files are checked ends with 7, and one that serves them with 0', () => {
  for (const [starts, code, result] of [
    [false, 7, 'interrupted'],
    [true, 0, 'ok'],
  ] as const) {
    const { run, torrent, ends, results } = play([good('a')], asSeed);
    torrent(0).is({ state: 'checking', have: 0 });
    if (starts) {
      torrent(0).is({ state: 'seeding', have: 100, wanted: 100 });
      torrent(0).events.started();
    }
    assert.equal(run.exitCodeNow(), code);
    run.interrupt();
    assert.deepEqual(ends, [{ exitCode: code, clean: true }]);
    assert.deepEqual(results(), [`a: ${result}`]);
  }
});

test('the answer of the gateway is told once, and again when it changes', () => {
  const { session, events, time } = play([good('a')]);
  const told = () => events.flatMap((event) => (event.type === 'port-mapping' ? [event.mapping.state] : []));
  session.portMappings = [{ family: 4, state: 'asking' }];
  time.run(3000);
  assert.deepEqual(told(), []);
  session.portMappings = [
    { family: 4, state: 'failed', message: 'no' },
    { family: 6, state: 'failed', message: 'no' },
  ];
  time.run(3000);
  assert.deepEqual(told(), ['failed', 'failed']);
  const mapped = { state: 'mapped', protocol: 'UPnP', gateway: null, externalHost: null, port: 1, udp: true } as const;
  session.portMappings = [{ family: 4, ...mapped }];
  time.run(3000);
  assert.deepEqual(told(), ['failed', 'failed', 'mapped']);
});
