import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { BtgetError } from '../../../src/base/failure.js';
import { readCommandLine } from '../../../src/cli/command-line.js';
import { type RunDeps, runTorrents } from '../../../src/cli/commands/run-torrents.js';
import { peersWithin } from '../../../src/cli/commands/session-values.js';
import { OPTIONS } from '../../../src/cli/options.js';
import { Deadline } from '../../../src/cli/run/deadline.js';
import { listSourcesWithin } from '../../../src/cli/source/source-list.js';
import { type ReadBlocklist, readBlocklist } from '../../../src/session/node-blocklists.js';
import { DEFAULT_SESSION_OPTIONS } from '../../../src/session/session-options.js';
import { DEFAULT_TORRENT_OPTIONS } from '../../../src/torrent/torrent-options.js';
import { Timeline } from '../../support/simulation/timeline.js';
import { FakeIo } from './support/fake-io.js';
import { FakeSession, makeMetainfo } from './support/fake-session.js';

/** Starts a download with a session that the test drives. The sources are URLs, and their fetches answer at once. */
function start(argv: readonly string[], more: Partial<RunDeps> = {}) {
  const io = new FakeIo();
  const session = new FakeSession();
  const spec = { name: 'download', arguments: '[source...]', summary: '', examples: [], notes: [], options: OPTIONS };
  const line = readCommandLine(spec, argv, io);
  if (line.kind === 'help') throw new Error('no help was asked for');
  const deps: RunDeps = {
    stdin: io.stdin,
    fetch: async (url) => Buffer.from(url.split('/').at(-1) ?? ''),
    resolve: async () => [],
    parse: (bytes) => makeMetainfo(bytes.toString()),
    createSession: session.create,
    readBlocklist: async () => null,
    ...more,
  };
  const deadline = new Deadline(line.values.timeout, io.timers);
  return { io, session, ended: runTorrents('download', line.args, line.values, io, deps, deadline) };
}

/** Resolves when all promises that can settle have settled. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('without options everything is at its default', async () => {
  const { io, session, ended } = start(['http://x/a', 'http://x/b']);
  await settled();
  assert.deepEqual(session.options, DEFAULT_SESSION_OPTIONS);
  assert.deepEqual(
    session.torrents.map((torrent) => torrent.options),
    [DEFAULT_TORRENT_OPTIONS, DEFAULT_TORRENT_OPTIONS],
  );
  for (const torrent of session.torrents) {
    torrent.completes();
    torrent.events.goalReached();
  }
  assert.equal(await ended, 0);
  assert.deepEqual(io.exits, []);
  assert.equal(io.isListeningForCtrlC, false);
  assert.equal(io.timers.pending, 0);
});

test('0 means no limit, and a --seed-ratio of 0 seeds without end', async () => {
  const { io, session, ended } = start(
    'http://x/a --max-download 0 --max-upload 0K --timeout 0 --stop-timeout 0s --seed-ratio 0'.split(' '),
  );
  await settled();
  assert.deepEqual([session.options?.maxDownload, session.options?.maxUpload], [null, null]);
  assert.deepEqual(session.torrents[0]?.options.seedGoal, { ratio: null, time: null });
  io.timers.run(86_400_000);
  assert.ok(!session.log.includes('stop session'));
  session.torrents[0]?.completes();
  session.torrents[0]?.events.goalReached();
  assert.equal(await ended, 0);
});

test('each option reaches the session or the torrent', async () => {
  const options = `-d out -o name --seed-ratio 1.5 --seed-time 2h --max-download 10M --max-upload 500K --max-peers 9
    --upload-slots 3 --port 7000-7009 --bind 127.0.0.1 --peer 10.0.0.1:1 --peer [::1]:2 --tracker http://t/ --tracker udp://u:1/
    --no-trackers --web-seed http://w/ --no-web-seeds --encryption prefer --no-pex --no-dht --dht-node router.example:6881 --dht-node [::1]:9 --no-lsd --no-port-mapping
    --proxy socks5://10.0.0.9:1080 --listen-anyway --select 1-3 --select *.mkv --exclude *.txt --preallocate --check --overwrite --no-part --super-seed --sequential --reuse old --reuse /older`;
  const { io, session, ended } = start(['http://x/a', ...options.split(/\s+/)]);
  await settled();
  assert.deepEqual(session.options, {
    port: { first: 7000, last: 7009 },
    listen: true,
    bind: '127.0.0.1',
    blocklist: null,
    proxy: 'socks5://10.0.0.9:1080',
    listenAnyway: true,
    httpProxies: null,
    encryption: 'prefer',
    useLsd: false,
    usePortMapping: false,
    caCertificates: null,
    maxDownload: 10 * 1024 * 1024,
    maxUpload: 500 * 1024,
    useDht: false,
    dhtNodes: [
      { host: 'router.example', port: 6881 },
      { host: '::1', port: 9 },
    ],
    dhtState: null,
  });
  assert.deepEqual(session.torrents[0]?.options, {
    dir: 'out',
    outputName: 'name',
    mode: 'download',
    seedGoal: { ratio: 1.5, time: 7_200_000 },
    superSeed: true,
    sequential: true,
    onDemand: null,
    reuse: ['old', '/older'],
    overwrite: true,
    partNames: false,
    selection: { select: ['1-3', '*.mkv'], exclude: ['*.txt'], ranges: null },
    preallocate: true,
    check: true,
    maxPeers: 9,
    uploadSlots: 3,
    peers: [
      { host: '10.0.0.1', port: 1 },
      { host: '::1', port: 2 },
    ],
    linkPeers: [],
    trackers: ['http://t/', 'udp://u:1/'],
    useTorrentTrackers: false,
    webSeeds: ['http://w/'],
    useTorrentWebSeeds: false,
    usePex: false,
  });
  io.pressCtrlC();
  assert.equal(await ended, 7);
});

test('one Ctrl-C ends the run with a summary as the last line, and a second one ends the process at once', async () => {
  const { io, session, ended } = start(['http://x/a', '--json']);
  await settled();
  session.stops = false;
  io.pressCtrlC();
  io.timers.run(200);
  assert.deepEqual(io.exits, []);
  io.pressCtrlC();
  assert.deepEqual(io.exits, [7]);
  io.timers.run(2600);
  assert.equal(await ended, 7);
  assert.deepEqual([io.exits, io.patientExits], [[7], [7]], 'what does not stop is left behind');
  const last = JSON.parse(io.stdout.lines.at(-1)!);
  assert.deepEqual(last.torrents, [{ name: 'a', result: 'interrupted', have: 0, wanted: 1000 }]);
});

test('Ctrl-C during the fetch of a source ends the process with 7', async () => {
  const { io, ended } = start(['http://x/a', '--json'], { fetch: () => new Promise(() => undefined) });
  await settled();
  io.pressCtrlC();
  assert.equal(await ended, 7);
  assert.deepEqual([io.exits, io.patientExits], [[], [7]]);
  assert.deepEqual(
    io.stdout.lines.map((line) => JSON.parse(line).exitCode),
    [7],
  );
});

test('the command fails when the session cannot be made', async () => {
  const failure = new BtgetError('usage', 'no such interface');
  const { ended } = start(['http://x/a'], {
    createSession: () => {
      throw failure;
    },
  });
  await assert.rejects(ended, failure);
});

test('the program of --on-complete runs before the end, and its output goes to stderr', async () => {
  const script = 'console.log(process.env.BTGET_NAME, JSON.parse(process.env.BTGET_RESULT).paths[0])';
  const { io, session, ended } = start(['http://x/a', '--on-complete', `'${process.execPath}' -e '${script}'`]);
  await settled();
  session.torrents[0]?.completes();
  session.torrents[0]?.events.goalReached();
  assert.equal(await ended, 0);
  assert.equal(io.stdout.text, '');
  assert.ok(io.stderr.lines.includes('a out/a'), io.stderr.text);
});

/** A blocklist whose file the test changes. */
async function listIn(dir: string, text: string): Promise<{ path: string; list: ReadBlocklist }> {
  const path = join(dir, 'list');
  writeFileSync(path, text);
  return { path, list: await readBlocklist([path]) };
}

test('the blocklist is read before anything else, reaches the session, and is told of', async (context) => {
  const dir = mkdtempSync(join(tmpdir(), 'btget-list-'));
  context.after(() => rmSync(dir, { recursive: true }));
  const { list } = await listIn(dir, '192.0.2.0/24\nrubbish\n198.51.100.7');
  const asked: unknown[] = [];
  const { io, session, ended } = start(['http://x/a', '--json', '--blocklist', 'one', '--blocklist', 'http://x/two'], {
    readBlocklist: async (lists) => {
      asked.push(lists);
      return list;
    },
    fetch: async () => {
      asked.push('fetched');
      return Buffer.from('a');
    },
  });
  await settled();
  assert.deepEqual(asked, [['one', 'http://x/two'], 'fetched']);
  assert.equal(session.options?.blocklist, list);
  list.refuses('192.0.2.1', 'in');
  list.refuses('192.0.2.2', 'out');
  io.timers.run(59_000);
  const events = () =>
    io.stdout.lines
      .map((line) => JSON.parse(line))
      .filter(({ type }) => type === 'blocklist' || type === 'warning')
      .map(({ time: _time, ...event }) => event);
  const [read, warned] = [
    { type: 'blocklist', news: 'read', ranges: 2, refusedIn: 0, refusedOut: 0 },
    {
      type: 'warning',
      code: 'blocklist-lines',
      message: `blocklist ${join(dir, 'list')}: line 2 makes no sense`,
    },
  ];
  assert.deepEqual(events(), [read, warned]);
  io.timers.run(3_000);
  const counted = { type: 'blocklist', news: 'counted', ranges: 2, refusedIn: 1, refusedOut: 1 };
  io.timers.run(120_000);
  assert.deepEqual(events(), [read, warned, counted], 'the same counts are told again');
  list.refuses('192.0.2.1', 'in');
  io.pressCtrlC();
  await ended;
  assert.deepEqual(events(), [read, warned, counted, { ...counted, refusedIn: 2 }]);
  assert.equal(JSON.parse(io.stdout.lines.at(-1)!).type, 'summary');
});

test('a hang-up reads the blocklist again; one that cannot be used changes nothing', async (context) => {
  const dir = mkdtempSync(join(tmpdir(), 'btget-list-'));
  context.after(() => rmSync(dir, { recursive: true }));
  const { path, list } = await listIn(dir, '192.0.2.0/24');
  const { io, ended } = start(['http://x/a'], { readBlocklist: async () => list });
  await settled();
  const saying = async (line: string): Promise<void> => {
    while (!io.stderr.text.includes(line)) await settled();
  };
  writeFileSync(path, '203.0.113.0/24\n198.51.100.0/24');
  // Twice while it is being read: it is read once more.
  for (let count = 0; count < 3; count += 1) io.hangUp();
  await saying('blocklist read again: 2 ranges of addresses\nblocklist read again: 2 ranges of addresses\n');
  assert.equal(list.hasHost('203.0.113.1'), true);
  for (const content of ['rubbish', '']) {
    io.stderr.text = io.stderr.text.replace('the list that was read before', '');
    writeFileSync(path, content);
    io.hangUp();
    await saying(
      `blocklist ${path}: no line names a range of addresses; is it a blocklist?; the list that was read before`,
    );
  }
  assert.equal(list.hasHost('203.0.113.1'), true);
  assert.equal(io.stderr.text.match(/read again/g)?.length, 2);
  io.hangUp();
  io.pressCtrlC();
  await ended;
  assert.equal(io.hangUp(), 0, 'it goes on to hear hang-ups');
});

test('without its blocklist nothing begins', async () => {
  const failure = new BtgetError('usage', 'blocklist gone: no such file');
  const { io, session, ended } = start(['http://x/a', '--blocklist', 'gone'], {
    readBlocklist: async () => {
      throw failure;
    },
    fetch: async () => assert.fail('it was fetched'),
  });
  await assert.rejects(ended, failure);
  assert.equal(session.options, undefined);
  assert.equal(io.hangUp(), 0);
});

test('--timeout counts from the start of the command, and names the source that did not come', async () => {
  const { io, session, ended } = start(['http://x/a', 'http://x/never', '--timeout', '10', '--json'], {
    fetch: async (url) => {
      if (url.endsWith('never')) return new Promise(() => undefined);
      return Buffer.from('a');
    },
  });
  await settled();
  io.timers.run(10_000);
  await settled();
  // The torrent of the first source is here, and has no time left.
  io.timers.run(0);
  assert.ok(session.log.includes('stop session'));
  io.timers.run(4000);
  assert.equal(await ended, 2);
  const told = io.stdout.lines.map((line) => JSON.parse(line));
  const errors = told.filter(({ type }) => type === 'error').map(({ message }) => message);
  assert.deepEqual(errors.sort(), [
    'gave up: not done after 10s: no tracker to ask (--tracker and --peer name some; the same command again goes on)',
    'gave up: still waiting for http://x/never after 10s',
  ]);
  assert.deepEqual(
    told.at(-1).torrents.map(({ result }: { result: string }) => result),
    ['gave-up', 'gave-up'],
  );
  assert.deepEqual([io.exits, io.patientExits], [[], [2]], 'the fetch would keep the process alive');
});

test('what --timeout leaves for the torrent is what the source left of it', async () => {
  let answer: (bytes: Buffer) => void = () => undefined;
  const { io, session, ended } = start(['http://x/a', '--timeout', '10'], {
    fetch: () =>
      new Promise((resolve) => {
        answer = resolve;
      }),
  });
  await settled();
  io.timers.run(7000);
  answer(Buffer.from('a'));
  await settled();
  io.timers.run(2999);
  assert.ok(!session.log.includes('stop session'));
  io.timers.run(1);
  assert.ok(session.log.includes('stop session'));
  io.timers.run(4000);
  assert.equal(await ended, 2);
});

test('a blocklist and the addresses of peers that do not come are given up', async () => {
  const gaveUp = (what: string) => ({ code: 'gave-up', message: `gave up: still waiting for ${what} after 3s` });
  const { io, session, ended } = start(['http://x/a', '--blocklist', 'http://x/list', '--timeout', '3'], {
    readBlocklist: () => new Promise(() => undefined),
  });
  await settled();
  io.timers.run(3000);
  await assert.rejects(ended, gaveUp('--blocklist'));
  assert.equal(session.options, undefined);
  const time = new Timeline();
  // The address settles only after this turn, and the time is over within it.
  const looking = peersWithin(new Deadline(3000, time), {
    peers: [{ host: '127.0.0.1', port: 6881 }],
    bind: null,
    proxy: null,
  });
  time.run(3000);
  await assert.rejects(looking, gaveUp('--peer'));
});

test('a list of sources that does not come is given up', async () => {
  const time = new Timeline();
  const stdin = { [Symbol.asyncIterator]: () => ({ next: () => new Promise<never>(() => undefined) }) };
  const listing = listSourcesWithin(new Deadline(3000, time), [], '-', stdin);
  time.run(3000);
  await assert.rejects(listing, { code: 'gave-up', message: 'gave up: still waiting for stdin after 3s' });
});
