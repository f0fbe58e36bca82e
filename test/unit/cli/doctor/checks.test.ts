import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { BtgetError } from '../../../../src/base/failure.js';
import { failureOf, findingJson, findingLine } from '../../../../src/cli/doctor/finding.js';
import { checkDescriptors, checkDisk } from '../../../../src/cli/doctor/machine-checks.js';
import { checkRoutes } from '../../../../src/cli/doctor/route-checks.js';
import { checkSession, type ProbedSession } from '../../../../src/cli/doctor/session-checks.js';
import { checkTrackers } from '../../../../src/cli/doctor/tracker-checks.js';
import type {
  AnnounceOutcome,
  AnnounceRequest,
  ScrapedTorrent,
  ScrapeOutcome,
  TrackerClient,
  TrackerScraper,
} from '../../../../src/discovery/trackers/tracker-client.js';
import { swarmsOf } from '../../../../src/metainfo/info-hash.js';
import type { SourcedUrl } from '../../../../src/net/url-rule.js';
import { answer, DOWN } from '../../../support/fakes/fake-tracker.js';
import { realTimers } from '../../../support/real-timers.js';
import { byUser } from '../../../support/sourced-url.js';

test('a machine without one family of addresses gets a warning, and without both the checks fail', async () => {
  const rows: readonly [string | null, string | null, string][] = [
    ['203.0.113.5', '2001:db8:1::5', 'ok ok'],
    ['10.0.0.5', null, 'ok warning'],
    [null, '2001:db8:1::5', 'warning ok'],
    [null, null, 'failed failed'],
  ];
  for (const [ipv4, ipv6, states] of rows) {
    const findings = await checkRoutes(null, async (family) => (family === 4 ? ipv4 : ipv6));
    assert.equal(findings.map(({ state }) => state).join(' '), states);
  }
  const [translated, direct] = await checkRoutes(null, async (family) => (family === 4 ? '10.0.0.5' : '2001:db8:1::5'));
  assert.match(translated!.message, /router translates/);
  assert.doesNotMatch(direct!.message, /router translates/);
});

test('with --bind the kernel is not asked for a route', async () => {
  const never = () => assert.fail('the kernel was asked');
  const findings = await checkRoutes({ ipv4: '127.0.0.1' }, never);
  assert.deepEqual(
    findings.map(({ state, message }) => [state, message]),
    [
      ['ok', 'IPv4 is bound to 127.0.0.1: nothing leaves this machine'],
      ['skipped', '--bind leaves IPv6 out'],
    ],
  );
});

test('a missing folder is checked by the first existing one above it, and the free room by the length of the content', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'btget-doctor-'));
  try {
    const below = join(dir, 'not', 'yet');
    assert.equal((await checkDisk(below, null)).state, 'ok');
    assert.equal((await checkDisk(below, 1)).state, 'ok');
    const full = await checkDisk(below, Number.MAX_SAFE_INTEGER);
    assert.deepEqual([full.state, failureOf(full)?.code], ['failed', 'disk-full']);
    writeFileSync(join(dir, 'file'), '');
    writeFileSync(join(dir, 'program'), '', { mode: 0o755 });
    symlinkSync(join(dir, 'nowhere'), join(dir, 'link'));
    for (const path of ['file/below', 'file', 'program', 'program/below', 'link', 'link/below']) {
      const blocked = await checkDisk(join(dir, path), null);
      assert.deepEqual([path, blocked.state, failureOf(blocked)?.code], [path, 'failed', 'cannot-open']);
    }
  } finally {
    rmSync(dir, { recursive: true });
  }
});

test('a low limit of open files gives a warning, and a system that tells no limit skips the check', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'btget-doctor-'));
  const limits = (soft: string): string => {
    const path = join(dir, 'limits');
    writeFileSync(
      path,
      `Limit  Soft Limit  Hard Limit  Units\nMax open files            ${soft}         1048576     files\n`,
    );
    return path;
  };
  try {
    assert.equal((await checkDescriptors(limits('256'))).state, 'warning');
    assert.equal((await checkDescriptors(limits('1024'))).state, 'ok');
    assert.equal((await checkDescriptors(limits('unlimited'))).state, 'ok');
    assert.equal((await checkDescriptors(join(dir, 'none'))).state, 'skipped');
  } finally {
    rmSync(dir, { recursive: true });
  }
});

test('a port that cannot be opened for want of descriptors is told so, and any other with a hint of its own', async () => {
  const session = (cause: string): ProbedSession => ({
    listen: (answered) => answered({ ok: false, failure: new BtgetError('network', 'cannot listen', { cause }) }),
    enterDht: () => assert.fail('no port, no DHT'),
    dhtStatus: () => null,
    portMapping: () => null,
  });
  const { signal } = new AbortController();
  const lines = [];
  for (const cause of ['EMFILE', 'in-use']) {
    const { port, findings } = await checkSession(session(cause), realTimers, signal);
    lines.push([port, ...findings.map(({ message, hint, failure }) => `${failure}: ${message} (${hint})`)]);
  }
  assert.deepEqual(lines, [
    [null, 'cannot-open: too few files may be open at once (EMFILE); raise the limit with ulimit -n (null)'],
    [null, 'network: cannot listen (another program may have the port; --port names others)'],
  ]);
});

test('the look at the session ends as soon as the user has had enough', async () => {
  const over = new AbortController();
  const silent = {
    families: [],
    routers: [{ host: 'router.example', port: 6881, state: 'asked' }],
  } as unknown as ReturnType<ProbedSession['dhtStatus']>;
  const session: ProbedSession = {
    listen: (answered) => answered({ ok: true, port: 6881 }),
    enterDht: () => setImmediate(() => over.abort()),
    dhtStatus: () => silent,
    portMapping: () => [],
  };
  let tasks = 0;
  const timers = {
    now: () => 0,
    addTask: () => {
      tasks += 1;
      return { cancel: () => (tasks -= 1) };
    },
  };
  assert.equal((await checkSession(session, timers, over.signal)).port, 6881);
  assert.equal(tasks, 0, 'no timer is left');
});

class Trackers implements TrackerClient, TrackerScraper {
  readonly announced: AnnounceRequest[] = [];
  readonly #scraped: (url: string, infoHash: Buffer) => ScrapeOutcome;
  readonly #answer: AnnounceOutcome;

  constructor(scraped: (url: string, infoHash: Buffer) => ScrapeOutcome, answered: AnnounceOutcome) {
    this.#scraped = scraped;
    this.#answer = answered;
  }

  announce(request: AnnounceRequest, answered: (outcome: AnnounceOutcome) => void): { cancel(): void } {
    this.announced.push(request);
    setImmediate(() => answered(this.#answer));
    return { cancel: () => undefined };
  }

  scrape(
    { url }: SourcedUrl,
    [infoHash, ...others]: readonly Buffer[],
    answered: (outcome: ScrapeOutcome) => void,
  ): { cancel(): void } {
    if (infoHash === undefined || others.length > 0) assert.fail('a scrape is of one torrent');
    setImmediate(() => answered(this.#scraped(url.whole, infoHash)));
    return { cancel: () => undefined };
  }
}

const about = {
  swarms: swarmsOf({ infoHash: Buffer.alloc(20, 7), infoHashV2: null }),
  peerId: Buffer.alloc(20, 8),
  port: 6881,
};
const counted = (torrent: ScrapedTorrent | null): ScrapeOutcome => ({ ok: true, torrents: [torrent] });

test('a tracker that answers a scrape gets no announce', async () => {
  const client = new Trackers(() => counted({ seeds: 3, downloaded: 9, leeches: 1 }), DOWN);
  const [finding] = await checkTrackers([byUser('http://user:secret@t.example/announce')], { client, ...about });
  assert.deepEqual([finding!.state, finding!.message], ['ok', 'http://t.example/announce: 3 seeds, 1 downloading']);
  assert.equal(client.announced.length, 0);
});

test('a tracker of a hybrid is asked how both swarms stand', async () => {
  const [v1, v2] = [Buffer.alloc(20, 1), Buffer.alloc(20, 2)];
  const swarms = swarmsOf({ infoHash: v1, infoHashV2: v2 });
  const messageOf = async (ofV1: ScrapeOutcome, ofV2: ScrapeOutcome) => {
    const client = new Trackers((_url, infoHash) => (infoHash.equals(v1) ? ofV1 : ofV2), answer());
    const [finding] = await checkTrackers([byUser('udp://t:1/')], { client, ...about, swarms });
    const said = `${finding!.state} ${finding!.message.split(': ').at(-1)}`;
    return client.announced.length === 0 ? said : `${said} +`;
  };
  const [three, none] = [counted({ seeds: 3, downloaded: 0, leeches: 1 }), counted(null)];
  const silent: ScrapeOutcome = { ok: false, code: 'timeout', message: 'silent' };
  assert.equal(
    await messageOf(three, counted({ seeds: 1, downloaded: 0, leeches: 0 })),
    'ok 3 seeds, 1 downloading (v1); 1 seed, 0 downloading (v2)',
  );
  assert.equal(await messageOf(three, none), 'ok 3 seeds, 1 downloading (v1); no peer (v2)');
  assert.equal(await messageOf(none, three), 'ok no peer (v1); 3 seeds, 1 downloading (v2)');
  assert.equal(await messageOf(silent, three), 'ok 3 seeds, 1 downloading (v2)');
  assert.equal(await messageOf(none, none), 'warning answers, and knows no peer of this torrent +');
  assert.equal(await messageOf(silent, none), 'ok answers; it does not tell counts (silent) +');
});

test("a tracker without a scrape gets a 'stopped' announce, which makes us no peer", async () => {
  const client = new Trackers(() => ({ ok: false, code: 'forbidden', message: 'no scrape' }), answer());
  const [finding] = await checkTrackers([byUser('http://t.example/a')], { client, ...about });
  assert.equal(finding!.state, 'ok');
  assert.deepEqual(
    client.announced.map(({ event, numwant }) => [event, numwant]),
    [['stopped', 0]],
  );
});

test('a tracker that does not know the torrent gives a warning, and one that does not answer fails', async () => {
  const stranger = new Trackers(() => counted(null), answer());
  assert.equal((await checkTrackers([byUser('udp://t:1/')], { client: stranger, ...about }))[0]!.state, 'warning');
  const down = new Trackers(() => ({ ok: false, code: 'timeout', message: 'no answer' }), DOWN);
  const [finding] = await checkTrackers([byUser('udp://t:1/')], { client: down, ...about });
  assert.deepEqual([finding!.state, failureOf(finding!)?.code], ['failed', 'network']);
});

test('fifty trackers are asked at the most, and the others are counted', async () => {
  const asked: string[] = [];
  const client = new Trackers((url) => {
    asked.push(url);
    return counted({ seeds: 1, downloaded: 0, leeches: 0 });
  }, DOWN);
  const urls = Array.from({ length: 10_000 }, (_, at) => `http://victim.example/${at}/announce`);
  const findings = await checkTrackers(urls.map(byUser), { client, ...about });
  assert.deepEqual([asked.length, findings.length], [50, 51]);
  assert.deepEqual([findings[50]!.state, findings[50]!.message], ['warning', '9,950 more trackers not asked']);
});

test('findings come in the order of the trackers, even when their answers do not', async () => {
  const client = new Trackers((url) => counted({ seeds: url.length, downloaded: 0, leeches: 0 }), DOWN);
  const findings = await checkTrackers([byUser('http://c/'), byUser('http://bb/'), byUser('http://a/')], {
    client,
    ...about,
  });
  assert.deepEqual(
    findings.map(({ message }) => message.split(':').slice(0, 2).join(':')),
    ['http://c/', 'http://bb/', 'http://a/'],
  );
});

test('control characters from a tracker never reach the terminal, and JSON is one line', () => {
  const finding = {
    check: 'tracker',
    state: 'failed',
    message: 'http://t/: \x1b[31m\nbad',
    hint: null,
    failure: 'network',
  } as const;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: those that must not be there.
  assert.doesNotMatch(findingLine(finding), /[\x00-\x1f]/);
  assert.equal(findingJson(finding).split('\n').length, 1);
  assert.equal(JSON.parse(findingJson(finding)).code, 'network');
});
