/** What is downloaded again and again, and an eye of its own for what lies on the disk. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseMetainfo } from '../../src/metainfo/parse-metainfo.js';
import { PieceLayout, piecesOfFile } from '../../src/metainfo/piece-layout.js';
import { readJournal } from '../../src/resume/read-journal.js';
import { BTGET } from '../support/btget-process.js';
import { writeNoise } from '../support/noise.js';

/** A torrent with its content. */
export class Place {
  readonly torrent: string;
  /** The folder that holds its content. */
  readonly dir: string;
  readonly #name: string;
  readonly metainfo;
  readonly layout: PieceLayout;

  /** Makes the content of `files` below `dir`, and its torrent. */
  constructor(dir: string, name: string, files: Readonly<Record<string, number>>, pieceLength: string) {
    this.dir = join(dir, `${name}-seed`);
    this.torrent = join(dir, `${name}.torrent`);
    this.#name = name;
    writeNoise(this.dir, files);
    const create = ['create', join(this.dir, name), '-o', this.torrent, '--piece-length', pieceLength, '-q'];
    const { status, stderr } = spawnSync(process.execPath, [BTGET, ...create]);
    assert.equal(status, 0, String(stderr));
    this.metainfo = parseMetainfo(readFileSync(this.torrent));
    this.layout = new PieceLayout(this.metainfo);
  }

  /** Whether a name in the download folder is the download's own: a file's final name, or its folder. */
  isFinalName(name: string): boolean {
    return name === this.#name || this.metainfo.files.some(({ path }) => path.at(-1) === name);
  }

  /** Pieces that lie in these files alone, by their index. */
  piecesWithin(files: ReadonlySet<number>): ReadonlySet<number> {
    const pieces = new Set(this.layout.pieceIndices() as Iterable<number>);
    for (const [index, file] of this.metainfo.files.entries()) {
      if (files.has(index)) continue;
      const { first, end } = piecesOfFile(file, this.layout);
      for (let piece = first; piece < end; piece += 1) pieces.delete(piece);
    }
    return pieces;
  }

  /** Hashes what lies in `dir`: which pieces are right there. */
  rightIn(dir: string): ReadonlySet<number> {
    const content = Buffer.alloc(this.metainfo.length);
    for (const { path, begin, length } of this.metainfo.files) {
      const final = join(dir, ...path);
      const found = [`${final}.part`, final].find((name) => existsSync(name));
      if (found !== undefined) readFileSync(found).copy(content, begin, 0, length);
    }
    const right = new Set<number>();
    for (const piece of this.layout.pieceIndices()) {
      const begin = this.layout.beginOf(piece);
      const bytes = content.subarray(begin, begin + this.layout.lengthOf(piece));
      if (createHash('sha1').update(bytes).digest().equals(this.layout.hashOf(piece))) right.add(piece);
    }
    return right;
  }

  /** What the journal in `dir` says: pieces that are on the disk. */
  recordedIn(dir: string): readonly number[] {
    const path = join(dir, `${this.#name}.btget`);
    if (!existsSync(path)) return [];
    const { infoHash, pieceCount, files } = this.metainfo;
    const contents = readJournal(readFileSync(path), { infoHash, pieceCount, fileCount: files.length });
    assert.ok(contents !== null, `${path} cannot be read`);
    return contents.runs.flatMap(({ first, end }) => Array.from({ length: end - first }, (_, index) => first + index));
  }

  /** Asserts that these files are there, equal to the seed's, and that nothing else is but notes of processes that died. */
  assertDone(dir: string, files: ReadonlySet<number>): void {
    const expected = new Set<string>();
    for (const index of files) {
      const path = this.metainfo.files[index]?.path ?? [];
      expected.add(join(...path));
      const same = readFileSync(join(dir, ...path)).equals(readFileSync(join(this.dir, ...path)));
      assert.ok(same, `${join(...path)} differs`);
    }
    const others = readdirSync(dir, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(dir.length + 1))
      .filter((name) => !expected.has(name) && !/\.btget\.lock\.[0-9a-f]{8}(\.new)?$/.test(name));
    if (files.size === this.metainfo.files.length) assert.deepEqual(others, [], 'left beside the download');
    else assert.ok(!others.includes(`${this.#name}.btget`), 'the journal is left');
  }
}
