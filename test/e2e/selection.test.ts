/** Some files of a torrent by the command line: those come, no others, and a later run goes on from there. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { main } from '../../src/cli/main.js';
import { nodeIo } from '../../src/cli/node-io.js';
import { parseMetainfo } from '../../src/metainfo/parse-metainfo.js';
import { createTorrent } from '../../src/session/create-torrent.js';
import { createNodeSession } from '../../src/session/node-session.js';
import type { Session } from '../../src/session/session.js';
import { DEFAULT_TORRENT_OPTIONS } from '../../src/torrent/torrent-options.js';
import { LOOPBACK } from '../support/btget-process.js';
import { writeNoise } from '../support/noise.js';
import { FakeIo } from '../unit/cli/support/fake-io.js';

const root = mkdtempSync(join(tmpdir(), 'btget-select-'));
after(() => rmSync(root, { recursive: true }));
const source = join(root, 'source', 'box');
const torrent = join(root, 'box.torrent');
const names = Array.from({ length: 20 }, (_, index) =>
  index % 3 === 0 ? `film ${index}.mkv` : join('notes', `${index}.txt`),
);
const films = names.filter((name) => name.endsWith('.mkv'));

let seed: Session;
let peer = '';
before(async () => {
  // Pieces of 16 KiB: some files lie in one together with others, some reach over several.
  writeNoise(source, Object.fromEntries(names.map((name, index) => [name, 3_000 + index * 2_345])));
  const bytes = await createTorrent(source, { pieceLength: 16_384 });
  writeFileSync(torrent, bytes);
  const loopback = { bind: '127.0.0.1', port: { first: 0, last: 0 } };
  seed = createNodeSession({ ...loopback, gotException: (error) => assert.ifError(error) });
  peer = await new Promise((resolve) =>
    seed.listen((outcome) => {
      assert.ok(outcome.ok);
      resolve(`127.0.0.1:${outcome.port}`);
    }),
  );
  const nothing = (): void => undefined;
  await new Promise<void>((resolve) => {
    const options = { ...DEFAULT_TORRENT_OPTIONS, dir: join(root, 'source'), seedGoal: { ratio: null, time: null } };
    seed.addTorrent(
      parseMetainfo(bytes),
      { ...options, mode: 'seed' },
      {
        started: nothing,
        fileDone: nothing,
        trackerAnswered: nothing,
        warned: (_code, message) => assert.fail(message),
        done: resolve,
        goalReached: nothing,
        failed: (failure) => assert.ifError(failure),
      },
    );
  });
});
after(() => new Promise<void>((resolve) => seed.stop(resolve)));

const { timers } = nodeIo();

async function run(...argv: readonly string[]) {
  const io = new FakeIo();
  const code = await main([...argv, '--json'], Object.assign(io, { timers }));
  return { code, events: io.stdout.lines.map((line) => JSON.parse(line)), err: io.stderr.text };
}

/** Downloads; `from` null for nobody to ask. */
async function download(dir: string, options: readonly string[], from: string | null = peer) {
  const who = from === null ? [] : ['--peer', from];
  const { code, events, err } = await run(torrent, '-d', dir, ...LOOPBACK, '--timeout', '600', ...who, ...options);
  const done = events.find((event) => event.type === 'done');
  return { code, downloaded: done?.downloaded, paths: (done?.paths as string[] | undefined)?.toSorted(), events, err };
}

const folder = (name: string): string => join(root, name);

/** Paths of all files below, that of the border file as 'border'. */
function filesOf(dir: string): string[] {
  const entries = readdirSync(dir, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const paths = entries.map((entry) => join(entry.parentPath, entry.name).slice(dir.length + 1));
  return paths.map((path) => (/^\.box\.[0-9a-f]{8}\.btget-border$/.test(path) ? 'border' : path)).sort();
}

function assertHolds(dir: string, wanted: readonly string[], besides: readonly string[]): void {
  assert.deepEqual(filesOf(dir), [...besides, ...wanted.map((name) => join('box', name))].sort());
  for (const name of wanted) assert.deepEqual(readFileSync(join(dir, 'box', name)), readFileSync(join(source, name)));
}

test('some files, then more, then all: nothing else appears, and nothing is fetched twice', async () => {
  const dir = folder('steps');
  const first = await download(dir, ['--select', '*.mkv']);
  assert.equal(first.code, 0, first.err);
  assert.deepEqual(first.paths, films.map((name) => join(dir, 'box', name)).sort());
  assertHolds(dir, films, ['border']);
  assert.ok(!readdirSync(join(dir, 'box')).includes('notes'));

  const again = await download(dir, ['--select', '*.mkv'], null);
  assert.deepEqual([again.code, again.downloaded], [0, 0], again.err);

  const more = await download(dir, ['--select', '*.mkv', '--select', 'notes', '--exclude', '1*.txt']);
  assert.equal(more.code, 0, more.err);
  const some = names.filter((name) => !/\b1\d?\.txt$/.test(name));
  assertHolds(dir, some, ['border']);

  const all = await download(dir, []);
  assert.equal(all.code, 0, all.err);
  assertHolds(dir, names, []);
  const total = first.downloaded + more.downloaded + all.downloaded;
  assert.equal(total, parseMetainfo(readFileSync(torrent)).length);
});

test('progress counts what is selected alone', async () => {
  const { events } = await download(folder('counts'), ['--select', '1']);
  const first = parseMetainfo(readFileSync(torrent)).files[0];
  const added = events.find((event) => event.type === 'added');
  assert.deepEqual([added.wanted, added.length], [first?.length, parseMetainfo(readFileSync(torrent)).length]);
  assert.deepEqual(
    events.at(-1).torrents.map(({ have, wanted }: { have: number; wanted: number }) => [have, wanted]),
    [[first?.length, first?.length]],
  );
});

test('what was selected verifies, alone and as a part of the whole', async () => {
  const dir = folder('verified');
  await download(dir, ['--select', 'notes/*']);
  const part = await run('verify', torrent, '-d', dir, '--select', 'notes');
  assert.deepEqual([part.code, part.events[0].ok, part.events[0].badPieces], [0, true, []]);
  assert.ok(part.events[0].files.every(({ path }: { path: string }) => path.startsWith('box/notes/')));
  const whole = await run('verify', torrent, '-d', dir);
  assert.equal(whole.code, 32);
  const states = whole.events[0].files.map(({ path, state }: { path: string; state: string }) => `${state} ${path}`);
  assert.ok(
    states.every((line: string) => line.startsWith(line.includes('notes') ? 'ok' : 'missing')),
    states.join(),
  );
});

test('the room is taken first where that is wanted', async () => {
  const dir = folder('room');
  const { code, err } = await download(dir, ['--select', 'notes', '--preallocate']);
  assert.equal(code, 0, err);
  assertHolds(
    dir,
    names.filter((name) => name.startsWith('notes')),
    ['border'],
  );
});

test("a selected file that is a stranger's is refused, one that is not selected is in nobody's way", async () => {
  const dir = folder('strangers');
  mkdirSync(join(dir, 'box'), { recursive: true });
  writeFileSync(join(dir, 'box', films[0] as string), 'mine');
  assert.equal((await download(dir, ['--select', '*.mkv'])).code, 13);
  const others = await download(dir, ['--select', 'notes']);
  assert.equal(others.code, 0, others.err);
  assert.equal(readFileSync(join(dir, 'box', films[0] as string), 'utf8'), 'mine');
});

test('a folder that has the place of a file ends the download, unless that file is not selected', async () => {
  const dir = folder('folders');
  mkdirSync(join(dir, 'box', films[0] as string), { recursive: true });
  assert.equal((await download(dir, ['--select', '*.mkv'])).code, 16);
  const others = await download(dir, ['--select', 'notes']);
  assert.equal(others.code, 0, others.err);
  const notes = names.filter((name) => name.startsWith('notes'));
  assertHolds(dir, notes, ['border']);
  const again = await download(dir, ['--select', 'notes'], null);
  assert.deepEqual([again.code, again.downloaded], [0, 0], again.err);
});

test('a selection that means no file is wrong usage, and nothing is made', async () => {
  for (const wrong of ['*.avi', '21', '3-1']) {
    const { code, events } = await download(folder('none'), ['--select', wrong]);
    assert.equal(code, 28, wrong);
    assert.equal(events.find((event) => event.type === 'error')?.code, 'usage');
    assert.equal((await run('verify', torrent, '--select', wrong)).code, 28);
  }
  assert.throws(() => readdirSync(folder('none')));
});
