#!/usr/bin/env node
// Shows the main job without a network: a tracker and a seed on loopback, and a download with its progress.
// Run by `npm run demo`; it is not part of the published package.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const btget = join(root, 'bin', 'btget.js');
const torrent = join(root, 'fixtures', 'many-files.torrent');
const dir = mkdtempSync(join(tmpdir(), 'btget-demo-'));
const helpers = [];

/** Starts btget in the background; resolves to the first match of `pattern` in what it says. */
async function start(pattern, ...args) {
  const child = spawn(process.execPath, [btget, ...args], { stdio: ['ignore', 'ignore', 'pipe'] });
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

try {
  const tracker = await start(/(http:\S+\/announce)/, 'tracker', '--bind', '127.0.0.1', '--port', '0');
  console.error(`a tracker at ${tracker}, and a seed`);
  await start(
    /(seeding)/,
    'seed',
    torrent,
    '-d',
    join(root, 'fixtures'),
    '--bind',
    '127.0.0.1',
    '--tracker',
    tracker,
    '--max-upload',
    '400K',
  );
  console.error(`$ btget many-files.torrent -d ${dir} --tracker ${tracker}`);
  const download = spawn(
    process.execPath,
    [btget, torrent, '-d', dir, '--bind', '127.0.0.1', '--tracker', tracker, '--summary-interval', '1'],
    {
      stdio: 'inherit',
    },
  );
  const [code] = await once(download, 'exit');
  console.error(`exit code ${code}`);
  process.exitCode = code ?? 1;
} finally {
  for (const child of helpers) child.kill('SIGINT');
  await Promise.all(helpers.map((child) => (child.exitCode === null ? once(child, 'exit') : null)));
  rmSync(dir, { recursive: true, force: true });
}
