/**
 * `npm run bench [-- ROW...]`: btget and other clients in turn at the same work, on this machine, over loopback, with
 * discovery and encryption off. Prints medians. BENCH_MIB (1024) is the size of the torrent, BENCH_RUNS (5) how often.
 */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { writeNoise } from '../test/support/noise.js';
import { type Cost, measure, median } from './measured.js';

const BTGET = fileURLToPath(new URL('../../bin/btget.js', import.meta.url));
const LIBTORRENT_LEECH = fileURLToPath(new URL('../../bench/libtorrent-leech.py', import.meta.url));
const MIB = 1 << 20;
const size = Number(process.env['BENCH_MIB'] ?? 1024);
const runs = Number(process.env['BENCH_RUNS'] ?? 5);

interface Contestant {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
}

interface Row {
  readonly title: string;
  readonly contestants: readonly Contestant[];
  /** Before each run. */
  readonly prepare: () => void;
}

const dir = mkdtempSync(join(process.env['BENCH_DIR'] ?? tmpdir(), 'btget-bench-'));
const seedDir = join(dir, 'seed');
const out = join(dir, 'out');
const torrent = join(dir, 'data.torrent');

function isInstalled(command: string, ...args: string[]): boolean {
  return spawnSync(command, args, { stdio: 'ignore' }).status === 0;
}

const aria2Options = [
  '--no-conf=true',
  '--interface=127.0.0.1',
  '--enable-dht=false',
  '--enable-dht6=false',
  '--bt-enable-lpd=false',
  '--enable-peer-exchange=false',
  '--disable-ipv6=true',
  '--file-allocation=none',
  '--quiet=true',
];

async function main(wanted: readonly string[]): Promise<void> {
  writeNoise(seedDir, { 'data.bin': size * MIB });
  const tracker = await start(/(http:\S+\/announce)/, 'tracker', '--bind', '127.0.0.1', '--port', '0');
  spawnSync(process.execPath, [
    BTGET,
    'create',
    join(seedDir, 'data.bin'),
    '-o',
    torrent,
    '--piece-length',
    '1M',
    '--tracker',
    tracker.found,
    '-q',
  ]);
  const seed = await start(
    /listening on \S*?:(\d+)[\s\S]*seeding/,
    'seed',
    torrent,
    '-d',
    seedDir,
    '--bind',
    '127.0.0.1',
    '-v',
  );
  const node = (name: string, ...args: string[]): Contestant => ({
    name,
    command: process.execPath,
    args: [BTGET, ...args],
  });
  const aria2 = isInstalled('aria2c', '--version');
  const libtorrent = isInstalled('/usr/bin/python3', '-c', 'import libtorrent');
  const rows: Readonly<Record<string, Row>> = {
    download: {
      title: `download ${size} MiB from btget's seed, pieces of 1 MiB`,
      prepare: () => rmSync(out, { recursive: true, force: true }),
      contestants: [
        node('btget', torrent, '-d', out, '--bind', '127.0.0.1', '--port', '20000-29999', '-q'),
        ...(aria2
          ? [
              {
                name: 'aria2',
                command: 'aria2c',
                args: [...aria2Options, `--dir=${out}`, '--seed-time=0', '--listen-port=30000-39999', torrent],
              },
            ]
          : []),
        ...(libtorrent
          ? [
              {
                name: 'libtorrent',
                command: '/usr/bin/python3',
                args: [LIBTORRENT_LEECH, torrent, out, `127.0.0.1:${seed.found}`],
              },
            ]
          : []),
      ],
    },
    verify: {
      title: `verify ${size} MiB`,
      prepare: () => undefined,
      contestants: [
        node('btget', 'verify', torrent, '-d', seedDir, '-q'),
        ...(aria2
          ? [
              {
                name: 'aria2',
                command: 'aria2c',
                args: [
                  ...aria2Options,
                  `--dir=${seedDir}`,
                  '--check-integrity=true',
                  '--hash-check-only=true',
                  '--listen-port=30000-39999',
                  torrent,
                ],
              },
            ]
          : []),
      ],
    },
  };
  try {
    for (const [name, row] of Object.entries(rows))
      if (wanted.length === 0 || wanted.includes(name)) await compete(row);
  } finally {
    for (const { child } of [seed, tracker]) {
      child.kill('SIGINT');
      await once(child, 'exit');
    }
  }
}

/** Everybody once, then everybody again: what else the machine does falls on all alike. */
async function compete({ title, contestants, prepare }: Row): Promise<void> {
  const costs = new Map<string, Cost[]>(contestants.map(({ name }) => [name, []]));
  for (let run = 0; run < runs; run += 1) {
    for (const { name, command, args } of contestants) {
      prepare();
      costs.get(name)?.push(await measure(command, args));
    }
  }
  console.log(`\n${title}, median of ${runs}\n`);
  console.log('| client | wall s | cpu s | memory MiB | btget takes, of its wall time |');
  console.log('| --- | --- | --- | --- | --- |');
  const own = costs.get('btget') ?? [];
  for (const [name, all] of costs) {
    const ratio = median(all.map(({ wall }, run) => (own[run]?.wall ?? Number.NaN) / wall));
    const cells = [median(all.map(({ wall }) => wall)), median(all.map(({ cpu }) => cpu))].map((seconds) =>
      seconds.toFixed(2),
    );
    console.log(
      `| ${name} | ${cells.join(' | ')} | ${Math.round(median(all.map(({ memory }) => memory)))} | ${ratio.toFixed(2)} |`,
    );
  }
}

async function start(pattern: RegExp, ...args: string[]): Promise<{ child: ReturnType<typeof spawn>; found: string }> {
  const child = spawn(process.execPath, [BTGET, ...args], { stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  for await (const text of child.stderr.setEncoding('utf8').iterator({ destroyOnReturn: false })) {
    said += text;
    const found = pattern.exec(said)?.[1];
    if (found === undefined) continue;
    child.stderr.resume();
    return { child, found };
  }
  throw new Error(`btget ${args.join(' ')} ended: ${said}`);
}

try {
  await main(process.argv.slice(2));
} finally {
  rmSync(dir, { recursive: true, force: true });
}
