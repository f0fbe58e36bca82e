import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { main } from '../../../src/cli/main.js';
import { nearestWord } from '../../../src/cli/nearest-word.js';
import { nodeIo } from '../../../src/cli/node-io.js';
import { Capture, FakeIo } from './support/fake-io.js';

const COMMANDS = [
  'download',
  'seed',
  'create',
  'show',
  'verify',
  'cat',
  'serve',
  'tracker',
  'doctor',
  'config',
  'completion',
];
const { timers } = nodeIo();
const WIDTHS = [40, 60, 80, 200];

/** Runs btget; `columns` of its stdout, or null when that is no terminal. */
async function btget(argv: readonly string[], columns: number | null = null) {
  const io = new FakeIo();
  const stdout = new Capture(columns === null ? null : { columns, rows: 24 });
  const code = await main(argv, Object.assign(io, { stdout, timers }));
  return { code, out: stdout.text, err: io.stderr.text };
}

const help = async (argv: readonly string[], columns: number | null = null): Promise<string> => {
  const { code, out, err } = await btget(argv, columns);
  assert.deepEqual([code, err], [0, ''], argv.join(' '));
  return out;
};

const MAP = `btget downloads torrents, verifies every byte, and exits.

  btget debian.torrent                      download, verify, exit
  btget 'magnet:?xt=urn:btih:…' -d /data    by a magnet link, into /data
  btget box.torrent --select '*.{mkv,srt}'  some of its files
  btget seed debian.torrent -d /data        serve what is in /data
  btget create photos/ --tracker URL        make photos.torrent

  Get      download    download, verify, exit; btget SOURCE... is short for it
           cat         write the verified bytes of a file to stdout
           serve       serve the files over HTTP to players
  Share    seed        check what is on the disk, then serve it
           create      make a .torrent of a file or folder
  Inspect  show        say what a torrent holds
           verify      check what is on the disk, file by file
  Run      tracker     serve announces and scrapes
           doctor      say what works from here and what does not, and why
           config      say what each option is, and where that comes from
           completion  print a script that completes this in bash, zsh or fish

Options: -d DIR (where to save), -o NAME (under which name), -i FILE (of
  sources), --select and --exclude PATTERN, --seed (go on when done),
  --max-download and --max-upload RATE, --json, -q (errors only), -v (more).
More: btget help COMMAND, btget help exit-codes, btget version, docs/manual.md.
`;

test('btget --help is a map of at most 24 lines, and so are -h and btget help', async () => {
  for (const argv of [['--help'], ['-h'], ['help'], ['help', 'help'], ['help', '--help']])
    assert.equal(await help(argv), MAP, argv.join(' '));
  for (const columns of [80, 100, 200]) {
    const lines = (await help(['--help'], columns)).split('\n').slice(0, -1);
    assert.ok(lines.length <= 24, `${lines.length} lines at ${columns} columns`);
  }
});

const EXIT_CODES = `What the exit code of btget says:

   0  everything asked for is done
   1  failed, for a reason without a code of its own
   2  gave up: --stop-timeout or --timeout
   3  the source was not found
   6  the network failed: cannot listen, cannot fetch
   7  interrupted before it was done
   9  the disk is full
  11  another btget is working on the same target
  13  a file of that name exists and is not this torrent's or tracker's
  16  a file could not be created or opened
  17  reading or writing failed
  25  the source is not bencoded
  26  the torrent is not valid
  27  the magnet link is not valid
  28  wrong usage: an unknown option, a bad value
  32  verify found bytes missing or wrong; seed found nothing to serve
  70  a bug in btget; please report it

With several sources: the code of the first one, in the order given, that
failed.
`;

test('btget help exit-codes names every exit code', async () => {
  assert.equal(await help(['help', 'exit-codes']), EXIT_CODES);
});

const TRACKER = `Serves announces and scrapes, over HTTP and UDP, until
told to stop. Shows itself at /, /stats.json, /metrics.

  btget tracker
      announce at http://HOST:6969/announce and
      udp://HOST:6969/announce
  btget tracker --allowed torrents/ --state \\
    tracker.state
      for these torrents; remembers its peers

Usage: btget tracker [options]

Network:
  --port <port>
      where to listen; 0 lets the system choose
      (default: 6969)
  --bind <address|interface>
      every socket uses this address or fails

Tracker:
  --allowed <dir>
      serve only the torrents whose .torrent is in this
      folder
  --state <file>
      remember the peers there across a restart
  --interval <time>
      how often clients are to announce, at least 1s
      (default: 30m)
  --trusted-proxy <cidr>
      believe the X-Forwarded-For or Forwarded header of
      this proxy; repeatable
  --nat-check
      name only peers that answer when they are called
      back

Output:
  -q, --quiet
      errors only

Configuration:
  --config <file>
      read options from this file instead of the usual
      one
  --no-config
      read no such file
  -h, --help
      this help
`;

test('where there is little room, what an option does stands below it', async () => {
  assert.equal(await help(['tracker', '--help'], 56), TRACKER);
});

/** The words in their order, without the backslash that joins the lines of a command. */
const wordsOf = (text: string): string[] => text.split(/\s+/).filter((word) => word !== '\\');

for (const argv of [['help'], ['help', 'exit-codes'], ...COMMANDS.map((command) => ['help', command])])
  test(`btget ${argv.join(' ')} has no longer line than the terminal, and breaks no word`, async () => {
    const words = wordsOf(await help(argv, 100_000));
    for (const columns of WIDTHS) {
      const shown = await help(argv, columns);
      const longest = shown.split('\n').reduce((a, b) => (a.length >= b.length ? a : b));
      assert.ok(longest.length <= columns, `${longest.length} columns of ${columns}: ${longest}`);
      assert.deepEqual(wordsOf(shown), words);
      assert.doesNotMatch(shown, /[ \t]$/m);
    }
    assert.equal(await help(argv), await help(argv, 80), 'not a terminal');
    assert.equal(await help(argv, 0), await help(argv, 80), 'a terminal that does not know its width');
  });

for (const command of COMMANDS)
  test(`the help of ${command} opens with two or three examples, by --help, -h and help ${command}`, async () => {
    const text = await help([command, '--help']);
    const [summary = '', examples = '', usage = ''] = text.split('\n\n');
    assert.match(summary, /^[A-Z].+\.$/s);
    const count = examples.split('\n').filter((line) => line.startsWith(`  btget ${command}`)).length;
    assert.ok(count === 2 || count === 3, `${count} examples`);
    assert.match(usage, new RegExp(`^Usage: btget ${command} \\[options\\]`));
    assert.equal(await help([command, '-h']), text);
    assert.equal(await help(['help', command]), text);
  });

test('an example that needs several lines is still one command for a shell', async () => {
  const text = await help(['download', '--help'], 40);
  assert.ok(text.includes("  btget download box.torrent --select \\\n    '*.{mkv,srt}' --seed-ratio 1\n"), text);
});

test('btget version is what --version is, alone on stdout', async () => {
  const version = await help(['--version']);
  assert.match(version, /^\d+\.\d+\.\d+\n$/);
  assert.equal(await help(['version']), version);
  for (const args of [
    ['download', '--version'],
    ['seed', '-V', '--quiet'],
    ['tracker', '-V'],
    ['config', '--version'],
  ])
    assert.equal(await help(args), version, args.join(' '));
});

test('a word that is nearly a command is wrong usage, and btget names the command', async () => {
  const slips = {
    ...{ downlod: 'download', dwonload: 'download', sed: 'seed', seeed: 'seed', shwo: 'show', hlep: 'help' },
    ...{ verfy: 'verify', traker: 'tracker', docter: 'doctor', creat: 'create', verison: 'version', SEED: 'seed' },
  };
  for (const [word, command] of Object.entries(slips)) {
    const message = `btget: no such file, and no such command: ${word} (did you mean ${command}?)\n`;
    assert.deepEqual(await btget([word, 'x.torrent']), { code: 28, out: '', err: message });
  }
  assert.match((await btget(['hlep', 'seed'])).err, /did you mean help\?/);
  const { code, err } = await btget(['help', 'exit-code']);
  assert.deepEqual([code, err.includes('(did you mean exit-codes?)')], [28, true], err);
});

test('a word that is a file or folder, an info-hash, a link or far from every command is no slip', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'btget-words-'));
  const before = process.cwd();
  after(() => rmSync(dir, { recursive: true }));
  writeFileSync(join(dir, 'sed'), 'text');
  mkdirSync(join(dir, 'shw'));
  process.chdir(dir);
  try {
    assert.equal((await btget(['sed'])).code, 25);
    assert.equal((await btget(['shw'])).code, 16);
    for (const [word, code] of [
      ['surgeon', 3],
      ['code', 3],
      ['seed.torrent', 3],
      ['./sed2', 3],
      ['ftp://sed', 28],
      ['magnet:sed', 27],
    ] as const) {
      const ended = await btget([word]);
      assert.deepEqual([ended.code, ended.err.includes('did you mean')], [code, false], ended.err);
    }
    assert.equal((await btget(['a'.repeat(40), '--dir', ''])).err.includes('did you mean'), false);
  } finally {
    process.chdir(before);
  }
});

test('the nearest word is the one with the fewest slips, and a short word allows only one', () => {
  assert.equal(nearestWord('seet', ['seed', 'sheet']), 'seed');
  assert.equal(nearestWord('xxed', ['seed']), null);
  assert.equal(nearestWord('donwlaod', ['download']), 'download');
  assert.equal(nearestWord('dnlod', ['download']), null);
  assert.equal(nearestWord('', ['seed']), null);
});
