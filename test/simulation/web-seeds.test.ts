/** Web seeds with and without a swarm, in simulated time. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Millis } from '../../src/base/clock.js';
import type { FetchRange } from '../../src/swarm/web-seed/fetch-range.js';
import { FakeNetworkWatch } from '../support/fakes/fake-network-watch.js';
import { Mirror, type MirrorAnswer } from '../support/fakes/mirror.js';
import { type SampleTorrent, sampleTorrent } from '../support/sample-torrent.js';
import { type Client, type ClientOptions, SimulatedSwarm } from '../support/simulation/simulated-swarm.js';
import { v2Torrent } from '../support/v2-torrent.js';

const KIB = 1024;
const MIB = 1024 * KIB;
const BLOCK = 16 * KIB;
const SECOND = 1_000;
const HOUR = 3_600 * SECOND;
const URL_OF_ONE = 'http://mirror.example/one';
const ONE = sampleTorrent([{ path: 'one', length: 24 * MIB + 5 }], 256 * KIB);
const MANY_FILES = Array.from({ length: 20 }, (_, index) => ({
  path: `top/${index}`,
  length: 300_000 + index * 1_111,
}));
const MANY = sampleTorrent(MANY_FILES, 256 * KIB);
/** Files of which a server that ignores ranges gives nothing but the whole. */
const LONG_FILES = MANY_FILES.slice(0, 6).map(({ path, length }) => ({ path, length: 10 * length }));
const LONG = sampleTorrent(LONG_FILES, 256 * KIB);
const MANY_URL = 'http://mirror.example/';

/** A download from mirrors, and from seeds when there are some. */
class World {
  readonly swarm: SimulatedSwarm;
  readonly leech: Client;
  readonly #torrent: SampleTorrent;

  constructor(
    torrent: SampleTorrent,
    mirrors: Readonly<Record<string, Mirror>>,
    options: Partial<ClientOptions> = {},
    seedRates: readonly number[] = [],
  ) {
    this.#torrent = torrent;
    this.swarm = new SimulatedSwarm(torrent, 1);
    const fetchRange: FetchRange = (request, timers, events) => {
      const [, mirror] = Object.entries(mirrors).find(([url]) => request.url.whole.startsWith(url)) ?? [];
      return (mirror ?? assert.fail(request.url.whole)).fetch(request, timers, events);
    };
    for (const upload of seedRates) this.swarm.start({ seed: true, host: { upload } });
    this.leech = this.swarm.start({
      fetchRange,
      ...options,
      torrent: { webSeeds: Object.keys(mirrors), ...options.torrent },
    });
  }

  /** Runs until the download is done. Returns how long that took. */
  untilDone(limit: Millis): Millis {
    const begun = this.swarm.timeline.now();
    this.swarm.timeline.runUntil(() => this.leech.done, limit);
    assert.ok(this.leech.done, this.swarm.log.slice(-20).join('\n'));
    return this.swarm.timeline.now() - begun;
  }

  /** Ends everything: the content is right, and nothing is left. */
  end(): void {
    assert.ok(this.leech.storage.contents().equals(this.#torrent.content));
    this.swarm.stop();
    assert.equal(this.swarm.timeline.pending, 0);
  }
}

const mirrorOf = (torrent: SampleTorrent, url: string, rate: number): Mirror => new Mirror(torrent, url, rate);

describe('a mirror', () => {
  it('gives everything at its speed when there is no peer, in long runs', () => {
    const mirror = mirrorOf(ONE, URL_OF_ONE, 4 * MIB);
    const world = new World(ONE, { [URL_OF_ONE]: mirror });
    const time = world.untilDone(HOUR);
    assert.ok(time < 1.3 * 6 * SECOND, `${time} ms`);
    assert.ok(mirror.asked.length <= 8, `${mirror.asked.length} requests`);
    assert.equal(mirror.sent, ONE.content.length);
    assert.equal(world.leech.torrent.status().webSeeds.received, ONE.content.length);
    world.end();
  });

  it('beside a swarm makes both faster than either alone', () => {
    const rate = 2 * MIB;
    const [mirror, swarm] = [ONE.content.length / rate, ONE.content.length / rate].map((time) => time * SECOND) as [
      number,
      number,
    ];
    const world = new World(ONE, { [URL_OF_ONE]: mirrorOf(ONE, URL_OF_ONE, rate) }, {}, [rate]);
    const time = world.untilDone(HOUR);
    assert.ok(time < 0.75 * Math.min(mirror, swarm), `${time} ms`);
    world.end();
  });

  it('that is slow does not slow a fast swarm: peers take over what it has not sent', () => {
    const alone = new World(ONE, {}, {}, [16 * MIB]);
    const time = alone.untilDone(HOUR);
    const slow = mirrorOf(ONE, URL_OF_ONE, 64 * KIB);
    const world = new World(ONE, { [URL_OF_ONE]: slow }, {}, [16 * MIB]);
    const together = world.untilDone(HOUR);
    assert.ok(together < time + 500, `${together} ms with it, ${time} ms without`);
    assert.ok(slow.asked.length > 0);
    world.end();
  });

  it('is held back by the limit, as peers are', () => {
    const world = new World(
      ONE,
      { [URL_OF_ONE]: mirrorOf(ONE, URL_OF_ONE, 16 * MIB) },
      { session: { maxDownload: MIB } },
    );
    const time = world.untilDone(HOUR);
    assert.ok(time > 23 * SECOND && time < 26 * SECOND, `${time} ms`);
    world.end();
  });

  for (const [what, count, torrent, url, rate] of [
    ['one', 1, ONE, URL_OF_ONE, 5 * KIB],
    ['four', 4, ONE, URL_OF_ONE, 20 * KIB],
    // A block takes longer than the time after which a torrent without peers would count as stalled.
    ['one, slowly', 1, ONE, URL_OF_ONE, KIB],
    ['small files', 1, MANY, MANY_URL, 5 * KIB],
  ] as const)
    it(`gives a block at a time under a low limit, however much comes at once: ${what}`, () => {
      const urls = Array.from({ length: count }, (_, index) => url.replace('mirror', `mirror${index}`));
      const mirrors = Object.fromEntries(urls.map((each) => [each, new Mirror(torrent, each, MIB, 20, 256 * KIB)]));
      const world = new World(torrent, mirrors, { session: { maxDownload: rate } });
      const { timeline } = world.swarm;
      timeline.run(SECOND);
      const seen = new Set<string>();
      let held = 0;
      for (let second = 1; second <= 120; second += 1) {
        const { downloaded, state, limited, webSeeds } = world.leech.torrent.status();
        assert.ok(downloaded <= rate * second + 2 * BLOCK, `${downloaded} bytes after ${second} s`);
        assert.ok(downloaded >= rate * second - (2 + count) * BLOCK, `${downloaded} bytes after ${second} s`);
        seen.add(`${state} ${webSeeds.fault}`);
        if (limited) held += 1;
        timeline.run(SECOND);
      }
      assert.deepEqual([...seen], ['downloading null']);
      // Between its turn and its bytes the limit holds a server back no more.
      assert.ok(held > 100, `held in ${held} seconds of 120`);
      world.swarm.stop();
      assert.equal(timeline.pending, 0);
    });

  it('that falls silent under a limit is not held back by it', () => {
    const mirror = mirrorOf(ONE, URL_OF_ONE, MIB);
    mirror.answer = () => ({ body: ONE.content.subarray(0, 64 * KIB), end: null });
    const world = new World(ONE, { [URL_OF_ONE]: mirror }, { session: { maxDownload: 16 * KIB } });
    const seen: string[] = [];
    for (let second = 1; second <= 15; second += 1) {
      world.swarm.timeline.run(SECOND);
      const { state, limited } = world.leech.torrent.status();
      if (seen.at(-1) !== `${state} ${limited}`) seen.push(`${state} ${limited}`);
    }
    assert.deepEqual(seen, ['downloading true', 'downloading false', 'stalled false']);
    world.swarm.stop();
  });

  it('that is faster than the disk is paused, and memory stays bounded', () => {
    const mirror = mirrorOf(ONE, URL_OF_ONE, 64 * MIB);
    const world = new World(ONE, { [URL_OF_ONE]: mirror }, { diskLatency: 200, memory: MIB });
    world.swarm.timeline.run(SECOND);
    const status = world.leech.torrent.status();
    assert.ok(mirror.sent - status.have < 3 * MIB, `${mirror.sent} sent, ${status.have} stored`);
    world.untilDone(HOUR);
    world.end();
  });

  it('may label a file as packed that it sends as it is', () => {
    const mirror = mirrorOf(ONE, URL_OF_ONE, 4 * MIB);
    mirror.answer = () => ({ head: { contentEncoding: 'gzip' } });
    const world = new World(ONE, { [URL_OF_ONE]: mirror });
    world.untilDone(10 * SECOND);
    assert.equal(world.leech.torrent.status().webSeeds.fault, null);
    world.end();
  });

  it('is asked for what comes next in a sequential download', () => {
    const mirror = mirrorOf(ONE, URL_OF_ONE, MIB);
    const world = new World(ONE, { [URL_OF_ONE]: mirror }, { torrent: { sequential: true } });
    world.untilDone(HOUR);
    const begins = mirror.asked.map(({ begin }) => begin);
    assert.deepEqual(
      begins,
      [...begins].sort((a, b) => a - b),
    );
    world.end();
  });

  it('is asked for selected files alone, and never for padding', () => {
    const torrent = v2Torrent(MANY_FILES, 256 * KIB, 'hybrid');
    const mirror = mirrorOf(torrent, MANY_URL, 4 * MIB);
    const selection = { select: ['3', '5'], exclude: [], ranges: null };
    const world = new World(torrent, { [MANY_URL]: mirror }, { torrent: { selection } });
    world.untilDone(HOUR);
    assert.deepEqual(
      [...new Set(mirror.asked.map(({ url }) => url.whole))].sort(),
      ['10', '12'].map((name) => `${MANY_URL}top/${name}`),
    );
    world.swarm.stop();
  });

  it('is not asked when the torrent names it as a script of BEP 17', () => {
    const torrent = { ...ONE, metainfo: { ...ONE.metainfo, httpSeeds: [URL_OF_ONE] } };
    const mirror = mirrorOf(ONE, URL_OF_ONE, 4 * MIB);
    const world = new World(torrent, { [URL_OF_ONE]: mirror }, { torrent: { webSeeds: [] } }, [4 * MIB]);
    world.untilDone(HOUR);
    assert.deepEqual([mirror.asked, world.leech.torrent.status().webSeeds.known], [[], 0]);
    world.end();
  });

  for (const version of ['1', '2', 'hybrid'] as const)
    it(`gives many files, one after another (version ${version})`, () => {
      const torrent = version === '1' ? MANY : v2Torrent(MANY_FILES, 64 * KIB, version);
      const world = new World(torrent, { [MANY_URL]: mirrorOf(torrent, MANY_URL, 4 * MIB) });
      world.untilDone(HOUR);
      world.end();
    });
});

describe('several mirrors', () => {
  /** A world with one mirror for each rate, in this order. */
  const worldOf = (
    rates: readonly number[],
    options: Partial<ClientOptions> = {},
    torrent = ONE,
  ): { world: World; mirrors: readonly Mirror[] } => {
    const named = rates.map((rate, at) => [`http://${at}.example/one`, rate] as const);
    const mirrors = Object.fromEntries(named.map(([url, rate]) => [url, mirrorOf(torrent, url, rate)]));
    return { world: new World(torrent, mirrors, options), mirrors: Object.values(mirrors) };
  };
  const [fast, slow, drip] = [4 * MIB, KIB, 1 / 19];
  const alone = (ONE.content.length / fast) * SECOND;

  const rows: readonly [what: string, rates: readonly number[]][] = [
    ['a slow one before it', [slow, fast]],
    ['a slow one behind it', [fast, slow]],
    ['four slow ones before it', [slow, slow, slow, slow, fast]],
    ['four slow ones behind it', [fast, slow, slow, slow, slow]],
    ['forty slow ones behind it', [fast, ...Array.from({ length: 40 }, () => slow)]],
    ['one before it that sends a byte now and then', [drip, fast]],
    ['four before it that send a byte now and then', [drip, drip, drip, drip, fast]],
    ['four before it at a hundredth of its rate', [fast / 100, fast / 100, fast / 100, fast / 100, fast]],
  ];
  for (const [what, rates] of rows)
    it(`of which one is fast are hardly slower than the fast one: ${what}`, () => {
      const { world } = worldOf(rates);
      const time = world.untilDone(HOUR);
      assert.ok(time < 2 * alone + 60 * SECOND, `${time} ms with all, ${alone} ms with the fast one`);
      world.end();
    });

  it('of which the fast one gives only whole files are hardly slower than that one', () => {
    const { world, mirrors } = worldOf([slow, slow, slow, slow, fast]);
    const whole = mirrors[4] as Mirror;
    whole.answer = () => ({ head: { status: 200, contentRange: null, contentLength: ONE.content.length } });
    const time = world.untilDone(HOUR);
    assert.ok(time < 2 * alone + 60 * SECOND, `${time} ms with all, ${alone} ms with the fast one`);
    world.end();
  });

  it('of which one is fast give nearly everything by that one', () => {
    const { world, mirrors } = worldOf([slow, slow, fast]);
    world.untilDone(HOUR);
    const sent = mirrors.map((mirror) => mirror.sent);
    assert.ok((sent[2] as number) > 0.99 * ONE.content.length, sent.join(', '));
    world.end();
  });

  for (const count of [1, 2])
    it(`that are all slow give everything all the same, and are not interrupted: ${count}`, () => {
      const { world, mirrors } = worldOf(Array.from({ length: count }, () => slow));
      const time = world.untilDone(24 * HOUR);
      assert.ok(time < (1.1 * ONE.content.length * SECOND) / slow / count, `${time} ms`);
      const sent = mirrors.reduce((sum, mirror) => sum + mirror.sent, 0);
      assert.ok(sent < 1.01 * ONE.content.length, `${sent} bytes sent`);
      assert.doesNotMatch(world.swarm.log.join('\n'), /so slow/);
      world.end();
    });

  it('that are about equally fast do not take over from each other in turn', () => {
    const large = sampleTorrent([{ path: 'one', length: 24 * MIB + 5 }], 4 * MIB);
    const { world, mirrors } = worldOf([16 * KIB, 20 * KIB, 24 * KIB], {}, large);
    world.untilDone(HOUR);
    const asked = mirrors.map((mirror) => mirror.asked.length);
    assert.ok(asked.reduce((sum, each) => sum + each, 0) <= 10, asked.join());
    world.end();
  });

  it('are all asked when they are equally fast, though only four are asked at once', () => {
    const { world, mirrors } = worldOf(Array.from({ length: 6 }, () => 256 * KIB));
    world.untilDone(HOUR);
    for (const { sent } of mirrors) assert.ok(sent > ONE.content.length / 12, mirrors.map((each) => each.sent).join());
    world.end();
  });

  it('do not take over from each other when it is the limit that makes them slow', () => {
    const { world, mirrors } = worldOf([MIB, MIB, MIB, MIB, MIB], { session: { maxDownload: 4 * KIB } });
    const time = world.untilDone(2 * HOUR);
    assert.ok(time < 1.02 * (ONE.content.length / (4 * KIB)) * SECOND, `${time} ms`);
    const sent = mirrors.reduce((sum, mirror) => sum + mirror.sent, 0);
    assert.ok(sent < 1.01 * ONE.content.length, `${sent} bytes sent`);
    assert.doesNotMatch(world.swarm.log.join('\n'), /so slow/);
    world.end();
  });

  it('do without a slow one for a while, but not when the others fail', () => {
    const { world, mirrors } = worldOf([slow, MIB]);
    const [steady, failing] = mirrors as [Mirror, Mirror];
    let isGone = false;
    failing.answer = ({ begin, end }) => {
      isGone ||= /so slow that others are asked in its place/.test(world.swarm.log.join('\n'));
      return isGone ? { head: { status: 500 } } : { body: ONE.content.subarray(begin, end) };
    };
    world.swarm.timeline.runUntil(() => isGone, HOUR);
    world.swarm.timeline.run(2 * SECOND);
    assert.deepEqual([isGone, steady.asked.length], [true, 2]);
    const time = world.untilDone(HOUR);
    assert.ok(time < 1_400 * SECOND, `${time} ms`);
    world.end();
  });
});

/** The sentences about wrong bytes of pieces over several files. */
const told = ({ swarm }: World): readonly string[] => swarm.log.filter((line) => / which is over \d files/.test(line));

describe('a mirror that fails', () => {
  /** Each answers so a few times, and well from then on. The file comes all the same, within the time. */
  const faults: readonly [string, MirrorAnswer, count: number, limit: Millis][] = [
    ['with 404', { head: { status: 404 } }, 2, 120 * SECOND],
    ['with 416', { head: { status: 416 } }, 2, 120 * SECOND],
    ['with 500', { head: { status: 500 } }, 2, 120 * SECOND],
    ['with 503 for ten seconds', { head: { status: 503, retryAfter: 10 } }, 1, 20 * SECOND],
    ['with a packed answer', { head: { contentEncoding: 'gzip', contentLength: 1_234 } }, 1, 60 * SECOND],
    ['with another range', { head: { contentRange: `bytes 0-9/${ONE.content.length}` } }, 1, 60 * SECOND],
    ['with a short answer', { body: ONE.content.subarray(0, 100_000) }, 1, 20 * SECOND],
    [
      'in the middle',
      { body: ONE.content.subarray(0, 50_000), end: { host: 'a.test', kind: 'cut', message: 'cut' } },
      1,
      20 * SECOND,
    ],
    [
      'to take connections',
      { fails: true, end: { host: 'a.test', kind: 'unreachable', message: 'refused' } },
      2,
      120 * SECOND,
    ],
    [
      'since no name server answers',
      { fails: true, end: { host: 'a.test', kind: 'no-answer', message: 'a.test was not found: ETIMEOUT' } },
      2,
      120 * SECOND,
    ],
    [
      'since our own proxy does',
      { fails: true, end: { host: 'a.test', kind: 'no-proxy', message: 'the proxy is not there' } },
      6,
      200 * SECOND,
    ],
  ];
  for (const [what, answer, count, limit] of faults)
    it(`${what} is asked again after a wait`, () => {
      const mirror = mirrorOf(ONE, URL_OF_ONE, 8 * MIB);
      mirror.answer = (request, number) =>
        number <= count && (answer.body === undefined || request.begin === 0) ? answer : {};
      const world = new World(ONE, { [URL_OF_ONE]: mirror }, { torrent: { sequential: true } });
      world.untilDone(limit);
      world.end();
    });

  for (const kind of ['unreachable', 'no-host', 'no-answer'] as const)
    it(`for hours (${kind}) is asked at once when the machine comes to another network`, () => {
      let isAway = true;
      const networkWatch = new FakeNetworkWatch();
      const mirror = mirrorOf(ONE, URL_OF_ONE, 8 * MIB);
      mirror.answer = () => (isAway ? { fails: true, end: { host: 'a.test', kind, message: 'away' } } : {});
      const world = new World(ONE, { [URL_OF_ONE]: mirror }, { networkWatch, torrent: { trackers: [] } });
      world.swarm.timeline.run(3 * HOUR + 7 * SECOND);
      isAway = false;
      networkWatch.tell();
      world.untilDone(10 * SECOND);
      world.end();
    });

  it('with 503 for an hour is not asked before, in another network either', () => {
    const networkWatch = new FakeNetworkWatch();
    const mirror = mirrorOf(ONE, URL_OF_ONE, 8 * MIB);
    mirror.answer = (_request, count) => (count === 1 ? { head: { status: 503, retryAfter: 3_600 } } : {});
    const world = new World(ONE, { [URL_OF_ONE]: mirror }, { networkWatch, torrent: { trackers: [] } });
    for (let minute = 0; minute < 59; minute += 1) {
      world.swarm.timeline.run(60 * SECOND);
      networkWatch.tell();
    }
    assert.equal(mirror.asked.length, 1);
    world.untilDone(120 * SECOND);
    world.end();
  });

  it('since our own proxy does is not blamed for it, and the proxy is named once', () => {
    const mirror = mirrorOf(ONE, URL_OF_ONE, 8 * MIB);
    const ways = ['no-proxy', 'no-proxy', 'no-proxy', 'unreachable'] as const;
    mirror.answer = (_request, count) => {
      const kind = ways[count - 1];
      return kind === undefined ? {} : { fails: true, end: { host: 'a.test', kind, message: `trouble: ${kind}` } };
    };
    const world = new World(ONE, { [URL_OF_ONE]: mirror });
    // What is the mirror's fault afterwards is its first one.
    world.untilDone(125 * SECOND);
    assert.equal(world.swarm.log.filter((line) => line.includes('trouble: no-proxy')).length, 1);
    world.end();
  });

  it('is named as it was asked at last when the fault is its own, and its file when it is of that file', () => {
    const end = { host: 'cdn.example:8080', kind: 'unreachable', message: 'the connection was refused' } as const;
    const rows: readonly [MirrorAnswer, string][] = [
      [{ fails: true, end }, 'cdn.example:8080: the connection was refused'],
      [{ head: { host: 'cdn.example:8080', status: 503 } }, 'cdn.example:8080: HTTP status 503'],
      [{ head: { host: 'cdn.example:8080', status: 429 } }, 'cdn.example:8080: HTTP status 429'],
      [
        { fails: true, end: { ...end, kind: 'no-host', message: 'cdn.example was not found' } },
        'cdn.example was not found',
      ],
      [{ head: { host: 'cdn.example:8080', status: 404 } }, '0: HTTP status 404'],
      [{ fails: true, end: { ...end, kind: 'bad-answer', message: 'not an HTTP answer' } }, '0: not an HTTP answer'],
    ];
    for (const [answer, expected] of rows) {
      const mirror = mirrorOf(MANY, MANY_URL, 8 * MIB);
      mirror.answer = () => answer;
      const world = new World(MANY, { [MANY_URL]: mirror }, { torrent: { sequential: true } });
      world.swarm.timeline.runUntil(() => world.leech.torrent.status().webSeeds.fault !== null, 10 * SECOND);
      assert.equal(world.leech.torrent.status().webSeeds.fault, `web seed ${MANY_URL}: ${expected}`);
    }
  });

  it('for good is left alone, asked ever more rarely, and named when the download stalls', () => {
    const mirror = mirrorOf(ONE, URL_OF_ONE, 8 * MIB);
    mirror.answer = () => ({ head: { status: 404 } });
    const world = new World(ONE, { [URL_OF_ONE]: mirror });
    world.swarm.timeline.run(6 * HOUR);
    assert.ok(mirror.asked.length >= 8 && mirror.asked.length < 16, `${mirror.asked.length} requests in six hours`);
    const { state, webSeeds } = world.leech.torrent.status();
    assert.deepEqual(
      [state, webSeeds.inUse, webSeeds.fault],
      ['stalled', 0, `web seed ${URL_OF_ONE}: one: HTTP status 404`],
    );
    world.swarm.stop();
    assert.equal(world.swarm.timeline.pending, 0);
  });

  const cut = { host: 'a.test', kind: 'cut', message: 'cut' } as const;

  it('by closing each answer after a while is used all the time', () => {
    const mirror = mirrorOf(ONE, URL_OF_ONE, 4 * MIB);
    mirror.answer = ({ begin, end }) => ({
      body: ONE.content.subarray(begin, Math.min(end, begin + 150_000)),
      end: cut,
    });
    const world = new World(ONE, { [URL_OF_ONE]: mirror });
    const time = world.untilDone(HOUR);
    // A sixth of a second passes until an answer of this length is over.
    assert.ok(time < 2 * 6 * SECOND, `${time} ms`);
    assert.equal(mirror.sent, ONE.content.length);
    assert.equal(world.leech.torrent.status().webSeeds.fault, null);
    world.end();
  });

  it('by closing each answer after next to nothing is left alone for a while again and again', () => {
    for (const length of [0, 1, 1_000]) {
      const mirror = mirrorOf(ONE, URL_OF_ONE, 4 * MIB);
      mirror.answer = ({ begin }) => ({ body: ONE.content.subarray(begin, begin + length), end: cut });
      const world = new World(ONE, { [URL_OF_ONE]: mirror });
      world.swarm.timeline.run(120 * SECOND);
      assert.match(world.leech.torrent.status().webSeeds.fault ?? '', /cut$/, String(length));
      assert.ok(mirror.asked.length <= 16, `${mirror.asked.length} requests for ${length} bytes each`);
      world.swarm.stop();
    }
  });

  /** Answers with the first `most` bytes of what is asked for, and says so. */
  const capped =
    (most: number) =>
    ({ begin, end }: { readonly begin: number; readonly end: number }): MirrorAnswer => {
      const last = Math.min(end, begin + most) - 1;
      return {
        head: { contentRange: `bytes ${begin}-${last}/${ONE.content.length}` },
        body: ONE.content.subarray(begin, last + 1),
      };
    };

  it('to give more than so many bytes at once is asked on for the rest', () => {
    const mirror = mirrorOf(ONE, URL_OF_ONE, 4 * MIB);
    mirror.answer = capped(100_000);
    const world = new World(ONE, { [URL_OF_ONE]: mirror });
    const time = world.untilDone(HOUR);
    assert.ok(time < 3 * 6 * SECOND, `${time} ms`);
    assert.equal(mirror.sent, ONE.content.length);
    assert.ok(mirror.asked.length < 1.2 * (ONE.content.length / 100_000), `${mirror.asked.length} requests`);
    assert.equal(world.leech.torrent.status().webSeeds.fault, null);
    world.end();
  });

  it('to give more than a few bytes at once is left alone for a while again and again', () => {
    for (const most of [1, 1_000]) {
      const [mirror, good] = [mirrorOf(ONE, URL_OF_ONE, 4 * MIB), mirrorOf(ONE, 'http://good.example/one', 64 * KIB)];
      mirror.answer = capped(most);
      const world = new World(ONE, { [URL_OF_ONE]: mirror, 'http://good.example/one': good });
      const time = world.untilDone(HOUR);
      // The other one takes 384 s.
      assert.ok(time < 400 * SECOND, `${time} ms`);
      assert.ok(mirror.asked.length <= 4 * 14, `${mirror.asked.length} requests for ${most} bytes each`);
      world.end();
    }
  });

  it('by sending more than its head says is asked anew for what lies behind', () => {
    const mirror = mirrorOf(ONE, URL_OF_ONE, 4 * MIB);
    mirror.answer = (request) => {
      const { head, body } = capped(100_000)(request);
      return { head: head ?? {}, body: Buffer.concat([body ?? assert.fail(), Buffer.alloc(MIB, 1)]) };
    };
    const world = new World(ONE, { [URL_OF_ONE]: mirror });
    world.untilDone(HOUR);
    world.end();
  });

  it('by closing an answer and then not answering is asked once more before it is left alone', () => {
    for (const failures of [1, 2]) {
      const mirror = mirrorOf(ONE, URL_OF_ONE, 4 * MIB);
      mirror.answer = ({ begin }, count) => {
        if (count === 1) return { body: ONE.content.subarray(begin, begin + 150_000), end: cut };
        return count <= 1 + failures ? { fails: true, end: { ...cut, kind: 'unreachable' } } : {};
      };
      const world = new World(ONE, { [URL_OF_ONE]: mirror });
      const time = world.untilDone(HOUR);
      assert.equal(time > 30 * SECOND, failures === 2, `${time} ms after ${failures}`);
      world.end();
    }
  });

  it('by closing answers of the whole file is not asked in haste, for it sends again what we have', () => {
    const mirror = mirrorOf(ONE, URL_OF_ONE, 64 * MIB);
    const head = { status: 200, contentRange: null, contentLength: ONE.content.length };
    mirror.answer = (_request, count) => ({ head, body: ONE.content.subarray(0, count * 1.1 * MIB), end: cut });
    const world = new World(ONE, { [URL_OF_ONE]: mirror });
    world.swarm.timeline.run(SECOND);
    assert.equal(mirror.asked.length, 1);
    world.swarm.timeline.run(SECOND);
    assert.equal(mirror.asked.length, 2);
    world.swarm.stop();
  });

  it('with 403 is not asked again', () => {
    const mirror = mirrorOf(ONE, URL_OF_ONE, 8 * MIB);
    mirror.answer = () => ({ head: { status: 403 } });
    const world = new World(ONE, { [URL_OF_ONE]: mirror });
    world.swarm.timeline.run(2 * HOUR);
    assert.equal(mirror.asked.length, 1);
    world.swarm.stop();
  });

  it('by sending without end is cut off where our range ends', () => {
    const mirror = mirrorOf(ONE, URL_OF_ONE, 8 * MIB);
    mirror.answer = ({ begin }) => ({ body: Buffer.concat([ONE.content.subarray(begin), Buffer.alloc(64 * MIB)]) });
    const world = new World(ONE, { [URL_OF_ONE]: mirror }, { torrent: { sequential: true } });
    world.untilDone(60 * SECOND);
    assert.ok(mirror.sent < 1.2 * ONE.content.length, `${mirror.sent} bytes sent`);
    world.end();
  });

  it('to give ranges is read from the begin to the end, once', () => {
    const mirror = mirrorOf(ONE, URL_OF_ONE, 8 * MIB);
    mirror.answer = () => ({ head: { status: 200, contentRange: null, contentLength: ONE.content.length } });
    const world = new World(ONE, { [URL_OF_ONE]: mirror });
    world.untilDone(60 * SECOND);
    assert.ok(mirror.sent < 1.5 * ONE.content.length, `${mirror.sent} bytes sent`);
    world.end();
  });

  it('with wrong bytes in a torrent of one file is asked no more, and another one gives the rest', () => {
    const [bad, good] = [mirrorOf(ONE, URL_OF_ONE, 8 * MIB), mirrorOf(ONE, 'http://good.example/one', MIB)];
    bad.answer = ({ begin, end }) => ({ body: Buffer.alloc(end - begin, 1) });
    const world = new World(ONE, { [URL_OF_ONE]: bad, 'http://good.example/one': good });
    world.untilDone(60 * SECOND);
    assert.ok(bad.asked.length <= 3, `${bad.asked.length} requests`);
    assert.match(world.swarm.log.join('\n'), /web seed http:\/\/mirror\.example\/one: it has sent wrong bytes/);
    world.end();
  });

  it('with wrong bytes in one file of several still gives the others', () => {
    const torrent = v2Torrent(MANY_FILES, 64 * KIB, '2');
    const [bad, good] = [mirrorOf(torrent, MANY_URL, 8 * MIB), mirrorOf(torrent, 'http://good.example/', 64 * KIB)];
    bad.answer = ({ url, begin, end }) => (url.whole.endsWith('/7') ? { body: Buffer.alloc(end - begin, 1) } : {});
    const world = new World(torrent, { [MANY_URL]: bad, 'http://good.example/': good });
    world.untilDone(120 * SECOND);
    assert.match(world.swarm.log.join('\n'), /mirror\.example\/: 7: wrong bytes/);
    assert.doesNotMatch(world.swarm.log.join('\n'), /asked no more|good\.example/);
    const sevens = bad.asked.filter(({ url }) => url.whole.endsWith('/7')).length;
    assert.ok(sevens > 0 && sevens <= 3, `${sevens} requests for the wrong file`);
    world.end();
  });

  for (const [what, torrent, url, verdict] of [
    ['for a torrent of one file', ONE, URL_OF_ONE, /asked no more/],
    ['for each file', v2Torrent(MANY_FILES, 64 * KIB, '2'), MANY_URL, /: (\d+): wrong bytes/],
  ] as const)
    it(`is told once of its wrong bytes, ${what}, however many pieces come before the first hash`, () => {
      const bad = mirrorOf(torrent, url, 8 * MIB);
      bad.answer = ({ begin, end }) => ({ body: Buffer.alloc(end - begin, 1) });
      const world = new World(torrent, { [url]: bad }, { diskLatency: 500 });
      world.swarm.timeline.run(120 * SECOND);
      const said = world.swarm.log.flatMap((line) => verdict.exec(line)?.at(-1) ?? []);
      assert.ok(said.length > 0);
      assert.equal(new Set(said).size, said.length, said.join());
      world.swarm.stop();
    });

  it('with HTML for a piece over several files loses that piece alone', () => {
    const [bad, good] = [mirrorOf(MANY, MANY_URL, 8 * MIB), mirrorOf(MANY, 'http://good.example/', 64 * KIB)];
    let lied = false;
    bad.answer = ({ url, begin, end }) => {
      if (lied || !url.whole.endsWith('/3')) return {};
      lied = true;
      return { body: Buffer.from('<html>'.padEnd(end - begin, ' ')) };
    };
    const world = new World(MANY, { [MANY_URL]: bad, 'http://good.example/': good });
    world.untilDone(120 * SECOND);
    assert.ok(lied);
    world.end();
  });

  for (const giving of ['parts', 'whole files'] as const)
    it(`with wrong bytes of each piece over several files is barred for these pieces alone: it gives ${giving}`, () => {
      const { files, pieceCount, pieceLength } = LONG.metainfo;
      const shared = new Set(files.slice(1).map(({ begin }) => Math.floor(begin / pieceLength)));
      const bad = mirrorOf(LONG, MANY_URL, 8 * MIB);
      const barred = (): ReadonlySet<number> =>
        new Set(bad.asked.length === 0 ? [] : told(world).map((line) => Number(/piece (\d+),/.exec(line)?.[1])));
      bad.answer = ({ url, begin, end }) => {
        const file = bad.fileAt(url.whole);
        const at = files[file]?.begin ?? assert.fail(url.whole);
        if (giving === 'parts')
          for (const piece of barred())
            assert.ok(at + end <= piece * pieceLength || at + begin >= (piece + 1) * pieceLength, `piece ${piece}`);
        // The first byte of a file lies in a piece in which the file before it ends.
        const bytes = Buffer.from(LONG.fileBytes(file));
        if (file > 0) bytes[0] = (bytes[0] ?? 0) ^ 1;
        if (giving === 'parts') return { body: bytes.subarray(begin, end) };
        const isFirst = bad.asked.filter((request) => request.url.whole === url.whole).length === 1;
        const head = { status: 200, contentRange: null, contentLength: bytes.length };
        // What is asked for next lies too far from the begin of the file.
        return { head, body: isFirst ? bytes.subarray(0, 2 * MIB) : bytes };
      };
      const world = new World(LONG, { [MANY_URL]: bad });
      world.swarm.timeline.run(6 * HOUR);
      assert.equal(told(world).length, shared.size);
      assert.deepEqual(barred(), shared);
      const right = Array.from({ length: pieceCount }, (_, piece) => piece).filter((piece) => !shared.has(piece));
      const length = right.reduce((sum, piece) => sum + LONG.bytesOf(piece).length, 0);
      assert.equal(world.leech.torrent.status().have, length);
      world.swarm.stop();
      assert.equal(world.swarm.timeline.pending, 0);
    });

  it('by silence in the middle of a run is overtaken by peers', () => {
    const mirror = mirrorOf(ONE, URL_OF_ONE, 8 * MIB);
    mirror.answer = ({ begin }) => ({ body: ONE.content.subarray(begin, begin + 100_000), end: null });
    const world = new World(ONE, { [URL_OF_ONE]: mirror }, {}, [8 * MIB]);
    const time = world.untilDone(HOUR);
    assert.ok(time < 8 * SECOND, `${time} ms`);
    world.end();
  });

  it('with 429 to a second connection keeps the first', () => {
    const mirror = mirrorOf(ONE, URL_OF_ONE, 16 * MIB);
    let open = 0;
    mirror.answer = () => {
      open += 1;
      return open % 3 === 0 ? { head: { status: 429, retryAfter: null } } : {};
    };
    const world = new World(ONE, { [URL_OF_ONE]: mirror });
    world.untilDone(HOUR);
    world.end();
  });
});
