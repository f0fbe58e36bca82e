// Makes docs/download.svg from a real run: a tracker and two seeds on loopback, and a download in a terminal of tmux,
// which is captured four times a second. Run it after a build, on Linux with tmux and bash: node docs/download.mjs
import { execFileSync, spawn } from 'node:child_process';
import { randomFillSync } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const [COLUMNS, ROWS, EVERY, LAST] = [100, 6, 250, 4000];
const [WIDTH, HEIGHT, EDGE] = [8.43, 20, 14];
const MiB = 1 << 20;

const repository = fileURLToPath(new URL('..', import.meta.url));
const dir = mkdtempSync(join(tmpdir(), 'btget-picture-'));
const env = { ...process.env, XDG_CACHE_HOME: dir, PATH: `${dir}:${process.env.PATH}` };
const FILES = Object.entries({ 'alps.raw': 30, 'coast.raw': 22, 'index.html': 12 });
const programs = [];

async function start(pattern, ...args) {
  const program = spawn(join(dir, 'btget'), args, { stdio: ['ignore', 'ignore', 'pipe'], env, cwd: dir });
  programs.push(program);
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

// A server of its own: no other session of tmux is touched.
const tmux = (...args) =>
  execFileSync('tmux', ['-L', `btget-picture-${process.pid}`, '-f', '/dev/null', ...args], { env });
const screen = () => tmux('capture-pane', '-p').toString().trimEnd();
const type = (text) => tmux('send-keys', text, 'Enter');

async function capture() {
  mkdirSync(join(dir, 'seed/photos'), { recursive: true });
  for (const [name, length] of FILES)
    writeFileSync(join(dir, 'seed/photos', name), randomFillSync(Buffer.allocUnsafe(length * MiB)));
  const tracker = await start(/(http:\S+\/announce)/, 'tracker', '--bind', '127.0.0.1', '--port', '0');
  const create = ['create', 'seed/photos', '--tracker', tracker, '-q'];
  execFileSync(join(dir, 'btget'), create, { env, cwd: dir });
  for (const rate of ['5M', '7M'])
    await start(/(seeding)/, 'seed', 'photos.torrent', '-d', 'seed', '--bind', '127.0.0.1', '--max-upload', rate);
  tmux('new-session', '-d', '-x', String(COLUMNS), '-y', String(ROWS), '-c', dir, 'bash --norc --noprofile');
  type("PS1='$ '; clear");
  await setTimeout(1000);
  const frames = [];
  type('btget photos.torrent --bind 127.0.0.1');
  while (!/^OK /m.test(screen())) {
    await setTimeout(EVERY);
    frames.push(screen());
  }
  await setTimeout(1000);
  type('echo exit code $?');
  await setTimeout(500);
  frames.push(screen());
  return frames;
}

const escaped = (text) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');

function picture(frames) {
  const [width, height] = [Math.ceil(COLUMNS * WIDTH) + 2 * EDGE, ROWS * HEIGHT + 2 * EDGE];
  const whole = (frames.length - 1) * EVERY + LAST;
  const share = (index) => ((100 * index * EVERY) / whole).toFixed(2);
  const rules = frames.map((_frame, index) => {
    const [from, to] = [share(index), index === frames.length - 1 ? '100' : share(index + 1)];
    const before = index === 0 ? '' : `0%{visibility:hidden}`;
    const after = to === '100' ? '' : `${to}%,100%{visibility:hidden}`;
    return `@keyframes f${index}{${before}${from}%{visibility:visible}${after}}#f${index}{animation-name:f${index}}`;
  });
  const groups = frames.map((frame, index) => {
    const lines = frame.split('\n').map((line, row) => {
      return line === '' ? '' : `<text x="${EDGE}" y="${EDGE + (row + 0.75) * HEIGHT}">${escaped(line)}</text>`;
    });
    return `<g id="f${index}">${lines.join('')}</g>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" xml:space="preserve" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}">
<!-- A real run on loopback: two seeds that give 5 and 7 MiB/s, 64 MiB of noise. Made by docs/download.mjs. -->
<title>btget downloads a folder, and ends with exit code 0</title>
<style>
/* What shows no animation shows the frame in the middle. */
text{font:14px ui-monospace,Menlo,Consolas,"DejaVu Sans Mono",monospace;fill:#d7dae0;white-space:pre}
g{visibility:hidden;animation:${whole}ms step-end infinite}
#f${frames.length >> 1}{visibility:visible}
${rules.join('\n')}
</style>
<rect width="100%" height="100%" rx="8" fill="#1d2027"/>
${groups.join('\n')}
</svg>
`;
}

try {
  const script = `#!/bin/sh\nexec '${process.execPath}' '${join(repository, 'bin/btget.js')}' "$@"\n`;
  writeFileSync(join(dir, 'btget'), script, { mode: 0o755 });
  writeFileSync(join(repository, 'docs/download.svg'), picture(await capture()));
} finally {
  tmux('kill-server');
  for (const program of programs) program.kill('SIGINT');
  await Promise.all(programs.filter(({ exitCode }) => exitCode === null).map((program) => once(program, 'exit')));
  rmSync(dir, { recursive: true, force: true });
}
