#!/usr/bin/env node
// `npm run demo` shows a download with its progress, without a network: a tracker and two seeds run on loopback.
// The published package does not contain this file. `node bin/demo.js BTGET` shows another btget than the one that lies
// beside it.
import { spawn } from 'node:child_process';
import { randomFillSync } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const btget = process.argv[2] ?? fileURLToPath(new URL('btget.js', import.meta.url));
const dir = mkdtempSync(join(tmpdir(), 'btget-demo-'));
// The programs keep their caches in this folder too, so that nothing stays behind.
const env = { ...process.env, XDG_CACHE_HOME: dir };
// No proxy leads to this machine's loopback.
for (const name of Object.keys(env)) if (/^(?:https?|all)_proxy$/i.test(name)) delete env[name];
const MiB = 1 << 20;
const LENGTH = 64 * MiB;
const programs = [];
let isEnding = false;

function run(stdio, ...args) {
  const program = spawn(process.execPath, [btget, ...args], { stdio, env });
  programs.push(program);
  if (isEnding) program.kill('SIGTERM');
  return program;
}

/** Starts btget in the background. Resolves to the first group of `pattern` once its stderr matches. */
async function start(pattern, ...args) {
  const program = run(['ignore', 'ignore', 'pipe'], ...args);
  let said = '';
  for await (const text of program.stderr.setEncoding('utf8')) {
    said += text;
    const match = pattern.exec(said);
    if (match !== null) {
      program.stderr.resume();
      return match[1];
    }
  }
  throw new Error(`btget ${args.join(' ')} ended: ${said}`);
}

const startSeed = (torrent, ...more) =>
  start(/(seeding)/, 'seed', torrent, '-d', join(dir, 'seed'), '--bind', '127.0.0.1', '--no-dht', ...more);

/** Ends the programs and removes the folder. */
async function cleanUp() {
  for (const program of programs) program.kill('SIGINT');
  const running = programs.filter(({ exitCode, signalCode }) => exitCode === null && signalCode === null);
  await Promise.all(running.map((program) => once(program, 'exit')));
  rmSync(dir, { recursive: true, force: true });
}

// Ctrl-C reaches every program of the terminal. The download ends by itself and says how.
process.on('SIGINT', () => undefined);
for (const signal of ['SIGTERM', 'SIGHUP']) {
  process.on(signal, () => {
    isEnding = true;
    process.exitCode = 143;
    for (const program of programs) program.kill('SIGTERM');
  });
}

try {
  const content = join(dir, 'seed', 'demo.bin');
  const torrent = join(dir, 'demo.torrent');
  mkdirSync(join(dir, 'seed'));
  writeFileSync(content, randomFillSync(Buffer.allocUnsafe(LENGTH)));
  const tracker = await start(/(http:\S+\/announce)/, 'tracker', '--bind', '127.0.0.1', '--port', '0');
  const [madeCode] = await once(run('ignore', 'create', content, '-o', torrent, '--tracker', tracker, '-q'), 'exit');
  if (madeCode !== 0) throw new Error(`btget create ended with ${madeCode}`);
  console.error(
    `a tracker at ${tracker}, and a seed of ${LENGTH / MiB} MiB of noise that gives 4 MiB/s; ` +
      'another comes and gives all it can',
  );
  await startSeed(torrent, '--tracker', tracker, '--max-upload', '4M');
  console.error(`$ btget demo.torrent -d ${dir}`);
  const download = run('inherit', torrent, '-d', dir, '--bind', '127.0.0.1', '--no-dht', '--summary-interval', '1');
  const ended = once(download, 'exit');
  await Promise.race([ended, setTimeout(1500, null, { ref: false })]);
  // The tracker tells the second seed of the download, and the seed dials it.
  if (download.exitCode === null) await startSeed(torrent, '--tracker', tracker);
  const [code] = await ended;
  console.error(`exit code ${code}`);
  if (!isEnding) process.exitCode = code ?? 1;
} catch (error) {
  if (!isEnding) throw error;
} finally {
  await cleanUp();
}
