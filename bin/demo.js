#!/usr/bin/env node
// Shows the main job without a network: a tracker and a seed on loopback, and a download with its progress.
// Run by `npm run demo`; it is not part of the published package.
import { spawn } from 'node:child_process';
import { randomFillSync } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const btget = fileURLToPath(new URL('btget.js', import.meta.url));
const dir = mkdtempSync(join(tmpdir(), 'btget-demo-'));
// What the programs keep for the next time goes with it.
const env = { ...process.env, XDG_CACHE_HOME: dir };
const MiB = 1 << 20;
const LENGTH = 64 * MiB;
const helpers = [];

/** Starts btget in the background; resolves to the first match of `pattern` in what it says. */
async function start(pattern, ...args) {
  const child = spawn(process.execPath, [btget, ...args], { stdio: ['ignore', 'ignore', 'pipe'], env });
  helpers.push(child);
  let said = '';
  for await (const text of child.stderr.setEncoding('utf8')) {
    said += text;
    const match = pattern.exec(said);
    if (match !== null) {
      child.stderr.resume();
      return match[1];
    }
  }
  throw new Error(`btget ${args.join(' ')} ended: ${said}`);
}

const startSeed = (torrent, ...more) =>
  start(/(seeding)/, 'seed', torrent, '-d', join(dir, 'seed'), '--bind', '127.0.0.1', '--no-dht', ...more);

/** Ends what runs in the background, and takes everything away. */
async function cleanUp() {
  for (const child of helpers) child.kill('SIGINT');
  const running = helpers.filter((child) => child.exitCode === null && child.signalCode === null);
  await Promise.all(running.map((child) => once(child, 'exit')));
  rmSync(dir, { recursive: true, force: true });
}

// Ctrl-C reaches every program of the terminal: the download says how it ends.
process.on('SIGINT', () => undefined);
for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => helpers.at(-1)?.kill('SIGTERM'));

try {
  const content = join(dir, 'seed', 'demo.bin');
  const torrent = join(dir, 'demo.torrent');
  mkdirSync(join(dir, 'seed'));
  writeFileSync(content, randomFillSync(Buffer.allocUnsafe(LENGTH)));
  const tracker = await start(/(http:\S+\/announce)/, 'tracker', '--bind', '127.0.0.1', '--port', '0');
  const made = spawn(process.execPath, [btget, 'create', content, '-o', torrent, '--tracker', tracker, '-q'], { env });
  const [madeCode] = await once(made, 'exit');
  if (madeCode !== 0) throw new Error(`btget create ended with ${madeCode}`);
  console.error(
    `a tracker at ${tracker}, and a seed of ${LENGTH / MiB} MiB of noise that gives 4 MiB/s; another comes and gives all it can`,
  );
  await startSeed(torrent, '--tracker', tracker, '--max-upload', '4M');
  console.error(`$ btget demo.torrent -d ${dir}`);
  const download = spawn(
    process.execPath,
    [btget, torrent, '-d', dir, '--bind', '127.0.0.1', '--no-dht', '--summary-interval', '1'],
    { stdio: 'inherit', env },
  );
  const ended = once(download, 'exit');
  helpers.push(download);
  await Promise.race([ended, setTimeout(1500, null, { ref: false })]);
  // The second seed hears of the download from the tracker, and dials it.
  if (download.exitCode === null) await startSeed(torrent, '--tracker', tracker);
  const [code] = await ended;
  console.error(`exit code ${code}`);
  process.exitCode = code ?? 1;
} finally {
  await cleanUp();
}
