/** Downloads that are killed at every moment, also between two steps of naming a file, while others put files there. */
import assert from 'node:assert/strict';
import { existsSync, linkSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { BtgetError } from '../../src/base/failure.js';
import type { TorrentOptions } from '../../src/torrent/torrent-options.js';
import {
  assertRight,
  dieBefore,
  dieHalfway,
  download,
  FaultyFolder,
  MINUTE,
  momentsOf,
  SAMPLE,
} from '../support/disk/faulty-download.js';
import { NO_FAULT } from '../support/disk/faulty-operations.js';

const KiB = 1024;
const folder = new FaultyFolder();
after(() => folder.end());

/** The file that has a piece to lose and one to keep. */
const FILE = 't/below/b.bin';
const WRONG_FROM = 8 * KiB;
const WRONG_TO = 24 * KiB;

/** Somebody puts a damaged copy in the place of the file of this name. */
function damage(name: string): Buffer {
  const bytes = readFileSync(name).fill(0, WRONG_FROM, WRONG_TO);
  writeFileSync(`${name}.copy`, bytes);
  renameSync(`${name}.copy`, name);
  return bytes;
}

/**
 * Asserts that a download ends on what is in `dir`, and that nothing but its files lies there then, and the files
 * `others`.
 */
function assertEnds(dir: string, others: readonly string[] = [], options: Partial<TorrentOptions> = {}): void {
  const { done, log } = download(dir, NO_FAULT, 10 * MINUTE, options);
  assert.ok(done, log.join('\n'));
  assertRight(dir, () => true);
  const expected = [...SAMPLE.metainfo.files.map(({ path }) => path.join('/')), ...others];
  const found = readdirSync(dir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(dir.length + 1));
  // An empty note of a process that died may be one that is just being written.
  const notes = /^t\.btget\.lock\.[0-9a-f]{8}\.new$/;
  assert.deepEqual(found.filter((name) => !notes.test(name)).sort(), expected.sort());
}

/**
 * Kills a download that goes on after `before` at each of its moments, each time in a fresh folder, and calls `then`
 * with it.
 */
function killAtEveryMoment(
  before: (dir: string) => void,
  then: (dir: string) => void,
  options: Partial<TorrentOptions> = {},
): void {
  const first = folder.fresh();
  before(first);
  const { calls, done, log } = download(first, NO_FAULT, MINUTE, options);
  assert.ok(done, log.join('\n'));
  for (const moment of momentsOf(calls)) {
    const dir = folder.fresh();
    before(dir);
    dieBefore(dir, moment, options);
    try {
      then(dir);
    } catch (error) {
      throw new Error(`killed after call ${moment - 1}, ${calls[moment - 1]}: ${error}`, { cause: error });
    }
    folder.forget(dir);
  }
}

test('a damaged part comes after a kill: it is mended, and it stays as it is beside a file that is whole', () => {
  let both = 0;
  let one = 0;
  killAtEveryMoment(dieHalfway, (dir) => {
    const final = join(dir, FILE);
    const part = `${final}.part`;
    if (!existsSync(part)) return;
    const isBeside = existsSync(final);
    const put = damage(part);
    if (!isBeside) {
      one += 1;
      assertEnds(dir);
      return;
    }
    both += 1;
    assertEnds(dir, [`${FILE}.part`]);
    assert.deepEqual(readFileSync(part), put, 'it is not ours');
  });
  assert.ok(both > 0 && one > 0);
});

test('a damaged file comes after a kill: it is mended, and it is said when the part is beside it', () => {
  let both = 0;
  let one = 0;
  killAtEveryMoment(dieHalfway, (dir) => {
    const final = join(dir, FILE);
    if (!existsSync(final)) return;
    const isBeside = existsSync(`${final}.part`);
    const put = damage(final);
    if (!isBeside) {
      one += 1;
      assertEnds(dir);
      return;
    }
    both += 1;
    const { failure } = download(dir, NO_FAULT, 10 * MINUTE);
    assert.ok(failure instanceof BtgetError && failure.code === 'foreign-file', String(failure));
    assert.match(failure.message, /b\.bin exists beside \S+b\.bin\.part and is not whole/);
    assert.deepEqual(readFileSync(final), put);
    assertEnds(dir, [], { overwrite: true });
  });
  assert.ok(both > 0 && one > 0);
});

test('a damaged copy with both names comes after a kill that left both: it is mended, and keeps the final name', () => {
  let both = 0;
  killAtEveryMoment(dieHalfway, (dir) => {
    const final = join(dir, FILE);
    const part = `${final}.part`;
    if (!existsSync(final) || !existsSync(part)) return;
    both += 1;
    damage(part);
    rmSync(final);
    linkSync(part, final);
    assertEnds(dir);
  });
  assert.ok(both > 0);
});

for (const [index, { path, length }] of SAMPLE.metainfo.files.entries()) {
  if (length === 0) continue;
  const before = (dir: string): void => {
    dieHalfway(dir);
    assert.ok(existsSync(join(dir, `${path.join('/')}.part`)));
    writeFileSync(join(dir, ...path), SAMPLE.fileBytes(index));
  };
  test(`${path.join('/')} comes whole beside its part: whenever it is killed, the next one ends and leaves no part`, () => {
    killAtEveryMoment(before, (dir) => assertEnds(dir));
  });
  test(`${path.join('/')} comes whole beside its part, and a download of another file is killed: so does the next one`, () => {
    const select = [index === 0 ? '4' : '1'];
    const ends = (dir: string): void => {
      assert.ok(existsSync(join(dir, 't.btget')), 'nothing else tells whose the part is');
      assertEnds(dir);
    };
    killAtEveryMoment(before, ends, { selection: { select, exclude: [], ranges: null } });
  });
}
