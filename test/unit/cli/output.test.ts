import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chooseOutput, type OutputChoices } from '../../../src/cli/output/choose-output.js';
import { columnsOf } from '../../../src/cli/output/escape.js';
import type { RunEvent, SourceResult } from '../../../src/cli/output/events.js';
import { progressSentence } from '../../../src/cli/output/plain-progress.js';
import { sentencesFor } from '../../../src/cli/output/sentences.js';
import { describeForPeople } from '../../../src/cli/output/show-tree.js';
import type { TrackerAnswer } from '../../../src/discovery/trackers/rerequester.js';
import { FakeIo, type Terminal } from './support/fake-io.js';
import { makeMetainfo, makeStatus } from './support/fake-session.js';

const about = { name: 'evil\x1b[2J\u202ename', infoHash: 'ab'.repeat(20) };
const report: TrackerAnswer = {
  url: 'http://t/announce',
  ok: true,
  message: null,
  peers: 2,
  seeds: 1,
  leeches: 1,
  externalIp: '192.0.2.1',
  next: 1800,
  swarm: null,
};
const NONE = { count: 0, first: [] };
const result = {
  name: 'a',
  have: 1024,
  wanted: 1024,
  isPart: false,
  missing: 0,
  path: 'out/a',
  downloaded: 1024,
  uploaded: 0,
  seconds: 2,
  message: null,
};

/** One event of each type, in the order of a run. */
const EVENTS: readonly RunEvent[] = [
  { type: 'listening', host: null, port: 6881, onlySeeds: true },
  {
    type: 'added',
    about,
    infoHashV2: 'cd'.repeat(32),
    length: 1024,
    wanted: 1024,
    have: 0,
    files: 2,
    pieces: 1,
    dir: '.',
  },
  { type: 'checking', about, checked: 10, length: 1024 },
  { type: 'progress', about, status: makeStatus({ state: 'checking', downRate: 1.5 }) },
  { type: 'tracker', about, report },
  { type: 'tracker', about, report: { ...report, ok: false, message: 'no\nsuch torrent', swarm: 'v2' } },
  {
    type: 'stalled',
    about,
    reasons: [
      { code: 'no-peers', message: 'nobody there', hint: null },
      { code: 'no-trackers', message: 'none', hint: 'name\none' },
    ],
  },
  { type: 'warning', about, input: 'a.torrent', code: 'odd', message: 'odd thing' },
  { type: 'error', about: null, input: 'b.torrent', code: 'io', message: 'reading failed' },
  { type: 'error', about, input: 'a.torrent', code: 'bug', message: 'a bug\n  at x\x1b' },
  { type: 'file', about, path: 'out/a', length: 5 },
  { type: 'done', about, paths: ['out/a'], length: 1024, seconds: 2, downloaded: 1024, uploaded: 0, wasted: 3 },
  { type: 'seeding', about, have: 1024, wanted: 1024, superSeeding: false, missing: NONE },
  { type: 'seeding', about, have: 1024, wanted: 1024, superSeeding: true, missing: NONE },
  { type: 'note', message: 'stopping' },
  { type: 'over', about },
  {
    type: 'summary',
    exitCode: 9,
    torrents: [
      { ...result, result: 'ok' },
      { ...result, name: 'b', result: 'disk-full', have: 256, message: 'no space left', path: 'out/b' },
    ],
  },
];

const PLAIN: OutputChoices = {
  json: false,
  printPaths: false,
  print0: false,
  quiet: false,
  verbose: false,
  summaryInterval: 60_000,
};

async function show(choices: Partial<OutputChoices>, terminal?: Terminal, env: Record<string, string> = {}) {
  const io = new FakeIo(terminal === undefined ? {} : { terminal });
  Object.assign(io.env, env);
  const output = await chooseOutput({ ...PLAIN, ...choices }, io);
  for (const event of EVENTS) output.tell(event);
  output.close();
  output.close();
  assert.equal(io.timers.pending, 0);
  return io;
}

test('outputs hide passwords in their sentences, and leave names and paths as they are', async () => {
  const secret = 'http://alice:hunter22@t/announce';
  const message = `no answer of ${secret}`;
  const named = { ...about, name: secret };
  const told: readonly RunEvent[] = [
    { type: 'tracker', about, report: { ...report, url: secret, ok: false, message } },
    { type: 'stalled', about, reasons: [{ code: 'no-peers', message, hint: null }] },
    { type: 'warning', about, input: secret, code: 'odd', message },
    { type: 'error', about: null, input: secret, code: 'io', message },
    { type: 'note', message },
    { type: 'detail', message },
    { type: 'summary', exitCode: 6, torrents: [{ ...result, name: secret, result: 'network', message, path: null }] },
  ];
  for (const json of [false, true]) {
    const io = new FakeIo();
    const output = await chooseOutput({ ...PLAIN, json, verbose: true }, io);
    for (const event of told) output.tell(event);
    assert.doesNotMatch(io.stdout.text + io.stderr.text, /alice|hunter22/);
    assert.match(io.stdout.text + io.stderr.text, /no answer of http:\/\/t\/announce/);
    output.tell({ type: 'file', about: named, path: secret, length: 5 });
    if (json) assert.equal(JSON.parse(io.stdout.lines.at(-1) ?? '').path, secret);
    output.close();
  }
});

test('--json prints an object in each line with the promised fields, and nothing for people', async () => {
  const io = await show({ json: true, quiet: true });
  const time = '2024-02-29T00:00:00.000Z';
  const infoHash = about.infoHash;
  const { swarm, ...shown } = report;
  assert.equal(swarm, null);
  assert.deepEqual(
    io.stdout.lines.map((line) => JSON.parse(line)),
    [
      { type: 'listening', time, host: null, port: 6881 },
      {
        type: 'added',
        time,
        infoHash,
        infoHashV2: 'cd'.repeat(32),
        name: about.name,
        length: 1024,
        wanted: 1024,
        have: 0,
        files: 2,
        pieces: 1,
        dir: '.',
      },
      { type: 'checking', time, infoHash, checked: 10, length: 1024 },
      {
        type: 'progress',
        time,
        infoHash,
        fromWebSeeds: 0,
        webSeeds: 0,
        have: 0,
        wanted: 1000,
        downloaded: 0,
        uploaded: 0,
        downRate: 2,
        upRate: 0,
        peers: 0,
        encrypted: 0,
        seeds: 0,
        eta: null,
        state: 'checking',
        superSeeding: false,
      },
      { type: 'tracker', time, infoHash, ...shown },
      { type: 'tracker', time, infoHash, ...shown, ok: false, message: 'no\nsuch torrent', swarm: 'v2' },
      {
        type: 'stalled',
        time,
        infoHash,
        reasons: [
          { code: 'no-peers', message: 'nobody there', hint: null },
          { code: 'no-trackers', message: 'none', hint: 'name\none' },
        ],
      },
      { type: 'warning', time, infoHash, code: 'odd', message: 'odd thing', input: 'a.torrent' },
      { type: 'error', time, code: 'io', message: 'reading failed', input: 'b.torrent' },
      { type: 'error', time, infoHash, code: 'bug', message: 'a bug\n  at x\x1b', input: 'a.torrent' },
      { type: 'file', time, infoHash, path: 'out/a', length: 5 },
      {
        type: 'done',
        time,
        infoHash,
        paths: ['out/a'],
        length: 1024,
        seconds: 2,
        downloaded: 1024,
        uploaded: 0,
        wasted: 3,
      },
      { type: 'seeding', time, infoHash, have: 1024, wanted: 1024, superSeeding: false, missing: NONE },
      { type: 'seeding', time, infoHash, have: 1024, wanted: 1024, superSeeding: true, missing: NONE },
      {
        type: 'summary',
        time,
        exitCode: 9,
        torrents: [
          { name: 'a', result: 'ok', have: 1024, wanted: 1024 },
          { name: 'b', result: 'disk-full', have: 256, wanted: 1024 },
        ],
      },
    ],
  );
  assert.ok(!/[^\n\P{Cc}]/u.test(io.stdout.text));
});

const EVIL = 'evil\\x1b[2J\\u202ename';
const NORMAL = [
  'listening on port 6881',
  `${EVIL}: tracker http://t/announce (v2 swarm): no\\x0asuch torrent, asked again in 30m00s`,
  `${EVIL}: stalled: nobody there; none (name\\x0aone)`,
  `${EVIL}: odd thing`,
  'btget: reading failed',
  `btget: ${EVIL}: a bug`,
  '  at x\\x1b',
  `${EVIL}: done, 1 KiB in 2s`,
  `${EVIL}: seeding 1 KiB`,
  `${EVIL}: super-seeding 1 KiB, each piece to one peer first`,
  'stopping',
  'OK   1 KiB  512 B/s  out/a',
  'ERR  25% of 1 KiB  b  no space left',
];

test('a log gets one plain line for each event that matters', async () => {
  assert.deepEqual((await show({})).stderr.lines, NORMAL);
  assert.deepEqual((await show({}, { columns: 80, rows: 24 }, { TERM: 'dumb' })).stderr.lines, NORMAL);
});

test('what stdout brings to a terminal does not stand among rows that are redrawn', async () => {
  const choices: readonly Partial<OutputChoices>[] = [{ json: true }, { printPaths: true }, { print0: true }, {}];
  for (const choice of choices) {
    for (const isTTY of [true, false]) {
      const io = new FakeIo({ terminal: { columns: 80, rows: 24 } });
      Object.assign(io.stdout, { isTTY });
      const output = await chooseOutput({ ...PLAIN, ...choice }, io);
      for (const event of EVENTS) output.tell(event);
      output.close();
      const isPlain = isTTY && Object.keys(choice).length > 0;
      assert.equal(io.stderr.text.includes('\x1b'), !isPlain, JSON.stringify({ choice, isTTY }));
      if (isPlain) assert.deepEqual(io.stderr.lines, NORMAL);
    }
  }
});

test('a terminal on which no row was drawn keeps the line at which the cursor stands', async () => {
  const io = new FakeIo({ terminal: { columns: 80, rows: 24 } });
  const output = await chooseOutput(PLAIN, io);
  output.tell({ type: 'note', message: 'a note' });
  output.close();
  assert.equal(io.stderr.text, 'a note\n');
  assert.equal(io.timers.pending, 0);
});

test('a failure is one line, and the summary tells all of it', async () => {
  const io = new FakeIo();
  const output = await chooseOutput(PLAIN, io);
  const message = 'no such file: a\nb';
  output.tell({ type: 'error', about, input: 'a\nb', code: 'source-not-found', message });
  const torrents = [
    { ...result, result: 'ok' },
    { ...result, name: 'a\nb', result: 'source-not-found', message, wanted: 0, path: null },
  ];
  output.tell({ type: 'summary', exitCode: 3, torrents });
  output.close();
  assert.deepEqual(io.stderr.lines, [
    `btget: ${EVIL}: no such file: a\\x0ab`,
    'OK   1 KiB  512 B/s  out/a',
    'ERR  a\\x0ab  no such file: a\\x0ab',
  ]);
});

test('a terminal gets each reason of a stall in a row of its own, and below it what to do', async () => {
  const { stderr } = await show({}, { columns: 80, rows: 24 });
  const at = stderr.lines.indexOf(`${EVIL}: stalled`);
  assert.deepEqual(stderr.lines.slice(at + 1, at + 5), [
    '  nobody there',
    '  none',
    '      name\\x0aone',
    `${EVIL}: odd thing`,
  ]);
});

test('-q prints errors only, and -v prints more', async () => {
  assert.deepEqual((await show({ quiet: true })).stderr.lines, NORMAL.slice(4, 7));
  assert.deepEqual((await show({ quiet: true }, { columns: 80, rows: 24 })).stderr.lines, NORMAL.slice(4, 7));
  const verbose = (await show({ verbose: true })).stderr.lines.filter((line) => !NORMAL.includes(line));
  assert.deepEqual(verbose, [
    `${EVIL}: tracker http://t/announce: 2 peers, asked again in 30m00s`,
    'out/a: 5 B, whole',
  ]);
});

test('--print-paths and --print0 print the path of each finished file', async () => {
  assert.equal((await show({ printPaths: true })).stdout.text, 'out/a\n');
  assert.equal((await show({ print0: true, printPaths: true })).stdout.text, 'out/a\0');
});

test('--print-paths gives programs the bytes of a name, and gives a terminal no control characters', async () => {
  const path = 'out/a\u001b[2J\udce9';
  const file = { type: 'file', about, path, length: 5 } as const;
  for (const [isTTY, bytes] of [
    [false, Buffer.from('out/a\u001b[2J\xe9\n', 'latin1')],
    [true, Buffer.from('out/a\\x1b[2J\\udce9\n')],
  ] as const) {
    const io = new FakeIo();
    const written: Buffer[] = [];
    const write = (data: string | Buffer): boolean => written.push(Buffer.from(data as string)) > 0;
    Object.assign(io.stdout, { isTTY, write });
    const output = await chooseOutput({ ...PLAIN, printPaths: true, quiet: true }, io);
    output.tell(file);
    output.close();
    assert.deepEqual(Buffer.concat(written), bytes);
  }
});

test('a log gets a progress line at each interval until the torrent is over, and none when the interval is 0', async () => {
  const lines = async (summaryInterval: number): Promise<readonly string[]> => {
    const io = new FakeIo();
    const output = await chooseOutput({ ...PLAIN, summaryInterval }, io);
    output.tell({ type: 'progress', about: { ...about, name: 'a' }, status: makeStatus({ have: 500 }) });
    io.timers.run(25_000);
    output.tell({ type: 'over', about });
    io.timers.run(25_000);
    output.close();
    assert.equal(io.timers.pending, 0);
    return io.stderr.lines;
  };
  const line = 'a: 50%, 500 B of 1000 B, down 0 B/s, 0 peers';
  assert.deepEqual(await lines(10_000), [line, line]);
  assert.deepEqual(await lines(0), []);
});

test('bars never take more rows than the terminal has, and give the cursor back', async () => {
  const io = new FakeIo({ terminal: { columns: 60, rows: 6 } });
  const output = await chooseOutput(PLAIN, io);
  for (let index = 0; index < 20; index += 1) {
    const infoHash = String(index);
    output.tell({ type: 'progress', about: { name: `t${index}\x1b[2J`, infoHash }, status: makeStatus({ have: 500 }) });
  }
  output.tell({ type: 'note', message: 'a note' });
  const drawn = io.stderr.text.length;
  io.stderr.rows = 3;
  io.stderr.emit('resize');
  output.close();
  const after = io.stderr.text.slice(drawn);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: what is left when the bars' own control sequences are gone.
  const plain = (text: string): string => text.replace(/\x1b\[[?\d]*[A-Za-z]/g, '');
  assert.ok(plain(after).includes('a note\n'));
  assert.match(plain(after), /t0\\x1b.* 50%[^\n]*\ntotal 0\/20 .* 50%/);
  assert.ok(!plain(io.stderr.text).includes('\x1b'));
  assert.ok(io.stderr.text.includes('\x1b[?25l'));
  assert.ok(io.stderr.text.lastIndexOf('\x1b[?25h') > io.stderr.text.lastIndexOf('\x1b[?25l'));
  assert.equal(io.stderr.listenerCount('resize'), 0);
});

test('Ctrl-Z shows the cursor again, and it is hidden when the process goes on', async () => {
  const io = new FakeIo({ terminal: { columns: 80, rows: 24 } });
  const output = await chooseOutput(PLAIN, io);
  const written = (act: () => void): string => {
    const before = io.stderr.text.length;
    act();
    return io.stderr.text.slice(before);
  };
  const suspend = (): string => written(() => io.suspension?.suspended());
  const resume = (): string => written(() => io.suspension?.resumed());
  assert.deepEqual([suspend(), resume()], ['', ''], 'no bar has hidden it');
  output.tell({ type: 'progress', about, status: makeStatus({ have: 500 }) });
  assert.deepEqual([suspend(), resume()], ['\x1b[?25h', '\x1b[?25l']);
  output.close();
  assert.equal(io.suspension, null, 'after the end Ctrl-Z is no matter of ours');
});

test('a bar leaves room for the ^C that a terminal echoes, and has no colour', async () => {
  const io = new FakeIo({ terminal: { columns: 80, rows: 24 } });
  const output = await chooseOutput(PLAIN, io);
  output.tell({ type: 'progress', about: { ...about, name: 'a' }, status: makeStatus({ have: 500 }) });
  output.close();
  // biome-ignore lint/suspicious/noControlCharactersInRegex: what is left when the bars' own control sequences are gone.
  const bars = io.stderr.text.split(/\x1b\[[?\d]*[A-Za-z]|[\r\n]/).filter((line) => line.includes('[#'));
  assert.deepEqual(new Set(bars.map(columnsOf)), new Set([77]));
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the sequences that set colours.
  assert.doesNotMatch(io.stderr.text, /\x1b\[[0-9;]*m/);
});

test('the summary of one torrent tells how far it came, and does not repeat its failure', () => {
  const failed = { ...result, wanted: 1024, message: 'no space left' };
  const lines = (...torrents: Parameters<typeof summary>[0]) => sentencesFor(summary(torrents), 'normal');
  const summary = (torrents: readonly SourceResult[]): RunEvent => ({ type: 'summary', exitCode: 1, torrents });
  assert.deepEqual(lines({ ...failed, result: 'disk-full', have: 0 }), []);
  assert.deepEqual(lines({ ...failed, result: 'disk-full', have: 512 }), ['ERR  50% of 1 KiB  a']);
  assert.deepEqual(lines({ ...failed, result: 'interrupted', have: 0, message: 'interrupted' }), [
    'ERR  0% of 1 KiB  a  interrupted',
  ]);
  assert.deepEqual(lines({ ...result, result: 'ok', isPart: true, have: 512, downloaded: 0, uploaded: 2048 }), [
    'PART 50% of 1 KiB  sent 2 KiB  out/a',
  ]);
  assert.deepEqual(lines({ ...result, result: 'ok', isPart: true, missing: 2, downloaded: 0 }), [
    'PART 1 KiB, 2 files missing  out/a',
  ]);
  assert.deepEqual(lines({ ...result, result: 'ok', uploaded: 2048 }), ['OK   1 KiB  512 B/s  sent 2 KiB  out/a']);
});

test('a seed with a part names the first missing files, shortened and without a control character', () => {
  const seeding = (count: number, ...first: string[]) =>
    sentencesFor(
      {
        type: 'seeding',
        about: { ...about, name: 'a' },
        have: 1,
        wanted: 4,
        superSeeding: false,
        missing: { count, first },
      },
      'normal',
    );
  assert.deepEqual(seeding(1, 'x\x1b'), ['a: seeding 25% of 4 B; missing: x\\x1b']);
  assert.deepEqual(seeding(3, 'x', 'd/y', 'z'), ['a: seeding 25% of 4 B; missing: x, d/y, z']);
  assert.deepEqual(seeding(12_003, 'x', 'y', 'z'), ['a: seeding 25% of 4 B; missing: x, y, z and 12,000 more']);
  assert.equal(seeding(1, 'x'.repeat(300))[0]?.length, 'a: seeding 25% of 4 B; missing: '.length + 100);
});

test('a seed tells where it listens, and a download tells it only with -v', () => {
  const listening = { type: 'listening', host: '::1', port: 1, onlySeeds: false } as const;
  assert.deepEqual(sentencesFor(listening, 'normal'), []);
  assert.deepEqual(sentencesFor(listening, 'verbose'), ['listening on [::1]:1']);
  assert.deepEqual(sentencesFor({ ...listening, onlySeeds: true }, 'normal'), ['listening on [::1]:1']);
});

test('a progress sentence names no checked bytes before it is known how much there is to check', () => {
  const status = makeStatus({ state: 'checking', checked: 0, checkLength: 0 });
  assert.equal(progressSentence('x', status), 'x: 0%, checking');
});

test('show draws a torrent as a tree, without any control character', () => {
  const base = makeMetainfo('top', [1500, 20, 3_000_000, 0]);
  const paths = [
    ['top', 'a\x1b'],
    ['top', 'sub', 'b'],
    ['top', 'sub', 'deep', 'c'],
    ['top', 'z'],
  ];
  const files = base.files.map((file, index) => ({
    ...file,
    path: paths[index]!,
    executable: index === 0 || index === 3,
    symlink: index === 3 ? ['top', 'sub'] : null,
  }));
  const pad = { ...files[0]!, padding: true, path: ['top', '.pad', '1'] };
  const metainfo = {
    ...base,
    files: [...files.slice(0, 1), pad, ...files.slice(1)],
    trackers: [['http://a/', 'http://b/'], ['udp://c/']],
    webSeeds: ['http://w/top/'],
    httpSeeds: ['http://s/seed.php'],
    comment: 'line one\nline two',
    createdAt: 1_700_000_000,
    createdBy: 'me',
    private: true,
  };
  assert.deepEqual(describeForPeople(metainfo, 'hidden'), [
    'top',
    '  size          2.9 MiB (3,001,520 bytes) in 4 files',
    `  info-hash     ${base.infoHash.toString('hex')}`,
    '  pieces        184 of 16 KiB',
    '  private       yes',
    '  comment       line one\\x0aline two',
    '  created       2023-11-14 22:13 UTC by me',
    '  trackers      http://a/ or http://b/',
    '                udp://c/',
    '  web seeds     http://w/top/',
    '  http seeds    http://s/seed.php',
    `  magnet link   magnet:?xt=urn:btih:${base.infoHash.toString('hex')}&dn=top&xl=3001520&tr=http://a/&tr=http://b/&tr=udp://c/&ws=http://w/top/`,
    '',
    '               top/',
    '  1   1.5 KiB  ├─ a\\x1b*',
    '               ├─ sub/',
    '  2      20 B  │  ├─ b',
    '               │  └─ deep/',
    '  3   2.9 MiB  │     └─ c',
    '  4       0 B  └─ z -> top/sub',
  ]);
});

test('show draws a path of a hundred thousand folders without gigabytes of blanks', () => {
  const base = makeMetainfo('x');
  const file = { ...base.files[0]!, path: Array.from({ length: 100_000 }, () => 'd') };
  const text = describeForPeople({ ...base, files: [file] }, 'hidden').join('\n');
  assert.ok(text.length < 20_000_000);
});

const MAPPED = {
  family: 4,
  state: 'mapped',
  protocol: 'PCP',
  gateway: '192.168.1.1',
  externalHost: '203.0.113.5',
  port: 6881,
  udp: true,
} as const;

test('the answer of the gateway is a line with -v only, and an object with --json', async () => {
  const event = (mapping: Extract<RunEvent, { type: 'port-mapping' }>['mapping']): RunEvent => ({
    type: 'port-mapping',
    mapping,
  });
  const failed = event({ family: 6, state: 'failed', message: 'PCP: no\x1banswer' });
  assert.deepEqual(sentencesFor(event(MAPPED), 'normal'), []);
  assert.deepEqual(sentencesFor(event(MAPPED), 'verbose'), [
    'the gateway 192.168.1.1 lets peers in at 203.0.113.5:6881 by PCP',
  ]);
  assert.deepEqual(sentencesFor(event({ ...MAPPED, gateway: null, externalHost: null, udp: false }), 'verbose'), [
    'the gateway lets peers in at port 6881 by PCP, over TCP alone',
  ]);
  assert.deepEqual(sentencesFor(failed, 'verbose'), ['the gateway (IPv6) does not let peers in: PCP: no\\x1banswer']);
  const io = new FakeIo();
  const output = await chooseOutput({ ...PLAIN, json: true, quiet: true }, io);
  output.tell(event(MAPPED));
  output.tell(failed);
  output.close();
  const objects = io.stdout.lines.map((line) => JSON.parse(line));
  const { state, ...fields } = MAPPED;
  assert.equal(state, 'mapped');
  assert.deepEqual(objects[0], { type: 'port-mapping', time: objects[0].time, ok: true, message: null, ...fields });
  const { type, family, ok, message } = objects[1];
  assert.deepEqual(
    { type, family, ok, message },
    { type: 'port-mapping', family: 6, ok: false, message: 'PCP: no\x1banswer' },
  );
});

test('the blocklist is a line when it was read again, with -v also at first, and an object with --json', async () => {
  const event = (news: 'read' | 'read-again' | 'counted'): RunEvent => ({
    type: 'blocklist',
    news,
    status: { ranges: 300_000, refusedIn: 1, refusedOut: 2 },
  });
  assert.deepEqual(sentencesFor(event('read'), 'normal'), []);
  assert.deepEqual(sentencesFor(event('read'), 'verbose'), ['blocklist: 300,000 ranges of addresses']);
  assert.deepEqual(sentencesFor(event('read-again'), 'normal'), ['blocklist read again: 300,000 ranges of addresses']);
  assert.deepEqual(sentencesFor(event('read-again'), 'quiet'), []);
  assert.deepEqual(sentencesFor(event('counted'), 'verbose'), []);
  const io = new FakeIo();
  const output = await chooseOutput({ ...PLAIN, json: true }, io);
  output.tell(event('counted'));
  output.close();
  const { time: _time, ...told } = JSON.parse(io.stdout.lines[0] ?? '');
  assert.deepEqual(told, { type: 'blocklist', news: 'counted', ranges: 300_000, refusedIn: 1, refusedOut: 2 });
});

/** What stands between the control sequences of what was drawn. */
function drawn(text: string): string[] {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the bars' own control sequences.
  return text.split(/\x1b\[[?\d]*[A-Za-z]|[\r\n]/).filter((line) => line !== '');
}

test('a row is drawn to its end, however many units of UTF-16 its name has', async (t) => {
  const io = new FakeIo({ terminal: { columns: 80, rows: 24 } });
  const output = await chooseOutput(PLAIN, io);
  t.after(() => output.close());
  const name = 'e\u0301'.repeat(50);
  output.tell({ type: 'progress', about: { ...about, name }, status: makeStatus({ have: 500, peers: 7 }) });
  output.close();
  assert.ok(drawn(io.stderr.text).some((line) => line.startsWith('e\u0301') && line.endsWith('  7 peers')));
});

test('a sentence that comes after the last bar has gone stays on the terminal, in a row of its own', async (t) => {
  const io = new FakeIo({ terminal: { columns: 80, rows: 24 } });
  const output = await chooseOutput(PLAIN, io);
  t.after(() => output.close());
  output.tell({ type: 'progress', about: { ...about, name: 'a' }, status: makeStatus({ have: 500 }) });
  output.tell({ type: 'over', about });
  const before = io.stderr.text.length;
  output.tell({ type: 'note', message: 'a note' });
  assert.equal(io.stderr.text.slice(before), '', 'it waits for the next redraw');
  output.close();
  const after = io.stderr.text.slice(before);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the cursor goes back up before the sentence, and not after it.
  assert.match(after, /\x1b\[1A.*a note\n/s);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: as above.
  assert.doesNotMatch(after.slice(after.indexOf('a note')), /\x1b\[\d+A/);
});

test('when a terminal becomes narrower, the redraw begins where its broken rows begin', async (t) => {
  const io = new FakeIo({ terminal: { columns: 80, rows: 24 } });
  const output = await chooseOutput(PLAIN, io);
  t.after(() => output.close());
  const tell = (infoHash: string): void =>
    output.tell({ type: 'progress', about: { name: infoHash, infoHash }, status: makeStatus({ have: 500 }) });
  tell('a');
  tell('b');
  const resizedTo = (columns: number): string => {
    const before = io.stderr.text.length;
    io.stderr.columns = columns;
    io.stderr.emit('resize');
    return io.stderr.text.slice(before);
  };
  const up = (text: string): string[] => text.match(/(?<=\[)\d+(?=A)/g) ?? [];
  assert.deepEqual(up(resizedTo(80)), [], 'nothing is drawn yet');
  assert.deepEqual(up(resizedTo(40)), ['3', '2'], '3 rows of 77 columns have become 6');
  const narrow = resizedTo(20);
  assert.deepEqual(up(narrow), ['3', '2'], '3 rows of 37 columns have become 6');
  assert.deepEqual(drawn(narrow), ['a             50%', 'b             50%', 'total 0/2     50%']);
  assert.deepEqual(up(resizedTo(200)), ['2'], 'no row of 17 columns is broken');
});
