/** An honest download of everything from one seed while an attacker pours over one of the two, whose loop is watched. */
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { Metainfo } from '../../src/metainfo/metainfo.js';
import { BTGET, fingerprint, HOSTS, Program } from '../live/support.js';
import { createContent } from './content.js';
import type { LoopReport } from './loop-hook.js';
import { reportAttack } from './report.js';

const MiB = 1 << 20;
const LENGTH = 48 * MiB;
/** So that the download is not at its end before the attack has come to it. */
const MAX_RATE = '24M';
const PIECE_LENGTH = 32 * 1024;
export const PIECE_COUNT = LENGTH / PIECE_LENGTH;
const HOOK = new URL('./loop-hook.js', import.meta.url).href;

/** Milliseconds of work of the loop's thread. */
const MAX_HOLD = 100;
/** MiB more than without the attack. */
const MAX_MEMORY = 64;
/** Seconds that a busy machine may take longer. */
const SLACK = 10;

/** Who is attacked. */
export type Target = 'seed' | 'download';

/** Where the target listens, and what it is about. */
export interface Victim {
  readonly host: string;
  readonly port: string;
  readonly infoHash: string;
  readonly metainfo: Metainfo;
  /** A file's path that nothing has yet. */
  nextFile(): string;
}

/** What is downloaded. */
export interface AttackedContent {
  /** Bytes. */
  readonly length: number;
  /** Options of `btget create`. */
  readonly create: readonly string[];
}

const USUAL_CONTENT: AttackedContent = { length: LENGTH, create: ['--piece-length', `${PIECE_LENGTH}`] };

export interface Attack {
  /** The target's process, and its opponent, speak the DHT too. */
  readonly dht: boolean;
  /** Instead of the usual content. */
  readonly content?: AttackedContent;
  /** Begins, and answers with a process that attacks until it is interrupted: then it says how much it has done. */
  begin(victim: Victim): Promise<Program>;
}

interface Watched {
  readonly program: Program;
  /** To be asked when it has ended. */
  report(): LoopReport;
}

let lastFile = 0;

function nextFile(dir: string): string {
  lastFile += 1;
  return join(dir, `${lastFile}`);
}

function watched(t: TestContext, dir: string, dht: boolean, ...args: string[]): Watched {
  const file = nextFile(dir);
  process.env['LOOP_REPORT'] = file;
  const quiet = [...(dht ? [] : ['--no-dht']), '--no-lsd', '--no-pex', '--no-trackers', '--no-port-mapping'];
  const program = new Program(t, process.execPath, ['--import', HOOK, BTGET, ...args, ...quiet]);
  return { program, report: () => JSON.parse(readFileSync(file, 'utf8')) as LoopReport };
}

async function portOf(program: Program, listening: RegExp): Promise<string> {
  return program.until((output) => listening.exec(output)?.[1]);
}

interface Outcome {
  /** Seconds until the download was complete. */
  readonly wall: number;
  /** Of the target. */
  readonly report: LoopReport;
  /** What the attacker says of its work. */
  readonly said: string;
}

async function run(
  t: TestContext,
  target: Target,
  { length, create }: AttackedContent,
  attack: Attack | null,
): Promise<Outcome> {
  const at = await createContent(t, length, ...create);
  const { torrent, seed, metainfo } = at;
  const infoHash = metainfo.infoHash.toString('hex');
  const dht = attack?.dht === true;
  const begin = async (host: string, port: string): Promise<Program | null> =>
    (await attack?.begin({ host, port, infoHash, metainfo, nextFile: () => nextFile(at.dir) })) ?? null;
  const seeding = watched(t, at.dir, dht, 'seed', torrent, '-d', seed, '--bind', HOSTS.btget, '--max-upload', MAX_RATE);
  const seedPort = await portOf(seeding.program, /listening on \S*?:(\d+)[\s\S]*seeding/);
  let attacking = target === 'seed' ? await begin(HOSTS.btget, seedPort) : null;
  const dir = join(at.dir, 'leech');
  mkdirSync(dir);
  const beganAt = performance.now();
  const peer = `${HOSTS.btget}:${seedPort}`;
  const leech = watched(t, at.dir, dht, torrent, '-d', dir, '--bind', HOSTS.other, '--peer', peer, '-v');
  if (target === 'download') {
    attacking = await begin(HOSTS.other, await portOf(leech.program, /listening on \S*?:(\d+)/));
  }
  assert.equal(await leech.program.endsWithin(120_000), 0);
  const wall = (performance.now() - beganAt) / 1000;
  await attacking?.interrupt();
  await seeding.program.interrupt();
  assert.deepEqual(fingerprint(dir), fingerprint(seed));
  return { wall, said: attacking?.stdout ?? '', report: (target === 'seed' ? seeding : leech).report() };
}

const clean = new Map<string, Outcome>();

async function cleanRun(t: TestContext, target: Target, content: AttackedContent): Promise<Outcome> {
  const key = JSON.stringify([target, content]);
  const known = clean.get(key) ?? (await run(t, target, content, null));
  clean.set(key, known);
  return known;
}

/** Holds the target's loop, its memory and the honest download to their limits while `attack` goes on. */
export async function withstands(t: TestContext, name: string, target: Target, attack: Attack): Promise<void> {
  const content = attack.content ?? USUAL_CONTENT;
  const without = await cleanRun(t, target, content);
  const { wall, said, report } = await run(t, target, content, attack);
  const [last = ''] = /(?:sent|parted) \d+.*/.exec(said) ?? [];
  assert.notEqual(last, '', 'the attacker has ended before the download');
  t.diagnostic(last);
  const rows = [
    ['longest hold of the loop, ms', without.report.hold, report.hold, MAX_HOLD],
    ['wall of the honest download, s', without.wall, wall, 1.25 * without.wall + SLACK],
    ['memory, MiB', without.report.memory / MiB, report.memory / MiB, without.report.memory / MiB + MAX_MEMORY],
  ] as const;
  for (const [figure, cleanly, underAttack, limit] of rows) {
    reportAttack({ attack: name, figure, clean: cleanly, underAttack, limit });
    const [one, other, most] = [cleanly, underAttack, limit].map((number) => number.toFixed(1));
    t.diagnostic(`${figure}: ${one}, under attack ${other}, limit ${most}`);
  }
  for (const [figure, , underAttack, limit] of rows) assert.ok(underAttack <= limit, `${figure}: ${underAttack}`);
}
