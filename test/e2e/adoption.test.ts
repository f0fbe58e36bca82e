import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  cpSync,
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { main } from '../../src/cli/main.js';
import { nodeIo } from '../../src/cli/node-io.js';
import { parseMetainfo } from '../../src/metainfo/parse-metainfo.js';
import { createNodeSession } from '../../src/session/node-session.js';
import type { Session } from '../../src/session/session.js';
import { DEFAULT_TORRENT_OPTIONS } from '../../src/torrent/torrent-options.js';
import { FIXTURES, LOOPBACK } from '../support/btget-process.js';
import { HANGS_AFTER } from '../support/hang.js';
import { FakeIo } from '../unit/cli/support/fake-io.js';

const NAMES = ['one-file', 'many-files', 'empty-file', 'non-ascii', 'one-piece'] as const;
type Name = (typeof NAMES)[number];

const metainfoOf = (name: Name) => parseMetainfo(readFileSync(join(FIXTURES, `${name}.torrent`)));
const root = mkdtempSync(join(tmpdir(), 'btget-adopt-'));
after(() => rmSync(root, { recursive: true }));

let seed: Session;
let peer = '';
before(async () => {
  const loopback = { bind: '127.0.0.1', port: { first: 0, last: 0 } };
  seed = createNodeSession({ ...loopback, gotException: (error) => assert.ifError(error) });
  peer = await new Promise((resolve) =>
    seed.listen((outcome) => {
      assert.ok(outcome.ok);
      resolve(`127.0.0.1:${outcome.port}`);
    }),
  );
  const nothing = (): void => undefined;
  const options = {
    ...DEFAULT_TORRENT_OPTIONS,
    dir: FIXTURES,
    mode: 'seed',
    seedGoal: { ratio: null, time: null },
    useTorrentTrackers: false,
  } as const;
  await Promise.all(
    NAMES.map(
      (name) =>
        new Promise<void>((resolve) => {
          seed.addTorrent(metainfoOf(name), options, {
            started: nothing,
            fileDone: nothing,
            trackerAnswered: nothing,
            warned: (_code, message) => assert.fail(message),
            done: resolve,
            goalReached: nothing,
            failed: (failure) => assert.ifError(failure),
          });
        }),
    ),
  );
});
after(() => new Promise<void>((resolve) => seed.stop(resolve)));

const { timers } = nodeIo();
let folders = 0;

/** A new folder that holds a copy of what the torrent is about. */
function copyOf(name: Name): string {
  const dir = emptyFolder();
  const { name: top } = metainfoOf(name);
  cpSync(join(FIXTURES, top), join(dir, top), { recursive: true });
  return dir;
}

function emptyFolder(): string {
  folders += 1;
  const dir = join(root, String(folders));
  mkdirSync(dir);
  return dir;
}

/** Downloads from the seed; `downloaded` is null when it was not done. */
async function download(name: Name, dir: string, ...options: readonly string[]) {
  const io = new FakeIo();
  const argv = [
    join(FIXTURES, `${name}.torrent`),
    '-d',
    dir,
    ...LOOPBACK,
    '--peer',
    peer,
    '--json',
    '--timeout',
    '600',
  ];
  const code = await main([...argv, ...options], Object.assign(io, { timers }));
  const events = io.stdout.lines.map((line) => JSON.parse(line));
  const done = events.find((event) => event.type === 'done');
  const downloaded: number | null = done?.downloaded ?? null;
  return { code, downloaded, events, err: io.stderr.text };
}

/** Every file below, with its length. */
function tree(dir: string): readonly string[] {
  return (readdirSync(dir, { recursive: true, encoding: 'utf8' }) as string[])
    .filter((path) => statSync(join(dir, path)).isFile())
    .map((path) => `${path} ${statSync(join(dir, path)).size}`)
    .sort();
}

/** Every file of the torrent is there under its name with its bytes, and nothing else is. */
function assertWhole(name: Name, dir: string, top = metainfoOf(name).name, besides: readonly string[] = []): void {
  const wanted = metainfoOf(name).files.map((file) => {
    const below = file.path.slice(1);
    const path = [top, ...below].join('/');
    assert.deepEqual(readFileSync(join(dir, path)), readFileSync(join(FIXTURES, ...file.path)), path);
    return `${path} ${file.length}`;
  });
  assert.deepEqual(tree(dir), [...wanted, ...besides].sort());
}

/** Puts another byte in the place of one. */
function corrupt(path: string, at: number): void {
  const bytes = readFileSync(path);
  bytes[at]! ^= 1;
  writeFileSync(path, bytes);
}

const PIECE = 64 * 1024;
const SECOND = 'many-files/part 2/1.txt';
const LONGEST = 'many-files/part 6/5.txt';

describe('what is already there', { timeout: HANGS_AFTER }, () => {
  for (const name of NAMES)
    it(`is downloaded where nothing is, and left alone the next time: ${name}`, async () => {
      const dir = emptyFolder();
      const first = await download(name, dir);
      assert.deepEqual([first.code, first.downloaded], [0, metainfoOf(name).length], first.err);
      assertWhole(name, dir);
      const again = await download(name, dir);
      assert.deepEqual([again.code, again.downloaded], [0, 0], again.err);
      assert.equal(again.events.filter((event) => event.type === 'file').length, metainfoOf(name).files.length);
      assertWhole(name, dir);
    });

  it('is gone on with under its part name', async () => {
    const dir = copyOf('many-files');
    renameSync(join(dir, LONGEST), join(dir, `${LONGEST}.part`));
    truncateSync(join(dir, `${LONGEST}.part`), 200_000);
    const { code, downloaded } = await download('many-files', dir);
    assert.equal(code, 0);
    assert.ok(downloaded! > 250_000 && downloaded! < 500_001, String(downloaded));
    assertWhole('many-files', dir);
  });

  it('is gone on with under its own name', async () => {
    const dir = copyOf('one-file');
    truncateSync(join(dir, 'one-file.txt'), 100_000);
    const { code, downloaded } = await download('one-file', dir);
    // Six pieces of 16 KiB are whole.
    assert.deepEqual([code, downloaded], [0, 163_783 - 6 * 16_384]);
    assertWhole('one-file', dir);
  });

  it('is cut when it is longer, with a warning', async () => {
    const dir = copyOf('one-file');
    writeFileSync(join(dir, 'one-file.txt'), 'and more', { flag: 'a' });
    const { code, downloaded, events } = await download('one-file', dir);
    assert.deepEqual([code, downloaded], [0, 0]);
    assert.deepEqual(
      events.filter((event) => event.type === 'warning').map((event) => event.code),
      ['longer-file'],
    );
    assertWhole('one-file', dir);
  });

  it('stays beside the torrent when it is no part of it', async () => {
    const dir = copyOf('many-files');
    writeFileSync(join(dir, 'many-files/mine.txt'), 'mine');
    rmSync(join(dir, SECOND));
    const { code } = await download('many-files', dir);
    assert.equal(code, 0);
    assertWhole('many-files', dir, 'many-files', ['many-files/mine.txt 4']);
    assert.equal(readFileSync(join(dir, 'many-files/mine.txt'), 'utf8'), 'mine');
  });

  it('is kept when a file is missing: only the pieces that reach into it are fetched', async () => {
    const dir = copyOf('many-files');
    rmSync(join(dir, SECOND));
    const { code, downloaded } = await download('many-files', dir);
    assert.deepEqual([code, downloaded], [0, PIECE]);
    assertWhole('many-files', dir);
  });

  it('is kept but for the one piece with a wrong byte', async () => {
    const dir = copyOf('many-files');
    corrupt(join(dir, LONGEST), 250_000);
    const { code, downloaded } = await download('many-files', dir);
    assert.deepEqual([code, downloaded], [0, PIECE]);
    assertWhole('many-files', dir);
  });

  it('is enough in a folder that cannot be written', async () => {
    const dir = copyOf('many-files');
    chmodSync(join(dir, 'many-files/part 2'), 0o555);
    chmodSync(dir, 0o555);
    const { code, downloaded } = await download('many-files', dir);
    chmodSync(dir, 0o755);
    chmodSync(join(dir, 'many-files/part 2'), 0o755);
    assert.deepEqual([code, downloaded], [0, 0]);
  });

  it('is not worked on twice in one command', async () => {
    const dir = emptyFolder();
    const torrent = join(FIXTURES, 'one-piece.torrent');
    const { code, downloaded, err } = await download('one-piece', dir, torrent);
    assert.deepEqual([code, downloaded], [0, 5000]);
    assert.match(err, /^.*one-piece\.torrent is given twice$/m);
    assertWhole('one-piece', dir);
  });

  it('is looked for under the name of --output', async () => {
    for (const name of ['one-file', 'many-files'] as const) {
      const dir = copyOf(name);
      renameSync(join(dir, metainfoOf(name).name), join(dir, 'other'));
      const { code, downloaded } = await download(name, dir, '-o', 'other');
      assert.deepEqual([code, downloaded], [0, 0]);
      const into = emptyFolder();
      assert.equal((await download(name, into, '-o', 'other')).code, 0);
      assertWhole(name, into, 'other');
    }
  });

  it('is left alone when it is another file of that name, and replaced with --overwrite', async () => {
    const dir = emptyFolder();
    writeFileSync(join(dir, 'one-file.txt'), 'a letter');
    assert.equal((await download('one-file', dir)).code, 13);
    assert.deepEqual(tree(dir), ['one-file.txt 8']);
    assert.equal(readFileSync(join(dir, 'one-file.txt'), 'utf8'), 'a letter');
    assert.equal((await download('one-file', dir, '--overwrite')).code, 0);
    assertWhole('one-file', dir);
  });

  it('is another file among many: the whole torrent waits for a decision, and nothing is touched', async () => {
    const dir = emptyFolder();
    mkdirSync(dirname(join(dir, LONGEST)), { recursive: true });
    writeFileSync(join(dir, LONGEST), Buffer.alloc(500_001, 'z'));
    const before = readFileSync(join(dir, LONGEST));
    assert.equal((await download('many-files', dir)).code, 13);
    assert.deepEqual(tree(dir), [`${LONGEST} 500001`]);
    assert.deepEqual(readFileSync(join(dir, LONGEST)), before);
    assert.equal((await download('many-files', dir, '--overwrite')).code, 0);
    assertWhole('many-files', dir);
  });

  it('is foreign and lies between files that are ours: their common pieces are fetched with --overwrite', async () => {
    const dir = copyOf('many-files');
    writeFileSync(join(dir, SECOND), Buffer.alloc(33_000, 'z'));
    const refused = await download('many-files', dir);
    assert.equal(refused.code, 13);
    assert.deepEqual(readFileSync(join(dir, SECOND)), Buffer.alloc(33_000, 'z'));
    const { code, downloaded } = await download('many-files', dir, '--overwrite');
    assert.deepEqual([code, downloaded], [0, PIECE]);
    assertWhole('many-files', dir);
  });

  it('is left alone under a part name too, before any peer is asked, and replaced with --overwrite', async () => {
    for (const [options, letter] of [
      [[], 'a letter'],
      [['--no-part'], 'a letter'],
      [['--check'], 'a letter'],
      [['-o', 'one-file.txt'], Buffer.alloc(163_783, 'z')],
    ] as const) {
      const dir = emptyFolder();
      writeFileSync(join(dir, 'one-file.txt.part'), letter);
      linkSync(join(dir, 'one-file.txt.part'), join(dir, 'also.txt'));
      const { code, err, events } = await download('one-file', dir, ...options);
      assert.equal(code, 13, err);
      assert.match(err, /one-file\.txt\.part exists and shares nothing/);
      assert.match(err, /--overwrite/);
      assert.ok(!events.some(({ type, downloaded }) => type === 'progress' && downloaded > 0));
      assert.deepEqual(tree(dir), [`also.txt ${letter.length}`, `one-file.txt.part ${letter.length}`]);
      assert.equal((await download('one-file', dir, '--overwrite', ...options)).code, 0);
      assert.deepEqual(readFileSync(join(dir, 'also.txt')), Buffer.from(letter), 'another name of it keeps its bytes');
      rmSync(join(dir, 'also.txt'));
      assertWhole('one-file', dir);
    }
  });

  it('is read and seeded where it has names elsewhere, as in a backup of hard links, and never written through', async () => {
    const dir = copyOf('many-files');
    const backup = join(emptyFolder(), 'backup');
    execFileSync('cp', ['-al', dir, backup]);
    assert.equal((await download('many-files', dir)).downloaded, 0);
    assertWhole('many-files', dir);
    // One of its files was never whole, and the backup holds the same inode.
    corrupt(join(dir, LONGEST), 3 * PIECE);
    const half = readFileSync(join(dir, LONGEST));
    const refused = await download('many-files', dir);
    assert.equal(refused.code, 13, refused.err);
    assert.match(refused.err, /has names elsewhere \(hard links\), and nothing is written through them/);
    assert.match(refused.err, /--overwrite/);
    assert.deepEqual(readFileSync(join(dir, LONGEST)), half);
    const { code, downloaded, err } = await download('many-files', dir, '--overwrite');
    assert.equal(code, 0, err);
    assert.ok(Number(downloaded) <= 2 * PIECE, 'what is right of it is kept');
    assertWhole('many-files', dir);
    assert.deepEqual(readFileSync(join(backup, LONGEST)), half, 'the backup is as it was');
  });

  it('is empty or zeros under a part name, and somebody’s file elsewhere: that stays as it is', async () => {
    for (const length of [0, 163_783]) {
      for (const [name, options] of [
        ['one-file.txt.part', []],
        ['one-file.txt', ['--no-part']],
      ] as const) {
        const dir = emptyFolder();
        const victim = join(emptyFolder(), 'victim');
        writeFileSync(victim, Buffer.alloc(length));
        linkSync(victim, join(dir, name));
        const { code, err } = await download('one-file', dir, ...options);
        assert.equal(code, 13, err);
        assert.equal((await download('one-file', dir, '--overwrite', ...options)).code, 0);
        assertWhole('one-file', dir);
        assert.deepEqual(readFileSync(victim), Buffer.alloc(length));
      }
    }
  });

  it('is another file under a part name among many: nothing is touched; unselected it is in nobody’s way', async () => {
    const dir = copyOf('many-files');
    renameSync(join(dir, LONGEST), join(root, 'aside'));
    writeFileSync(join(dir, `${LONGEST}.part`), 'a letter');
    const before = tree(dir);
    assert.equal((await download('many-files', dir)).code, 13);
    assert.deepEqual(tree(dir), before);
    rmSync(join(dir, SECOND));
    assert.equal((await download('many-files', dir, '--select', 'part 2/*')).code, 0);
    assert.equal(readFileSync(join(dir, `${LONGEST}.part`), 'utf8'), 'a letter');
  });

  it('is taken under a part name when nothing is lost with it: empty, or zeros alone', async () => {
    for (const length of [0, 100, 163_783]) {
      const dir = emptyFolder();
      writeFileSync(join(dir, 'one-file.txt.part'), Buffer.alloc(length));
      assert.equal((await download('one-file', dir)).code, 0);
      assertWhole('one-file', dir);
    }
  });

  it('cannot be written to: it keeps its name, nothing is left, and the exit code is 16', async (t) => {
    const dir = emptyFolder();
    const program = readFileSync('/bin/sleep');
    const whole = Buffer.concat([program, Buffer.alloc(100_000, 'x')]);
    writeFileSync(join(dir, 'f.bin'), whole);
    const torrent = join(root, 'program.torrent');
    const make = ['create', join(dir, 'f.bin'), '-o', torrent];
    assert.equal(await main(make, Object.assign(new FakeIo(), { timers })), 0);
    truncateSync(join(dir, 'f.bin'), program.length);
    // Not even root may write to a program that runs.
    chmodSync(join(dir, 'f.bin'), 0o555);
    const running = spawn(join(dir, 'f.bin'), ['600']);
    t.after(() => running.kill());
    await once(running, 'spawn');
    const io = Object.assign(new FakeIo(), { timers });
    assert.equal(await main([torrent, '-d', dir, ...LOOPBACK, '--timeout', '600'], io), 16, io.stderr.text);
    assert.deepEqual(readdirSync(dir), ['f.bin']);
    assert.deepEqual(readFileSync(join(dir, 'f.bin')), program);
  });

  it('is whole beside a stranger’s part: seen by download and verify, and the part is left alone', async () => {
    const dir = copyOf('one-file');
    writeFileSync(join(dir, 'one-file.txt.part'), 'a letter');
    const { code, downloaded, err } = await download('one-file', dir);
    assert.deepEqual([code, downloaded], [0, 0], err);
    assertWhole('one-file', dir, 'one-file.txt', ['one-file.txt.part 8']);
    const io = Object.assign(new FakeIo(), { timers });
    const argv = ['verify', join(FIXTURES, 'one-file.torrent'), '-d', dir, '--json'];
    assert.equal(await main(argv, io), 0, io.stderr.text);
    assert.equal(JSON.parse(io.stdout.text).have, 163_783);
  });

  it('is whole beside a part: served from its name by seed, and nothing is touched', async () => {
    for (const part of ['a letter', readFileSync(join(FIXTURES, 'one-file.txt')).subarray(0, 100_000)]) {
      const dir = copyOf('one-file');
      writeFileSync(join(dir, 'one-file.txt.part'), part);
      const io = Object.assign(new FakeIo(), { timers });
      const argv = ['seed', join(FIXTURES, 'one-file.torrent'), '-d', dir, ...LOOPBACK, '--seed-time', '1s', '--json'];
      assert.equal(await main(argv, io), 0, io.stderr.text);
      const events = io.stdout.lines.map((line) => JSON.parse(line));
      assert.ok(events.some(({ type, have }) => type === 'progress' && have === 163_783));
      assert.deepEqual(readFileSync(join(dir, 'one-file.txt.part')), Buffer.from(part));
      assertWhole('one-file', dir, 'one-file.txt', [`one-file.txt.part ${part.length}`]);
    }
  });

  it('is whole beside a folder, a pipe or a link that has its part name: seen by all, and nothing is touched', async () => {
    for (const kind of ['folder', 'pipe', 'link'] as const) {
      const dir = copyOf('one-file');
      const part = join(dir, 'one-file.txt.part');
      if (kind === 'folder') mkdirSync(part);
      else if (kind === 'pipe') execFileSync('mkfifo', [part]);
      else symlinkSync(join(FIXTURES, 'one-piece'), part);
      for (const argv of [
        ['verify'],
        ['download', ...LOOPBACK, '--timeout', '600'],
        ['seed', ...LOOPBACK, '--seed-time', '1s'],
      ]) {
        const io = Object.assign(new FakeIo(), { timers });
        const code = await main([...argv, join(FIXTURES, 'one-file.torrent'), '-d', dir], io);
        assert.equal(code, 0, `${kind}, ${argv[0]}: ${io.stderr.text}`);
      }
      assert.deepEqual(readdirSync(dir).sort(), ['one-file.txt', 'one-file.txt.part']);
      truncateSync(join(dir, 'one-file.txt'), 100_000);
      const { code, err } = await download('one-file', dir);
      assert.equal(code, 13, `${kind}: ${err}`);
      assert.deepEqual(readdirSync(dir).sort(), ['one-file.txt', 'one-file.txt.part']);
    }
  });

  it('is whole beside a stranger’s part, and its name is as long as a name with .part can be', async () => {
    const long = 'n'.repeat(250);
    const dir = emptyFolder();
    writeFileSync(join(dir, long), 'the torrent spells this name');
    const torrent = join(root, 'long.torrent');
    assert.equal(await main(['create', join(dir, long), '-o', torrent], Object.assign(new FakeIo(), { timers })), 0);
    writeFileSync(join(dir, `${long}.part`), 'a letter');
    const io = Object.assign(new FakeIo(), { timers });
    assert.equal(await main([torrent, '-d', dir, ...LOOPBACK, '--timeout', '600'], io), 0, io.stderr.text);
    assert.deepEqual(tree(dir), [`${long} 28`, `${long}.part 8`]);
  });

  it('is a stranger’s part of the name of --output, or of a link: it is left alone', async () => {
    const dir = emptyFolder();
    writeFileSync(join(dir, 'other.part'), 'a letter');
    const { code, err } = await download('one-file', dir, '-o', 'other');
    assert.equal(code, 13);
    assert.match(err, /other\.part exists and shares nothing/);
    renameSync(join(dir, 'other.part'), join(dir, 'one-file.txt.part'));
    const link = `magnet:?xt=urn:btih:${metainfoOf('one-file').infoHash.toString('hex')}&x.pe=${peer}`;
    const io = Object.assign(new FakeIo(), { timers });
    assert.equal(await main([link, '-d', dir, ...LOOPBACK, '--timeout', '600'], io), 13, io.stderr.text);
    assert.match(io.stderr.text, /one-file\.txt\.part exists and shares nothing/);
    assert.equal(readFileSync(join(dir, 'one-file.txt.part'), 'utf8'), 'a letter');
    assert.ok(!existsSync(join(dir, 'one-file.txt')));
  });

  it('is in the way of a part that is ours: refused before the download, and replaced with --overwrite', async () => {
    const dir = copyOf('one-file');
    renameSync(join(dir, 'one-file.txt'), join(dir, 'one-file.txt.part'));
    truncateSync(join(dir, 'one-file.txt.part'), 100_000);
    writeFileSync(join(dir, 'one-file.txt'), Buffer.alloc(163_783, 'z'));
    const { code, err, downloaded } = await download('one-file', dir);
    assert.deepEqual([code, downloaded], [13, null], err);
    assert.match(err, /one-file\.txt exists beside .*one-file\.txt\.part and is not whole/);
    assert.deepEqual(tree(dir), ['one-file.txt 163783', 'one-file.txt.part 100000']);
    assert.equal((await download('one-file', dir, '--overwrite')).downloaded, 163_783 - 6 * 16_384);
    assertWhole('one-file', dir);
  });

  it('is grown under its own name with --no-part', async () => {
    const dir = copyOf('many-files');
    truncateSync(join(dir, LONGEST), 100_000);
    rmSync(join(dir, SECOND));
    assert.equal((await download('many-files', dir, '--no-part')).code, 0);
    assertWhole('many-files', dir);
    const fresh = emptyFolder();
    assert.equal((await download('many-files', fresh, '--no-part')).code, 0);
    assertWhole('many-files', fresh);
  });

  it('has lost its empty file, which comes back without a peer', async () => {
    const dir = copyOf('empty-file');
    rmSync(join(dir, 'empty-file/empty.txt'));
    const { code, downloaded } = await download('empty-file', dir);
    assert.deepEqual([code, downloaded], [0, 0]);
    assertWhole('empty-file', dir);
    assert.ok(!existsSync(join(dir, 'empty-file/empty.txt.part')));
  });
});
