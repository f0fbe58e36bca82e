/**
 * Downloads that are killed, real processes on a real disk, until each has come to its end. Run by `npm run torture`.
 *
 *     TORTURE_DOWNLOADS how many are killed and brought to their end; 500
 *     TORTURE_SEED      what chance begins with, to see a failure again
 *     TORTURE_DIR       where a folder for everything is made
 */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Random } from '../../src/base/random.js';
import { BTGET } from '../support/btget-process.js';
import { seededRandom } from '../support/simulation/seeded-random.js';
import { type Onlooker, startOnlooker } from './onlooker.js';
import { Place } from './place.js';
import { living, type Moment, type Outcome, runVictim, type VictimParts } from './victim.js';

const KIB = 1024;
/** Downloads of so many kinds are tortured in turn; of those with many files every third selects some. */
const KINDS = 5;
/** At once: they wait for the most part. */
const LANES = 2 * availableParallelism();
const wanted = Number(process.env['TORTURE_DOWNLOADS'] ?? 500);
const firstSeed = Number(process.env['TORTURE_SEED'] ?? Math.floor(Math.random() * 1e9));
// What is promised. Milliseconds.
const MOST_AGE = 1_000;

const figures = {
  downloads: 0,
  kills: 0,
  restarts: 0,
  believed: 0,
  fetchedTwice: 0,
  hashed: 0,
  recorded: 0,
  blocks: 0,
  selections: 0,
  damaged: 0,
};
const worst = { fetchedTwice: 0, hashed: 0, age: 0 };
const moments: Record<string, number> = {};
const failures: string[] = [];

interface Kind {
  readonly place: Place;
  /** The port of its seed. */
  readonly seed: number;
  readonly rate: string;
}

async function startSeed(place: Place, helpers: ChildProcess[]): Promise<number> {
  const child = spawn(
    process.execPath,
    [BTGET, 'seed', place.torrent, '-d', place.dir, '--bind', '127.0.0.1', '--port', '0', '--no-trackers'],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  );
  helpers.push(child);
  let said = '';
  for await (const text of child.stderr.setEncoding('utf8')) {
    said += text;
    const port = /listening on \S*?:(\d+)[\s\S]*seeding/.exec(said)?.[1];
    if (port === undefined) continue;
    child.stderr.resume();
    return Number(port);
  }
  throw new Error(`the seed ended: ${said}`);
}

function momentOf(random: Random, fileCount: number): Moment {
  const kind = random.below(10);
  if (kind === 0) return { kind: 'time', after: random.below(400) };
  if (kind === 1) return { kind: 'rewrite' };
  if (kind <= 3) return { kind: 'name', nth: 1 + random.below(fileCount) };
  if (kind === 4) return { kind: 'finish', left: random.below(4) };
  return { kind: 'time', after: 300 + random.below(5_000) };
}

/** Kills one download once or more, lets it come to its end, and looks at it after each of these. */
async function torture({ place, rate }: Kind, dir: string, onlooker: Onlooker, seed: number): Promise<void> {
  const random = seededRandom(seed);
  const every = place.files;
  const selects = place.metainfo.isFolder && Math.floor(seed / KINDS) % 3 === 0;
  const files = new Set(selects ? every.filter((_, number) => number % 3 === 0) : every);
  if (selects) figures.selections += 1;
  const select = selects ? ['--select', [...files].map((index) => every.indexOf(index) + 1).join(',')] : [];
  const parts: VictimParts = { place, dir, onlooker, args: ['--max-download', rate, ...select] };
  let left: Left = { right: new Set(), ages: new Map() };
  const times = 1 + random.below(4);
  for (let time = 0; time <= times; time += 1) {
    const moment = time === times ? null : momentOf(random, files.size);
    const outcome = await runVictim(parts, moment);
    if (time > 0) judgeRestart(place, left, outcome);
    if (moment === null || outcome.killedAt === null) {
      assert.equal(outcome.exitCode, 0, outcome.output);
      place.assertDone(dir, files);
      if (time > 0) figures.downloads += 1;
      return;
    }
    figures.kills += 1;
    moments[moment.kind] = (moments[moment.kind] ?? 0) + 1;
    left = lookAtLeft(parts, files, left, outcome, outcome.killedAt);
    if (random.below(3) === 0) left = damage(parts, files, left, random);
  }
}

/** What a kill left. */
interface Left {
  /** Pieces whose bytes are on the disk, whatever anybody says of them. */
  readonly right: ReadonlySet<number>;
  /** How long before the kill each piece was verified that the download had said to have. Milliseconds. */
  readonly ages: ReadonlyMap<number, number>;
}

function lookAtLeft(
  { place, dir }: VictimParts,
  selected: ReadonlySet<number>,
  before: Left,
  { heard: { atStart, since } }: Outcome,
  killedAt: number,
): Left {
  const right = place.rightIn(dir, selected);
  const recorded = place.recordedIn(dir);
  figures.blocks += place.assertBlocks(dir);
  figures.recorded += recorded.length;
  for (const piece of recorded) {
    // Before it says what it has, the journal is the one of the run before, and speaks of what somebody damaged since.
    const isOld = atStart === null && !before.right.has(piece);
    assert.ok(isOld || right.has(piece), `the journal says that piece ${piece} is there`);
  }
  // Killed before it had said what it has: what the one before it had is not to be lost by that.
  if (atStart === null) return { right, ages: before.ages };
  const ages = new Map<number, number>();
  for (const piece of atStart) ages.set(piece, Number.POSITIVE_INFINITY);
  for (const [piece, at] of since) ages.set(piece, killedAt - at);
  return { right, ages };
}

/** Somebody changes a file meanwhile: what is gone is no loss of the download's. */
function damage({ place, dir }: VictimParts, files: ReadonlySet<number>, left: Left, random: Random): Left {
  place.damageOne(dir, files, left.right, random);
  const right = place.rightIn(dir, files);
  if (right.size < left.right.size) figures.damaged += 1;
  return { right, ages: new Map([...left.ages].filter(([piece]) => right.has(piece) || !left.right.has(piece))) };
}

/** Looks at what a new process made of it. */
function judgeRestart(place: Place, left: Left, { heard, hashed }: Outcome): void {
  figures.restarts += 1;
  figures.hashed += hashed;
  worst.hashed = Math.max(worst.hashed, hashed);
  const { atStart } = heard;
  if (atStart === null) return;
  figures.believed += atStart.size;
  for (const piece of atStart) assert.ok(left.right.has(piece), `piece ${piece} is believed, and is not there`);
  const again = [...left.ages].filter(([piece]) => !atStart.has(piece));
  const bytes = again.length * place.metainfo.pieceLength;
  figures.fetchedTwice += bytes;
  worst.fetchedTwice = Math.max(worst.fetchedTwice, bytes);
  for (const [piece, age] of again) {
    worst.age = Math.max(worst.age, age);
    assert.ok(age <= MOST_AGE, `piece ${piece}, verified ${Math.round(age)} ms before the kill, is fetched again`);
  }
}

const root = mkdtempSync(join(process.env['TORTURE_DIR'] ?? tmpdir(), 'btget-torture-'));
const helpers: ChildProcess[] = [];
function tidyUp(): void {
  for (const child of [...helpers, ...living]) child.kill('SIGKILL');
  rmSync(root, { recursive: true, force: true });
}
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.once(signal, () => {
    tidyUp();
    process.exit(1);
  });
const say = (line: string): void => {
  process.stdout.write(`${line}\n`);
};
try {
  const inFolder = (name: string): Record<string, number> =>
    Object.fromEntries(
      Array.from({ length: 1_000 }, (_, index) => [
        `${name}/${index}.bin`,
        ((index * 7919) % 40) * KIB + (index % 700),
      ]),
    );
  const places = [
    new Place(root, 'big', { big: 24 * KIB * KIB }, 64, '1'),
    new Place(root, 'small', inFolder('small'), 64, '1'),
    // No memory is long enough for its pieces, which are written block by block.
    new Place(root, 'long', { long: 40 * KIB * KIB }, 32 * KIB, '1'),
    new Place(root, 'trees', inFolder('trees'), 64, '2'),
    new Place(root, 'both', inFolder('both'), 64, 'hybrid'),
  ];
  assert.equal(places.length, KINDS);
  const kinds: Kind[] = [];
  // So that a download lasts several batches of the journal.
  const rates = ['5M', '5M', '14M', '5M', '5M'];
  for (const [index, place] of places.entries())
    kinds.push({ place, seed: await startSeed(place, helpers), rate: rates[index] as string });
  say(`TORTURE_SEED=${firstSeed}, in ${root}`);
  let next = 0;
  const began = performance.now();
  const lane = async (number: number): Promise<void> => {
    const onlookers = await Promise.all(kinds.map(({ place, seed }) => startOnlooker(place.metainfo, seed)));
    while (figures.downloads < wanted && failures.length === 0) {
      const seed = firstSeed + next;
      const which = seed % kinds.length;
      next += 1;
      const dir = join(root, `lane-${number}`);
      try {
        await torture(kinds[which] as Kind, dir, onlookers[which] as Onlooker, seed);
        rmSync(dir, { recursive: true });
      } catch (error) {
        failures.push(`TORTURE_SEED=${seed} TORTURE_DOWNLOADS=1 (${kinds[which]?.place.metainfo.name}): ${error}`);
      }
      if (next % 50 === 0) say(`${figures.downloads} downloads, ${figures.kills} kills`);
    }
    for (const onlooker of onlookers) onlooker.end();
  };
  await Promise.all(Array.from({ length: LANES }, (_, number) => lane(number)));
  const mib = (bytes: number): string => `${(bytes / KIB / KIB).toFixed(1)} MiB`;
  say(
    `${figures.downloads} downloads killed and brought to their end in ${Math.round((performance.now() - began) / 1000)} s`,
  );
  say(
    `${figures.kills} kills: ${Object.entries(moments)
      .map(([kind, count]) => `${count} by ${kind}`)
      .join(', ')}`,
  );
  say(
    `${figures.restarts} restarts, ${figures.believed} pieces believed, ${figures.recorded} recorded, and ${figures.blocks} blocks of others, none wrong`,
  );
  say(`${figures.selections} downloads of a selection, pieces at its borders judged as all others`);
  say(`${figures.damaged} times somebody put a damaged copy in the place of a file`);
  say(
    `fetched twice: ${mib(figures.fetchedTwice)}; at most ${mib(worst.fetchedTwice)} at a restart, ${Math.round(worst.age)} ms old`,
  );
  say(`hashed at restarts: ${mib(figures.hashed)}; at most ${mib(worst.hashed)}`);
  for (const failure of failures) say(`FAILED ${failure}`);
} finally {
  tidyUp();
}
process.exitCode = failures.length === 0 ? 0 : 1;
