/** `cat` behind a slow reader, and `serve` to curl and ffprobe, which read as their users do. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import {
  closeSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  readSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { scratch } from '../support/disk/scratch.js';
import { HANGS_AFTER } from '../support/hang.js';
import { writeNoise } from '../support/noise.js';
import { BTGET, btget, btgetEnds, HOSTS, isInstalled, lengthOf, type Program, startSeed } from './support.js';

const OPTIONS = { timeout: HANGS_AFTER };
const MIB = 1 << 20;
const GIB = 1 << 30;
/** A slow reader stops after so many bytes. */
const STEP = 128 * MIB;

/** The most bytes of memory that the process has had so far. */
function peakMemory(pid: number): number {
  const [, kib] = /^VmHWM:\s*(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Number(kib) * 1024;
}

/** Bytes on the disk of the files without a name that the process has open below `dir`. */
function namelessBytes(pid: number, dir: string): number {
  const folder = `/proc/${pid}/fd`;
  const nameless = readdirSync(folder).filter((descriptor) => {
    const path = readlinkSync(join(folder, descriptor));
    return path.startsWith(`${dir}/`) && path.endsWith(' (deleted)');
  });
  assert.ok(nameless.length <= 1, `${nameless.length} files`);
  return nameless.reduce((sum, descriptor) => sum + statSync(join(folder, descriptor)).blocks * 512, 0);
}

test('cat gives 2 GiB to a slow reader, in 160 MiB of memory and 64 MiB on the disk', OPTIONS, async (t) => {
  const dir = scratch(t);
  const [seed, temporary, torrent] = [join(dir, 'seed'), join(dir, 'tmp'), join(dir, 'film.torrent')];
  mkdirSync(temporary);
  // Zeros that take no room, and words here and there: a piece in the wrong place would be seen.
  const film = join(seed, 'film.bin');
  mkdirSync(seed);
  writeFileSync(film, '');
  truncateSync(film, 2 * GIB);
  const content = openSync(film, 'r+');
  for (let at = 0; at < 2 * GIB; at += 4 * MIB) writeSync(content, `this is byte ${at}`, at);
  await btgetEnds(t, 0, 'create', film, '-o', torrent, '--piece-length', '1M');
  const peer = await startSeed(t, HOSTS.rival, torrent, seed);
  const cat = spawn(process.execPath, [BTGET, 'cat', torrent, '--bind', HOSTS.btget, '--peer', peer], {
    env: { ...process.env, TMPDIR: temporary },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.after(() => cat.kill('SIGKILL'));
  const ended = new Promise<number | null>((resolve) => cat.once('close', resolve));
  const pid = cat.pid ?? assert.fail();
  const expected = Buffer.alloc(MIB);
  const most = { memory: 0, disk: 0 };
  let length = 0;
  let next = STEP;
  for await (const chunk of cat.stdout as AsyncIterable<Buffer>) {
    readSync(content, expected, 0, chunk.length, length);
    assert.ok(chunk.equals(expected.subarray(0, chunk.length)), `the bytes from ${length} on`);
    length += chunk.length;
    // At the last step the program may be gone.
    if (length < next || next === 2 * GIB) continue;
    // The reader stands still until the window is full, and for longer the first time.
    await new Promise((resolve) => setTimeout(resolve, next === STEP ? 3_000 : 300));
    next += STEP;
    most.memory = Math.max(most.memory, peakMemory(pid));
    most.disk = Math.max(most.disk, namelessBytes(pid, temporary));
  }
  closeSync(content);
  assert.deepEqual([await ended, length], [0, 2 * GIB]);
  assert.deepEqual(readdirSync(temporary), []);
  t.diagnostic(`${(most.memory / MIB).toFixed(0)} MiB of memory, ${(most.disk / MIB).toFixed(0)} MiB on the disk`);
  // The disk had what it may have while the reader stood still, and no more.
  assert.ok(most.disk > 48 * MIB && most.disk <= 64 * MIB, `${most.disk} bytes on the disk`);
  assert.ok(most.memory <= 160 * MIB, `${most.memory} bytes of memory`);
});

interface Served {
  readonly url: string;
  readonly serve: Program;
  /** Bytes that the seed has sent so far. */
  readonly sent: () => Promise<number>;
}

/** Serves the file to players, from a seed. */
async function serving(t: TestContext, dir: string, name: string): Promise<Served> {
  const torrent = join(dir, 'film.torrent');
  await btgetEnds(t, 0, 'create', join(dir, name), '-o', torrent, '--piece-length', '256K');
  const seed = btget(t, 'seed', torrent, '-d', dir, '--bind', HOSTS.rival, '--json');
  const port = await seed.until((output) => /listening on \S*?:(\d+)[\s\S]*seeding/.exec(output)?.[1]);
  const serve = btget(t, 'serve', torrent, '--bind', HOSTS.btget, '--peer', `${HOSTS.rival}:${port}`);
  const url = await serve.until((output) => /http:\S+/.exec(output)?.[0]);
  const progress = () => seed.events().filter(({ type }) => type === 'progress');
  const sent = async (): Promise<number> => {
    const before = progress().length;
    // The first one that comes may have been counted before.
    const { uploaded } = await seed.until(() => progress()[before + 1]);
    return Number(uploaded);
  };
  return { url, serve, sent };
}

const noCurl = isInstalled('curl', '--version') ? false : 'curl is not installed (Debian package curl)';
if (noCurl !== false) console.log(`serve to curl is NOT TESTED: ${noCurl}`);

test('serve gives curl a file, its parts, its head, and what was missing of it', {
  ...OPTIONS,
  skip: noCurl,
}, async (t) => {
  const dir = scratch(t);
  const length = 20 * MIB + 7;
  writeNoise(dir, { 'film.mp4': length });
  const film = readFileSync(join(dir, 'film.mp4'));
  const { url, serve } = await serving(t, dir, 'film.mp4');
  const curl = async (...args: readonly string[]) => {
    const child = spawn('curl', ['-sS', '--noproxy', '*', ...args, url], { stdio: ['ignore', 'pipe', 'pipe'] });
    const chunks: Buffer[] = [];
    let err = '';
    child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => {
      err += chunk;
    });
    const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
    return { code, out: Buffer.concat(chunks), err };
  };
  const bytes = async (...args: readonly string[]): Promise<Buffer> => {
    const { code, out, err } = await curl(...args);
    assert.equal(code, 0, err);
    return out;
  };
  const parts: readonly (readonly [string, Buffer])[] = [
    ['0-99', film.subarray(0, 100)],
    ['-100', film.subarray(-100)],
    [`${length - 5}-`, film.subarray(-5)],
    ['9999999-10300000', film.subarray(9_999_999, 10_300_001)],
  ];
  for (const [range, part] of parts) assert.ok((await bytes('-r', range)).equals(part), range);
  const ranged = (await bytes('-i', '-r', '5-')).toString('latin1');
  assert.match(ranged, /^HTTP\/1\.1 206 /);
  assert.match(ranged, new RegExp(`^content-range: bytes 5-${length - 1}/${length}\r$`, 'im'));
  assert.match(ranged, new RegExp(`^content-length: ${length - 5}\r$`, 'im'));
  // RFC 9110, section 14.2: a range counts for GET alone.
  for (const args of [['-I'], ['-I', '-r', '5-']]) {
    const head = (await bytes(...args)).toString('latin1');
    assert.match(head, /^HTTP\/1\.1 200 /);
    assert.match(head, new RegExp(`^content-length: ${length}\r$`, 'im'));
    assert.match(head, /^content-type: video\/mp4\r$/im);
  }
  // curl -f ends with 22 at an answer from 400 on.
  for (const [args, status] of [
    [['-r', `${length}-`], 416],
    [['-H', 'Host: evil.example'], 421],
    [['-H', 'Origin: http://evil.example'], 403],
    [['-X', 'PUT'], 405],
  ] as const) {
    const { code, err } = await curl('-f', ...args);
    assert.equal(code, 22, err);
    assert.match(err, new RegExp(`error: ${status}\\b`));
  }
  const begun = join(dir, 'begun');
  writeFileSync(begun, film.subarray(0, 7 * MIB + 3));
  await bytes('-C', '-', '-o', begun);
  assert.ok(readFileSync(begun).equals(film));
  const [one, two] = await Promise.all([bytes(), bytes('-r', '12345678-')]);
  assert.ok(one.equals(film) && two.equals(film.subarray(12_345_678)));
  assert.equal(await serve.interrupt(), 0);
  const { code } = await curl('-f');
  assert.equal(code, 7, 'curl finds nobody');
});

const missing = ['ffmpeg', 'ffprobe'].find((program) => !isInstalled(program, '-version'));
const noFfprobe = missing === undefined ? false : `${missing} is not installed (Debian package ffmpeg)`;
if (noFfprobe !== false) console.log(`serve to ffprobe is NOT TESTED: ${noFfprobe}`);

test('serve gives ffprobe a film whose index is at its end, within a tenth of its pieces', {
  ...OPTIONS,
  skip: noFfprobe,
}, async (t) => {
  const dir = scratch(t);
  const pictures = ['-f', 'lavfi', '-i', 'testsrc=size=640x360:rate=25:duration=20'];
  const raw = ['-c:v', 'rawvideo', '-pix_fmt', 'uyvy422', join(dir, 'film.mov')];
  const made = spawnSync('ffmpeg', ['-v', 'error', ...pictures, ...raw], { encoding: 'utf8' });
  assert.equal(made.status, 0, made.stderr);
  const length = lengthOf(join(dir, 'film.mov'));
  const { url, sent } = await serving(t, dir, 'film.mov');
  const entries = 'stream=codec_name,width,height,nb_frames:format=duration';
  const probe = spawn('ffprobe', ['-v', 'error', '-show_entries', entries, '-of', 'csv=p=0', url], {
    env: { PATH: process.env['PATH'] },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let out = '';
  probe.stdout.on('data', (chunk: Buffer) => {
    out += chunk;
  });
  assert.equal(await new Promise<number | null>((resolve) => probe.once('close', resolve)), 0);
  assert.equal(out, 'rawvideo,640,360,500\n20.000000\n');
  const fetched = await sent();
  t.diagnostic(`${(fetched / MIB).toFixed(1)} of ${(length / MIB).toFixed(0)} MiB were fetched`);
  assert.ok(fetched > 0 && fetched <= length / 10, `${fetched} of ${length} bytes`);
});
