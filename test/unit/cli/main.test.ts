import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  closeSync,
  constants,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { main } from '../../../src/cli/main.js';
import { nodeIo } from '../../../src/cli/node-io.js';
import { describe } from '../../../src/metainfo/describe.js';
import { parseMetainfo } from '../../../src/metainfo/parse-metainfo.js';
import { HANGS_AFTER } from '../../support/hang.js';
import { FakeIo } from './support/fake-io.js';

const dir = mkdtempSync(join(tmpdir(), 'btget-main-'));
after(() => rmSync(dir, { recursive: true }));
const at = (name: string): string => join(dir, name);

/** Changes one byte of a file. */
function writeAt(path: string, position: number): void {
  const descriptor = openSync(path, 'r+');
  writeSync(descriptor, Buffer.of(99), 0, 1, position);
  closeSync(descriptor);
}

const { timers } = nodeIo();
/** A process that nothing ends after 3 s: the machine may be slower. */
const UNLIMITED = { timers, exitWithin: () => undefined };

/** Runs a command to its end. Hashing takes real time. */
async function btget(...argv: readonly string[]) {
  const io = new FakeIo();
  const code = await main(argv, Object.assign(io, { timers }));
  return { code, out: io.stdout.text, err: io.stderr.text };
}

mkdirSync(at('data/sub'), { recursive: true });
writeFileSync(at('data/one'), Buffer.alloc(40_000, 1));
writeFileSync(at('data/sub/.two'), Buffer.alloc(20_000, 2));
writeFileSync(at('data/empty'), '');
const made = await btget(
  'create',
  at('data'),
  '-o',
  at('data.torrent'),
  '--tracker',
  'http://t/a',
  '--tracker',
  'http://u/a',
);

test('create makes a valid torrent with sorted files and no date, and prints its info-hash', async () => {
  assert.equal(made.code, 0, made.err);
  assert.equal(made.out, '');
  const metainfo = parseMetainfo(readFileSync(at('data.torrent')));
  assert.deepEqual(
    metainfo.files.map((file) => [file.path.join('/'), file.length]),
    [
      ['data/empty', 0],
      ['data/one', 40_000],
      ['data/sub/.two', 20_000],
    ],
  );
  assert.deepEqual(metainfo.trackers, [['http://t/a'], ['http://u/a']]);
  assert.equal(metainfo.createdAt, null);
  assert.ok(made.err.includes(metainfo.infoHash.toString('hex')));
});

test('create gives the same bytes each time, also on stdout, and each option sets its field', async () => {
  const again = await btget(
    'create',
    at('data'),
    '-o',
    '-',
    '-q',
    '--tracker',
    'http://t/a',
    '--tracker',
    'http://u/a',
  );
  assert.deepEqual([again.code, again.err], [0, '']);
  assert.equal(Buffer.compare(Buffer.from(again.out), Buffer.from(readFileSync(at('data.torrent')).toString())), 0);
  const argv = ['--name', 'other', '--comment', 'c', '--private', '--source', 's', '--date', '1700000000'];
  const web = ['--web-seed', 'http://w/', '--piece-length', '32K'];
  const { code } = await btget('create', at('data'), '-o', at('full.torrent'), ...argv, ...web);
  assert.equal(code, 0);
  const described = describe(parseMetainfo(readFileSync(at('full.torrent'))));
  const { name, comment, private: isPrivate, createdAt, webSeeds, pieceLength } = described;
  assert.deepEqual(
    [name, comment, isPrivate, createdAt, webSeeds, pieceLength],
    ['other', 'c', true, 1_700_000_000, ['http://w/'], 32_768],
  );
});

for (const version of ['1', '2', 'hybrid'] as const)
  test(`create makes a torrent of version ${version}, and prints its info-hashes`, async () => {
    const path = at(`version-${version}.torrent`);
    const ended = await btget('create', at('data'), '-o', path, '--meta-version', version, '--piece-length', '32K');
    assert.equal(ended.code, 0, ended.err);
    const metainfo = parseMetainfo(readFileSync(path));
    const hashes = [metainfo.infoHashV1, metainfo.infoHashV2].filter((hash) => hash !== null);
    assert.equal(metainfo.version, version);
    assert.equal(
      ended.err.split(': ').at(-1),
      `58.6 KiB in 3 files, ${version === '1' ? 2 : 3} pieces of 32 KiB, ` +
        `info-hash ${hashes.map((hash) => hash.toString('hex')).join(' and ')}\n`,
    );
    const shared = metainfo.files.filter(({ padding }) => !padding).map((file) => [file.path.join('/'), file.length]);
    assert.deepEqual(shared, [
      ['data/empty', 0],
      ['data/one', 40_000],
      ['data/sub/.two', 20_000],
    ]);
    assert.equal((await btget('verify', path, '-d', dir)).code, 0);
  });

test('create replaces a .torrent only with --force, and never takes it into its own content', async () => {
  const inside = at('data/self.torrent');
  assert.equal((await btget('create', at('data'), '-o', inside)).code, 0);
  const refused = await btget('create', at('data'), '-o', inside);
  assert.equal(refused.code, 13);
  assert.match(refused.err, /^btget: .*already there; --force replaces it.*\n$/);
  assert.equal((await btget('create', at('data'), '-o', inside, '--force')).code, 0);
  assert.equal(parseMetainfo(readFileSync(inside)).files.length, 3);
  rmSync(inside);
});

test('create says why it cannot make a torrent of some content', async () => {
  mkdirSync(at('bare'));
  writeFileSync(at('zero'), '');
  mkdirSync(at('nested/nested'), { recursive: true });
  writeFileSync(at('nested/nested/nested'), 'x');
  const rows: readonly [readonly string[], number][] = [
    [['missing'], 3],
    [['bare'], 3],
    [['zero'], 26],
    [['data', '--piece-length', '5'], 28],
    [['data', '--piece-length', '49152', '--meta-version', '2'], 28],
    [['data', '--piece-length', '8K', '--meta-version', 'hybrid'], 28],
    [['data', '--meta-version', '3'], 28],
    [['nested/nested', '--meta-version', '2'], 26],
    [['nested/nested', '--meta-version', 'hybrid'], 26],
    [['data', '--name', '../x'], 28],
    [['data', '--name', 'Gr\ufffde'], 28],
    [['data', '--comment', 'Gr\ufffde'], 28],
    [['data', '--source', 'Gr\ufffde'], 28],
    [['data', '--tracker', 'nowhere'], 28],
  ];
  for (const [[path = '', ...rest], code] of rows) {
    const ended = await btget('create', at(path), '-o', at('never.torrent'), ...rest);
    assert.equal(ended.code, code, `${path} ${rest}: ${ended.err}`);
    assert.match(ended.err, /^btget: [^\n]+\n$/);
  }
  assert.equal((await btget('create')).code, 28);
  assert.equal((await btget('create', at('data'), '-o', at('no/such/folder.torrent'))).code, 16);
});

test('show --json prints an object for each source, and an error for one that cannot be read', async () => {
  const shown = await btget('show', '--json', at('data.torrent'), at('missing.torrent'), at('data/empty'));
  assert.equal(shown.code, 3);
  const [good, missing, empty] = shown.out
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  assert.deepEqual(good, { input: at('data.torrent'), ...describe(parseMetainfo(readFileSync(at('data.torrent')))) });
  assert.deepEqual(Object.keys(missing), ['input', 'error']);
  assert.deepEqual([missing.error.code, empty.error.code], ['source-not-found', 'not-bencoded']);
  assert.equal(shown.err.trim().split('\n').length, 2);
});

test('verify tells for each file whether it is ok, incomplete, missing or of the wrong size, also under its part name', async () => {
  const verify = async () => {
    const { code, out } = await btget('verify', at('data.torrent'), '-d', dir, '--json');
    const { ok, have, length, files, badPieces } = JSON.parse(out);
    const states = files.map((file: { state: string; have: number }) => `${file.state} ${file.have}`);
    return { code, ok, have, length, states, badPieces };
  };
  const whole = { code: 0, ok: true, have: 60_000, length: 60_000, badPieces: [] };
  assert.deepEqual(await verify(), { ...whole, states: ['ok 0', 'ok 40000', 'ok 20000'] });
  renameSync(at('data/one'), at('data/one.part'));
  assert.deepEqual(await verify(), { ...whole, states: ['ok 0', 'ok 40000', 'ok 20000'] });
  writeFileSync(at('data/one.part'), Buffer.alloc(40_000, 9), { flag: 'r+' });
  // The third piece holds the end of the first file and the beginning of the second.
  const partly = { code: 32, ok: false, have: 10_848, length: 60_000, badPieces: [0, 1, 2] };
  assert.deepEqual(await verify(), { ...partly, states: ['ok 0', 'incomplete 0', 'incomplete 10848'] });
  rmSync(at('data/one.part'));
  rmSync(at('data/empty'));
  assert.deepEqual(await verify(), { ...partly, states: ['missing 0', 'missing 0', 'incomplete 10848'] });
  writeFileSync(at('data/empty'), '');
  writeFileSync(at('data/one'), Buffer.alloc(40_000, 1));
  truncateSync(at('data/sub/.two'), 30_000);
  const longer = { code: 32, ok: false, have: 60_000, length: 60_000, badPieces: [] };
  assert.deepEqual(await verify(), { ...longer, states: ['ok 0', 'ok 40000', 'wrong-size 20000'] });
  truncateSync(at('data/sub/.two'), 20_000);
});

test('verify names the bad bytes of each file in JSON and in words, with one range for a run of bad pieces', async () => {
  mkdirSync(at('ranges'));
  writeFileSync(at('ranges/a'), Buffer.alloc(200_000, 1));
  writeFileSync(at('ranges/b'), Buffer.alloc(50_000, 2));
  await btget('create', at('ranges'), '-o', at('ranges.torrent'), '--piece-length', '16K', '-q');
  for (const byte of [17_000, 40_000, 199_999]) writeAt(at('ranges/a'), byte);
  const bad = {
    a: [
      { begin: 16_384, length: 32_768 },
      { begin: 196_608, length: 3392 },
    ],
    // The last piece that reaches into the first file ends at byte 212,992 of the torrent.
    b: [{ begin: 0, length: 12_992 }],
  };
  const json = JSON.parse((await btget('verify', at('ranges.torrent'), '-d', dir, '--json')).out);
  assert.deepEqual(
    json.files.map((file: { badRanges: unknown }) => file.badRanges),
    [bad.a, bad.b],
  );
  assert.deepEqual(json.badPieces, [1, 2, 12]);
  const { code, out } = await btget('verify', at('ranges.torrent'), '-d', dir);
  assert.equal(code, 32);
  assert.deepEqual(out.trim().split('\n'), [
    'incomplete   195 KiB  ranges/a (81% is right)',
    '              32 KiB  bytes 16384-49151 missing or wrong',
    '             3.3 KiB  bytes 196608-199999 missing or wrong',
    'incomplete  48.8 KiB  ranges/b (74% is right)',
    '            12.7 KiB  bytes 0-12991 missing or wrong',
    'ranges: 0 of 2 files ok, 196 KiB of 244 KiB, 3 pieces missing or wrong',
  ]);
  truncateSync(at('ranges/b'), 20_000);
  const cut = JSON.parse((await btget('verify', at('ranges.torrent'), '-d', dir, '--json')).out);
  assert.deepEqual(cut.files[1], {
    path: 'ranges/b',
    length: 50_000,
    have: 0,
    ok: false,
    state: 'wrong-size',
    badRanges: [{ begin: 0, length: 50_000 }],
  });
});

test('verify tells ten bad ranges of a file in words, and the number of the others', async () => {
  writeFileSync(at('ruin'), Buffer.alloc(25 * 16_384));
  await btget('create', at('ruin'), '-o', at('ruin.torrent'), '--piece-length', '16K', '-q');
  for (let piece = 0; piece < 25; piece += 2) writeAt(at('ruin'), piece * 16_384);
  const { out } = await btget('verify', at('ruin.torrent'), '-d', dir);
  const lines = out.trim().split('\n');
  assert.equal(lines.filter((line) => line.endsWith('missing or wrong')).length, 10 + 1);
  assert.equal(lines.at(-2)?.trim(), 'and 3 more ranges (see --json)');
});

test('verify names the files as --output does', async () => {
  const { code, out } = await btget('verify', at('data.torrent'), '-d', dir, '-o', 'renamed', '--json');
  assert.equal(code, 32);
  assert.deepEqual(
    JSON.parse(out).files.map((file: { path: string }) => file.path),
    ['renamed/empty', 'renamed/one', 'renamed/sub/.two'],
  );
});

test('verify says in words what is wrong, and continues after a source that it cannot read', async () => {
  const { code, out, err } = await btget('verify', at('missing.torrent'), at('data.torrent'), '-d', at('nowhere'));
  assert.equal(code, 3);
  assert.match(err, /^btget: no such file: .*missing\.torrent\n$/);
  assert.deepEqual(out.trim().split('\n'), [
    'missing          0 B  data/empty',
    'missing     39.1 KiB  data/one',
    'missing     19.5 KiB  data/sub/.two',
    'data: 0 of 3 files ok, 0 B of 58.6 KiB, 4 pieces missing or wrong',
  ]);
});

test('wrong usage gives one line and exit code 28, with a suggestion when there is one', async () => {
  const rows: readonly [readonly string[], RegExp][] = [
    [[], /no source given/],
    [['show'], /no source given/],
    [['verify'], /no source given/],
    [['--bogus'], /unknown option '--bogus'/],
    [['x', '--sequentiall'], /Did you mean --sequential\?/],
    [['x', '--max-download'], /argument missing/],
    [['x', '--max-download', 'fast'], /--max-download: 'fast' is not a rate/],
    [['x', '--port', '70000'], /--port: '70000' is not a port/],
    [['x', 'y', '-o', 'z'], /--output names one torrent/],
    [['verify', 'x', 'y', '-o', 'z'], /--output names one torrent/],
    [['x', '--on-complete', '"open'], /a quote is not closed/],
    [['x', '--peer', 'nowhere'], /--peer: 'nowhere' is not HOST:PORT/],
    [['tracker', 'x'], /too many arguments/],
    [['seed', 'x', '--sequential'], /unknown option '--sequential'/],
  ];
  for (const [argv, message] of rows) {
    const { code, out, err } = await btget(...argv);
    assert.equal(code, 28, `${argv}: ${err}`);
    assert.match(err, /^btget: [^\n]+\n$/);
    assert.match(err, message);
    assert.equal(out, '');
  }
});

test('a message is one line, whatever the arguments hold', async () => {
  const rows: readonly (readonly [lines: number, args: readonly string[]])[] = [
    [1, ['x\ny']],
    [1, ['show', 'x\ny']],
    [1, ['verify', 'x\ny']],
    [1, ['create', 'x\ny']],
    [1, ['cat', 'x\ny']],
    [1, ['download', 'x\ny', '--peer', 'x\ny']],
    [1, ['tracker', '--allowed', 'x\ny', '--bind', '127.0.0.1']],
    [1, ['tracker', '--bind', 'x\ny']],
    [1, ['completion', 'x\ny']],
    [2, ['download', 'x\ny', 'z', '--bind', '127.0.0.1']],
  ];
  for (const [lines, args] of rows) {
    const { code, err } = await btget(...args);
    assert.notEqual(code, 0);
    assert.deepEqual({ args, lines: err.split('\n').length }, { args, lines: lines + 1 });
    assert.match(err, /x\\x0ay/);
  }
});

test('a message shows the beginning and the end of an argument of 100 kB', async () => {
  const long = `b${'x y'.repeat(33_000)}e`;
  for (const [argv, code] of [
    [[long], 16],
    [['show', `${at('data')}/${long}`], 16],
    [['verify', `magnet:?dn=${long}`], 27],
    [[`magnet:?xt=urn:btih:${'%zz'.repeat(33_000)}`], 27],
    [['--max-download', long, 'x'], 28],
    [[`--${long}`], 28],
    [['a.torrent', '-o', 'b', '--on-complete', `'${long}`], 28],
    [['create', long, '-o', '-'], 16],
  ] as const) {
    const ended = await btget(...argv);
    assert.equal(ended.code, code, ended.err.slice(0, 1000));
    assert.match(ended.err, /^btget: [^\n]+…[^\n]+\n$/);
    assert.ok(ended.err.length < 1000, `${ended.err.length}`);
  }
});

test('a command whose source is given up ends the process, but not before what it wrote has been taken', async () => {
  const never = { [Symbol.asyncIterator]: () => ({ next: () => new Promise<never>(() => undefined) }) };
  for (const args of [
    ['show', at('data.torrent'), '-'],
    ['verify', '-'],
    ['show', '-i', '-'],
  ]) {
    const io = Object.defineProperty(new FakeIo(), 'stdin', { value: never });
    const ended = main(args, Object.assign(io, UNLIMITED));
    while (!io.isListeningForCtrlC) await new Promise((resolve) => setImmediate(resolve));
    io.pressCtrlC();
    assert.deepEqual({ args, code: await ended }, { args, code: 7 });
    assert.deepEqual([io.exits, io.patientExits], [[], [7]]);
  }
});

test('a command ends at Ctrl-C while a pipe takes no more of its .torrent', {
  timeout: HANGS_AFTER,
  skip: process.platform === 'win32',
}, async () => {
  // More than a pipe holds.
  const long = ['--comment', 'x'.repeat(200_000)];
  assert.equal((await btget('create', at('data'), ...long, '-o', at('long.torrent'))).code, 0);
  for (const args of [
    ['create', at('data'), ...long],
    ['show', at('long.torrent')],
  ]) {
    const pipe = at(`${args[0]}.pipe`);
    assert.equal(spawnSync('mkfifo', [pipe]).status, 0);
    const io = Object.assign(new FakeIo(), UNLIMITED);
    const reader = openSync(pipe, constants.O_RDONLY | constants.O_NONBLOCK);
    const ended = main([...args, '-o', pipe], io);
    while (!holdsBytes(reader)) await new Promise((resolve) => setImmediate(resolve));
    io.pressCtrlC();
    const code = await ended;
    // What the process would lose at its end hears here that nobody reads any more.
    closeSync(reader);
    assert.deepEqual([args[0], code, io.exits, io.patientExits], [args[0], 7, [], [7]]);
    assert.match(io.stderr.text, /^btget: interrupted before it was done$/m);
  }
});

/** Whether a pipe has something for its reader. */
function holdsBytes(reader: number): boolean {
  try {
    return readSync(reader, Buffer.alloc(1)) > 0;
  } catch {
    return false;
  }
}

test('what ends a command before it begins is told in JSON to whom the options, the variable or the file promise events', async () => {
  writeFileSync(at('json.json'), '{"json":true}');
  const none = at('none.list');
  const rows: readonly (readonly [told: boolean, args: readonly string[], variable?: string])[] = [
    [true, ['download', '--json', '-i', none]],
    [true, ['-i', none], '1'],
    [true, ['seed', '-i', none], 'true'],
    [true, ['download', '--config', at('json.json'), '-i', none]],
    [true, ['--json', '--bogus']],
    [true, ['seed', '--bogus'], '1'],
    [false, ['download', '--json', '--no-json', '-i', none]],
    [false, ['download', '--no-json', '-i', none], '1'],
    [false, ['--no-json', '--bogus'], '1'],
    [false, ['--bogus', '--', '--json']],
    [false, ['create', at('data'), '-o', '-', '--json']],
    [false, ['cat', at('data.torrent'), '--json']],
    [false, ['show', '--json', '--bogus']],
    [false, ['doctor', '--json', '--bogus'], '1'],
    [false, ['config', '--json', 'nosuch']],
  ];
  for (const [told, args, variable] of rows) {
    const io = Object.assign(new FakeIo(), { timers });
    if (variable !== undefined) io.env['BTGET_JSON'] = variable;
    assert.notEqual(await main(args, io), 0);
    const events = io.stdout.lines.map((line) => JSON.parse(line).type);
    assert.deepEqual({ args, events }, { args, events: told ? ['error', 'summary'] : [] });
  }
});

test('wrong usage of a download with --json ends with a summary on stdout', async () => {
  const { code, out } = await btget('--json', '--bogus');
  assert.equal(code, 28);
  const lines = out
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  assert.deepEqual(
    lines.map(({ type, code, exitCode }) => [type, code, exitCode]),
    [
      ['error', 'usage', undefined],
      ['summary', undefined, 28],
    ],
  );
});

test('a download of bad sources prints a line for each, and the first one gives the exit code', async () => {
  writeFileSync(at('photo.jpg'), Buffer.from('ffd8ffe0', 'hex'));
  const { code, out, err } = await btget(
    '-q',
    at('photo.jpg'),
    at('missing'),
    'magnet:?x',
    '--json',
    '--bind',
    '127.0.0.1',
  );
  assert.equal(code, 25);
  assert.equal(err.trim().split('\n').length, 3);
  const events = out
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  assert.deepEqual(
    events.map((event) => event.type),
    ['error', 'error', 'error', 'summary'],
  );
  assert.deepEqual(
    events.at(-1).torrents.map((torrent: { result: string }) => torrent.result),
    ['not-bencoded', 'source-not-found', 'magnet-invalid'],
  );
});

test('an address that this machine does not have is wrong usage', async () => {
  const { code, err } = await btget(at('data.torrent'), '-d', dir, '--bind', '192.0.2.1');
  assert.equal(code, 28);
  assert.match(err, /^btget: [^\n]*192\.0\.2\.1[^\n]*\n$/);
});

test('a mistyped or misplaced command begins no download', async () => {
  const rows: readonly [readonly string[], number, RegExp][] = [
    [['veriy', at('data.torrent')], 28, /no such file, and no such command: veriy \(did you mean verify\?\)/],
    [['surgeon'], 3, /no such command: surgeon/],
    [['--bind', '127.0.0.1', 'seed', at('data.torrent')], 28, /the command comes first: btget seed/],
    [['help', 'nothing'], 28, /no command of that name: nothing/],
  ];
  for (const [argv, code, message] of rows) {
    const ended = await btget(...argv);
    assert.equal(ended.code, code, ended.err);
    assert.match(ended.err, /^btget: [^\n]+\n$/);
    assert.match(ended.err, message);
  }
  // An info-hash in base32 may consist of letters only.
  assert.equal((await btget('abcdefghabcdefghabcdefghabcdefgh', '--help')).code, 0);
  assert.match((await btget('help', 'verify')).out, /^Usage: btget verify .* a line for each file/ms);
});

test('the help lists every option of the command, on stdout', async () => {
  for (const command of ['download', 'seed', 'create', 'show', 'verify', 'tracker']) {
    const { code, out, err } = await btget(command, '--help');
    assert.deepEqual([code, err], [0, '']);
    assert.match(out, new RegExp(`^Usage: btget ${command} `, 'm'));
  }
  const { out } = await btget('download', '-h');
  const promised = `--dir --output --input-file --seed --super-seed --seed-ratio --seed-time --max-download --max-upload --max-peers
    --upload-slots --port --bind --ca-certificate --proxy --no-proxy --listen-anyway --peer --tracker --no-trackers --web-seed --no-web-seeds --no-pex --no-dht --dht-node --no-lsd --no-port-mapping --blocklist
    --check --overwrite --no-part --sequential --reuse --json
    --print-paths --print0 --quiet --verbose --stop-timeout --timeout --summary-interval --on-complete --help`;
  for (const option of promised.split(/\s+/)) assert.ok(out.includes(` ${option} `), option);
});

test('a lack of the machine at which many things fail is told once', async () => {
  class Starving extends FakeIo {
    override get stdin(): AsyncIterable<Buffer> {
      const lack = Object.assign(new Error('EMFILE'), { code: 'EMFILE' });
      this.bug(lack);
      this.bug(lack);
      throw lack;
    }
  }
  const io = new Starving();
  assert.equal(await main(['show', '-'], io), 16);
  assert.deepEqual(io.exits, [16]);
  assert.deepEqual(io.stderr.lines, [
    'btget: too few files may be open at once (EMFILE); raise the limit with ulimit -n',
  ]);
});

test('a lack of the machine that ended the command is not told again', async () => {
  const lack = (): Error => Object.assign(new Error('EMFILE'), { code: 'EMFILE' });
  class Starving extends FakeIo {
    override get stdin(): AsyncIterable<Buffer> {
      throw lack();
    }
  }
  const io = new Starving();
  assert.equal(await main(['show', '-'], io), 16);
  io.bug(lack());
  assert.equal(io.stderr.lines.length, 1);
  assert.deepEqual(io.exits, [16]);
  io.bug(new TypeError('oops'));
  assert.equal(io.stderr.lines.length, 1, 'the process is ending by then');
});

test('an exception that no code caught asks for a report and gives exit code 70', async () => {
  const io = new FakeIo({ terminal: { columns: 80, rows: 24 } });
  await main(['show'], io);
  io.stderr.text = '';
  io.bug(new TypeError('oops'));
  assert.deepEqual(io.exits, [70]);
  assert.ok(io.stderr.text.includes('\x1b[?25h'), 'the cursor is shown again');
  assert.match(io.stderr.text, /btget: this is a bug in btget, please report it.*\nTypeError: oops\n/);
});

test('the report of a bug hides the passwords in URLs', async () => {
  const io = new FakeIo({ terminal: { columns: 80, rows: 24 } });
  await main(['show'], io);
  io.stderr.text = '';
  io.bug(new TypeError('oops at http://alice:hunter22@t.example/announce'));
  assert.match(io.stderr.text, /\nTypeError: oops at http:\/\/t\.example\/announce\n/);
  assert.doesNotMatch(io.stderr.text, /hunter22/);
});
