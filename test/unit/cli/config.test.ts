/** The configuration file and the environment: what wins, what is refused, and what `btget config` says of it. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { devNull, tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { readCommandLine } from '../../../src/cli/command-line.js';
import { COMMAND_OPTIONS, plainName } from '../../../src/cli/command-options.js';
import { faultOf } from '../../../src/cli/config/config-file.js';
import { main } from '../../../src/cli/main.js';
import { BTGET } from '../../support/btget-process.js';
import { asPlainUser } from '../../support/disk/plain-user.js';
import { FakeIo } from './support/fake-io.js';

const dir = mkdtempSync(join(tmpdir(), 'btget-config-'));
after(() => rmSync(dir, { recursive: true }));
mkdirSync(join(dir, 'btget'));
/** The file that is read when the user names none. */
const USUAL = join(dir, 'btget/config.json');

function write(path: string, config: unknown): string {
  writeFileSync(path, typeof config === 'string' ? config : JSON.stringify(config), { mode: 0o600 });
  return path;
}

interface Given {
  readonly file?: unknown;
  readonly env?: Readonly<Record<string, string>>;
  readonly argv?: readonly string[];
  readonly command?: string;
}

function ioWith({ file = {}, env = {} }: Given): FakeIo {
  write(USUAL, file);
  const io = new FakeIo();
  Object.assign(io.env, { XDG_CONFIG_HOME: dir, ...env });
  return io;
}

/** The values that a command gets. */
function valuesOf(given: Given): Readonly<Record<string, unknown>> {
  const name = given.command ?? 'download';
  const options = COMMAND_OPTIONS[name] ?? {};
  const spec = { name, arguments: '[source...]', summary: '', examples: [], notes: [], options };
  const line = readCommandLine(spec, given.argv ?? [], ioWith(given));
  assert.ok(line.kind === 'run');
  return line.values;
}

async function btget(given: Given): Promise<{ code: number; out: string; err: string }> {
  const io = ioWith(given);
  const code = await main(given.argv ?? [], io);
  return { code, out: io.stdout.text, err: io.stderr.text };
}

const said = async (given: Given): Promise<string> => {
  const { code, err } = await btget({ argv: ['show', 'x'], ...given });
  assert.equal(code, 28, err);
  return err;
};

interface Kind {
  readonly kind: string;
  readonly option: string;
  readonly key: string;
  readonly initial: unknown;
  /** What the file says, and the value of that. */
  readonly file: readonly [unknown, unknown];
  readonly env: readonly [string, unknown];
  readonly argv: readonly [readonly string[], unknown];
}

const KINDS: readonly Kind[] = [
  {
    ...{ kind: 'a flag', option: 'sequential', key: 'sequential', initial: false },
    ...{ file: [true, true], env: ['false', false], argv: [['--sequential'], true] },
  },
  {
    ...{ kind: 'a flag that the command line turns off', option: 'check', key: 'check', initial: false },
    ...{ file: [true, true], env: ['1', true], argv: [['--no-check'], false] },
  },
  {
    ...{ kind: 'a no- option', option: 'dht', key: 'noDht', initial: false },
    ...{ file: [false, true], env: ['true', false], argv: [['--no-dht'], true] },
  },
  {
    ...{ kind: 'a no- option that the command line takes back', option: 'part', key: 'noPart', initial: false },
    ...{ file: [false, true], env: ['0', true], argv: [['--part'], false] },
  },
  {
    ...{ kind: 'a number', option: 'max-peers', key: 'maxPeers', initial: 80 },
    ...{ file: [20, 20], env: ['30', 30], argv: [['--max-peers', '40'], 40] },
  },
  {
    ...{ kind: 'a rate', option: 'max-download', key: 'maxDownload', initial: null },
    ...{ file: ['1K', 1024], env: ['2KiB/s', 2048], argv: [['--max-download', '0'], null] },
  },
  {
    ...{ kind: 'a duration', option: 'timeout', key: 'timeout', initial: null },
    ...{ file: [90, 90_000], env: ['2m', 120_000], argv: [['--timeout=1h30m'], 5_400_000] },
  },
  {
    ...{ kind: 'a ratio', option: 'seed-ratio', key: 'seedRatio', initial: null },
    ...{ file: [1.5, 1.5], env: ['2', 2], argv: [['--seed-ratio', '3'], 3] },
  },
  {
    ...{ kind: 'a range of ports', option: 'port', key: 'port', initial: { first: 6881, last: 6999 } },
    ...{ file: ['1-2', { first: 1, last: 2 }], env: ['3', { first: 3, last: 3 }] },
    argv: [['--port', '4-5'], { first: 4, last: 5 }],
  },
  {
    ...{ kind: 'a word', option: 'encryption', key: 'encryption', initial: 'allow' },
    ...{ file: ['require', 'require'], env: ['off', 'off'], argv: [['--encryption', 'prefer'], 'prefer'] },
  },
  {
    ...{ kind: 'a text', option: 'dir', key: 'dir', initial: '.' },
    ...{ file: ['/f', '/f'], env: ['/e', '/e'], argv: [['-d', '/c'], '/c'] },
  },
  {
    ...{ kind: 'an option with a value and a flag that does without', option: 'proxy', key: 'noProxy', initial: false },
    ...{ file: [false, true], env: ['http://127.0.0.1:1', false], argv: [['--no-proxy'], true] },
  },
  {
    ...{ kind: 'the value of such an option', option: 'proxy', key: 'proxy', initial: null },
    ...{ file: ['socks5://127.0.0.1:1', 'socks5://127.0.0.1:1'], env: ['false', null] },
    argv: [['--proxy', 'http://127.0.0.1:2'], 'http://127.0.0.1:2'],
  },
  {
    ...{ kind: 'a repeatable option', option: 'select', key: 'select', initial: [] },
    file: [
      ['a', 'b'],
      ['a', 'b'],
    ],
    env: ['c\nd\n', ['c', 'd']],
    argv: [
      ['--select', 'e', '--select', 'f'],
      ['e', 'f'],
    ],
  },
];

describe('the configuration', () => {
  for (const { kind, option, key, initial, file, env, argv } of KINDS)
    it(`sets ${kind}: the command line wins over the environment, that over the file, and that over the default`, () => {
      const variable = { [`BTGET_${option.toUpperCase().replaceAll('-', '_')}`]: env[0] };
      const inFile = { [option]: file[0] };
      const got = [
        {},
        { file: inFile },
        { file: inFile, env: variable },
        { env: variable },
        { file: inFile, env: variable, argv: argv[0] },
        { file: inFile, argv: argv[0] },
        { env: variable, argv: argv[0] },
      ].map((given) => valuesOf(given)[key]);
      assert.deepEqual(got, [initial, file[1], env[1], env[1], argv[1], argv[1], argv[1]]);
    });

  it('takes the object of the command before what stands outside it, and that of no other command', () => {
    const file = { download: { dir: '/of-download' }, dir: '/of-all', seed: { dir: '/of-seed' } };
    const dirs = ['download', 'seed', 'verify'].map((command) => valuesOf({ file, command })['dir']);
    assert.deepEqual(dirs, ['/of-download', '/of-seed', '/of-all']);
    const env = { BTGET_DIR: '/of-env' };
    assert.equal(valuesOf({ file, env })['dir'], '/of-env');
  });

  it('takes seed and tracker as options or as objects of these commands', () => {
    const file = { seed: true, tracker: ['http://a/', 'http://b/'] };
    const { seed, trackers } = valuesOf({ file });
    assert.deepEqual([seed, trackers], [true, file.tracker]);
    const { port } = valuesOf({ file: { tracker: { port: 7000 } }, command: 'tracker' });
    assert.equal(port, 7000);
  });

  it('sets no option of another kind that has the same name in another command', () => {
    const file = { port: '6000-6010', output: 'x', tracker: 'http://a/' };
    const env = { BTGET_PORT: '6000-6010' };
    assert.equal(valuesOf({ file, env, command: 'tracker' })['port'], 6969);
    const { output, trackers } = valuesOf({ file, command: 'create' });
    assert.deepEqual([output, trackers], [null, []]);
  });

  it('reads the file that --config or BTGET_CONFIG names, and none with --no-config', () => {
    const [first, second] = ['first', 'second'].map((name) => write(join(dir, name), { dir: `/${name}` }));
    const env = { BTGET_CONFIG: second ?? '' };
    const file = { dir: '/usual' };
    const got = [
      { file, argv: ['--config', first ?? ''], env },
      { file, env },
      { file },
      { file, argv: ['--no-config'], env },
      { file: 'no JSON', argv: ['--no-config'] },
    ].map((given) => valuesOf(given)['dir']);
    assert.deepEqual(got, ['/first', '/second', '/usual', '.', '.']);
  });

  it('is looked for in ~/.config, and a folder that is not absolute does not count', () => {
    const home = join(dir, 'home');
    mkdirSync(join(home, '.config/btget'), { recursive: true });
    write(join(home, '.config/btget/config.json'), { dir: '/of-home' });
    for (const folder of ['', 'relative', undefined]) {
      const io = new FakeIo();
      Object.assign(io.env, { HOME: home, ...(folder === undefined ? {} : { XDG_CONFIG_HOME: folder }) });
      const options = COMMAND_OPTIONS['download'] ?? {};
      const line = readCommandLine(
        { name: 'download', arguments: '', summary: '', examples: [], notes: [], options },
        [],
        io,
      );
      assert.deepEqual(line.kind === 'run' && (line.values as Record<string, unknown>)['dir'], '/of-home');
    }
  });

  it('leaves out what a program that --on-complete names learns of its torrent', () => {
    const env = { BTGET_DIR: '/done', BTGET_NAME: 'done', BTGET_INFO_HASH: 'a'.repeat(40) };
    assert.equal(valuesOf({ env })['dir'], '.');
    assert.equal(valuesOf({ env, command: 'create' })['name'], null);
  });

  it('gives the same in a file with a byte order mark', () => {
    assert.equal(valuesOf({ file: '\ufeff{"dir":"/x"}' })['dir'], '/x');
  });

  it('is refused with the file, the key and the nearest key', async () => {
    const rows: readonly [unknown, string][] = [
      [{ 'max-uplaod': 1 }, 'max-uplaod: there is no such option; did you mean max-upload?'],
      [{ maxUpload: 1 }, 'maxUpload: there is no such option; did you mean max-upload?'],
      [{ '--dir': '/x' }, '--dir: there is no such option; did you mean dir?'],
      [{ 'no-dht': true }, 'no-dht: there is no such option; "dht": false is what turns it off'],
      [{ zzz: 1 }, 'zzz: there is no such option'],
      [{ constructor: {} }, 'constructor: there is no such option'],
      [{ tracker: { prot: 1 } }, 'tracker: prot: there is no such option; did you mean port?'],
      [{ tracker: { dir: '/x' } }, 'tracker: dir: there is no such option'],
      [{ dht: 'no' }, 'dht: "no" is not true or false'],
      [{ sequential: 1 }, 'sequential: 1 is not true or false'],
      [{ 'max-peers': 0 }, "max-peers: '0' is not a whole number from 1 to 10000"],
      [{ 'max-peers': true }, 'max-peers: true is not a text or a number'],
      [{ 'max-upload': null }, 'max-upload: null is not a text or a number'],
      [{ 'max-upload': ['1K', '2K'] }, 'max-upload: ["1K","2K"] is not a text or a number'],
      [{ select: ['a', {}] }, 'select: ["a",{}] is not a text or a list of texts'],
      [{ timeout: '1 year' }, "timeout: '1 year' is not a duration such as 90s, 30m, 1h30m or 1d, up to 3650d"],
      [{ tracker: { interval: 1e21 } }, "tracker: interval: '1e+21' is not a duration such as"],
      [[], 'is not a JSON object'],
      ['{"dir": "/x",}', 'is not JSON: '],
    ];
    for (const [file, message] of rows) {
      const err = await said({ file });
      assert.ok(err.startsWith(`btget: ${USUAL}: ${message}`), err);
      assert.match(err, /^[^\n]+\n$/);
    }
    assert.match(await said({ env: { BTGET_DHT: 'maybe' } }), /^btget: BTGET_DHT: 'maybe' is not true or false\n$/);
    assert.match(await said({ env: { BTGET_TIMEOUT: 'x' } }), /^btget: BTGET_TIMEOUT: 'x' is not a duration /);
    assert.match(await said({ argv: ['show', '--config', join(dir, 'none')] }), /none: there is no such file\n$/);
    assert.match(await said({ argv: ['show', '--config', dir] }), /is a folder\n$/);
  });

  it('refuses a variable that negates an option, and leaves alone one that could not', async () => {
    for (const [name, value] of [
      ['DHT', '1'],
      ['PROXY', 'true'],
      ['SEQUENTIAL', '0'],
    ] as const) {
      const says = `btget: BTGET_NO_${name} sets no option: without no-, it is BTGET_${name}=false\n`;
      assert.equal(await said({ env: { [`BTGET_NO_${name}`]: value } }), says);
    }
    const { code, err } = await btget({ env: { BTGET_NO_DHT: '', BTGET_NO_SELECT: '1' }, argv: ['config'] });
    assert.equal(code, 0, err);
  });

  it('shows no secret of a wrong value', async () => {
    const err = await said({ file: { tracker: ['ftp://u:hunter22@t/'] } });
    assert.doesNotMatch(err, /hunter22/);
    assert.doesNotMatch(await said({ env: { BTGET_TRACKER: 'ftp://u:hunter22@t/' } }), /hunter22/);
  });

  it('is refused when others may write to it, also by a link', { skip: process.platform === 'win32' }, async () => {
    const path = write(join(dir, 'open.json'), {});
    const link = join(dir, 'link.json');
    symlinkSync(path, link);
    for (const [mode, shown] of [
      [0o620, '0620'],
      [0o602, '0602'],
      [0o777, '0777'],
    ] as const) {
      chmodSync(path, mode);
      const err = await said({ argv: ['show', '--config', link] });
      assert.equal(err, `btget: ${link}: others may write to it (mode ${shown}; chmod go-w mends that)\n`);
    }
    chmodSync(path, 0o644);
    assert.equal((await btget({ argv: ['config', '--config', link] })).code, 0);
  });

  it('is refused when it belongs to another user or is long', () => {
    const facts = { mode: 0o100_644, uid: 7, size: 1 };
    assert.deepEqual(
      [faultOf(facts, 7), faultOf({ ...facts, uid: 0 }, 7), faultOf(facts, null), faultOf(facts, 8)],
      [null, null, null, 'belongs to another user (7; --no-config does without)'],
    );
    assert.equal(faultOf({ ...facts, size: (1 << 20) + 1 }, 7), 'is longer than 1 MiB');
    const device = 'is a device (--no-config does without a file)';
    for (const mode of [0o020_666, 0o060_660]) assert.equal(faultOf({ ...facts, mode }, 7), device);
  });

  it('is none when it is the null device', { skip: devNull !== '/dev/null' }, async () => {
    const file = { select: ['*.iso'] };
    for (const given of [{ argv: ['--config', devNull] }, { argv: [], env: { BTGET_CONFIG: devNull } }])
      assert.deepEqual(valuesOf({ ...given, file })['select'], []);
  });

  it('does not count where the user may not look, unless it is named', (t) => {
    const user = asPlainUser(process.execPath, BTGET, 'config');
    if (user === null) {
      t.skip('no other user can run btget here');
      return;
    }
    const closed = join(dir, 'closed');
    mkdirSync(closed, { recursive: true });
    chmodSync(closed, 0);
    const [program, ...args] = user;
    const run = (...more: readonly string[]) => {
      const env = { ...process.env, XDG_CONFIG_HOME: closed };
      const { status, stderr } = spawnSync(program, [...args, ...more], { env, encoding: 'utf8' });
      return [status, stderr];
    };
    assert.deepEqual(run(), [0, '']);
    const path = join(closed, 'config.json');
    assert.deepEqual(run('--config', path), [28, `btget: ${path}: cannot be read: EACCES\n`]);
  });

  it('leaves help and version alone when it is wrong', async () => {
    for (const argv of [['--version'], ['download', '--help'], ['--help']])
      assert.equal((await btget({ argv, file: 'no JSON' })).code, 0);
  });
});

describe('config', () => {
  it('prints the value of each option and where it comes from', async () => {
    const file = {
      dir: '/data',
      'web-seeds': false,
      download: { 'max-upload': '5M', 'max-peers': 9 },
      seed: { dir: '/s' },
    };
    const env = { BTGET_SELECT: '*.mkv\n*.srt', BTGET_MAX_PEERS: '7', BTGET_DIRR: 'x' };
    const { code, out, err } = await btget({ file, env, argv: ['config'] });
    assert.equal(code, 0);
    assert.equal(err, 'warning: BTGET_DIRR sets no option; did you mean BTGET_DIR?\n');
    const rows = out.split('\n').map((line) => line.split(/ {2,}/));
    const set = rows.filter(([, , where]) => where !== 'default' && where !== undefined);
    assert.deepEqual(set, [
      ['dir', '/data', USUAL],
      ['select', '*.mkv *.srt', 'BTGET_SELECT'],
      ['max-upload', '5M', `${USUAL}: download`],
      ['max-peers', '7', 'BTGET_MAX_PEERS'],
      ['web-seeds', 'false', USUAL],
    ]);
    const defaults = new Map(rows.map(([option = '', value]) => [option, value]));
    assert.deepEqual(
      ['port', 'dht', 'sequential', 'timeout'].map((option) => defaults.get(option)),
      ['6881-6999', 'true', 'false', '-'],
    );
  });

  it('prints each option of each command once', async () => {
    for (const [command, options] of Object.entries(COMMAND_OPTIONS)) {
      const { out } = await btget({ argv: ['config', command] });
      // `proxy` stands for `--proxy URL` and for `--no-proxy`.
      assert.equal(out.trim().split('\n').length, new Set(Object.values(options).map(plainName)).size);
    }
  });

  it('prints JSON, without secrets', async () => {
    const file = { tracker: ['http://u:hunter22@t/announce', 'http://s/'] };
    const { out } = await btget({ file, argv: ['config', 'seed', '--json'], env: { BTGET_DHT: 'false' } });
    const rows = out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    assert.deepEqual(
      rows.filter(({ from }) => from !== 'default'),
      [
        { option: 'tracker', value: ['http://t/announce', 'http://s/'], from: 'file', where: USUAL },
        { option: 'dht', value: false, from: 'environment', where: 'BTGET_DHT' },
      ],
    );
    assert.deepEqual(rows[0], { option: 'dir', value: '.', from: 'default', where: null });
  });

  it('knows no command that has no options', async () => {
    assert.match(await said({ argv: ['config', 'trakcer'] }), /trakcer; did you mean tracker\?\n$/);
    assert.match(await said({ argv: ['config', '__proto__'] }), /no command of that name/);
  });
});
