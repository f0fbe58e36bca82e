/** What is downloaded again and again, and an eye of its own for what lies on the disk. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync, linkSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Random } from '../../src/base/random.js';
import type { Metainfo, TorrentFile } from '../../src/metainfo/metainfo.js';
import { parseMetainfo } from '../../src/metainfo/parse-metainfo.js';
import { BLOCK_LENGTH, PieceLayout } from '../../src/metainfo/piece-layout.js';
import { SharedPieces } from '../../src/metainfo/shared-pieces.js';
import { type JournalContents, readJournal } from '../../src/resume/read-journal.js';
import { BTGET } from '../support/btget-process.js';
import { writeNoise } from '../support/noise.js';
import { runSync } from '../support/run-sync.js';
import { v2Torrent } from '../support/v2-torrent.js';

/** A torrent with its content. */
export class Place {
  readonly torrent: string;
  /** The folder that holds its content. */
  readonly dir: string;
  readonly #name: string;
  readonly metainfo;
  readonly layout: PieceLayout;
  readonly #shared: SharedPieces;

  /** Makes the content of `files` below `dir`, and its torrent. `pieceLength` in KiB. */
  constructor(
    dir: string,
    name: string,
    files: Readonly<Record<string, number>>,
    pieceLength: number,
    version: Metainfo['version'],
  ) {
    this.dir = join(dir, `${name}-seed`);
    this.torrent = join(dir, `${name}.torrent`);
    this.#name = name;
    writeNoise(this.dir, files);
    if (version === '1') this.#create(pieceLength);
    else {
      const samples = Object.keys(files).map((path) => ({ path, content: readFileSync(join(this.dir, path)) }));
      writeFileSync(this.torrent, v2Torrent(samples, pieceLength * 1024, version).torrent);
    }
    this.metainfo = parseMetainfo(readFileSync(this.torrent));
    this.layout = new PieceLayout(this.metainfo);
    this.#shared = new SharedPieces(this.metainfo.files, this.layout);
  }

  #create(pieceLength: number): void {
    const options = ['-o', this.torrent, '--piece-length', `${pieceLength}K`, '-q'];
    const { status, stderr } = runSync(process.execPath, [BTGET, 'create', join(this.dir, this.#name), ...options]);
    assert.equal(status, 0, stderr);
  }

  /** The files that are on the disk when all are selected, by index in the metainfo. */
  get files(): readonly number[] {
    return this.metainfo.files.flatMap(({ padding }, index) => (padding ? [] : [index]));
  }

  /** Whether a name in the download folder is the download's own: a file's final name, or its folder. */
  isFinalName(name: string): boolean {
    return name === this.#name || this.metainfo.files.some(({ path }) => path.at(-1) === name);
  }

  /**
   * Hashes what lies in `dir`: which pieces are right there. Of a piece that reaches over files, what belongs to others than
   * `selected` may lie aside, in the border file.
   */
  rightIn(dir: string, selected: ReadonlySet<number>): ReadonlySet<number> {
    const content = this.#contentIn(dir);
    const aside = this.#asideIn(dir);
    const sent = this.layout.isV2Alone ? this.#contentIn(this.dir) : null;
    const right = new Set<number>();
    for (const piece of this.layout.pieceIndices()) {
      const begin = this.layout.beginOf(piece);
      const bytes = content.subarray(begin, begin + this.layout.lengthOf(piece));
      const { sha1 } = this.layout.proofOf(piece);
      const isRight = (found: Buffer): boolean =>
        sha1 === null
          ? sent?.subarray(begin, begin + found.length).equals(found) === true
          : createHash('sha1').update(found).digest().equals(sha1);
      if (isRight(bytes) || this.#sharedFrom(aside, piece, bytes, selected).some(isRight)) right.add(piece);
    }
    return right;
  }

  /** Asserts that every block is in `dir` as it was sent that the journal speaks of. Returns how many these are. */
  assertBlocks(dir: string): number {
    const blocks = this.#journalIn(dir)?.blocks ?? new Map<number, ReadonlyMap<number, number>>();
    const found = blocks.size === 0 ? Buffer.alloc(0) : this.#contentIn(dir);
    const sent = blocks.size === 0 ? Buffer.alloc(0) : this.#contentIn(this.dir);
    let count = 0;
    for (const [piece, sums] of blocks)
      for (const block of sums.keys()) {
        const begin = piece * this.layout.pieceLength + block * BLOCK_LENGTH;
        const isThere = found.subarray(begin, begin + BLOCK_LENGTH).equals(sent.subarray(begin, begin + BLOCK_LENGTH));
        assert.ok(isThere, `the journal says that block ${block} of piece ${piece} is there`);
        count += 1;
      }
    return count;
  }

  #contentIn(dir: string): Buffer {
    const content = Buffer.alloc(this.layout.pieceCount * this.layout.pieceLength);
    for (const { path, begin, length } of this.metainfo.files) {
      const final = join(dir, ...path);
      const found = [`${final}.part`, final].find((name) => existsSync(name));
      if (found !== undefined) readFileSync(found).copy(content, begin, 0, length);
    }
    return content;
  }

  #asideIn(dir: string): Buffer | null {
    const name = existsSync(dir) ? readdirSync(dir).find((entry) => this.#isAside(entry)) : undefined;
    return name === undefined ? null : readFileSync(join(dir, name));
  }

  #isAside(name: string): boolean {
    return name.startsWith(`.${this.#name}.`) && /\.[0-9a-f]{8}\.btget-border$/.test(name);
  }

  /** What a shared piece may be: as it lies aside, and with what lies in the selected files. */
  #sharedFrom(aside: Buffer | null, piece: number, bytes: Buffer, selected: ReadonlySet<number>): Buffer[] {
    const number = this.#shared.numberOf(piece);
    if (aside === null || number === undefined) return [];
    const { pieceLength } = this.layout;
    const lies = Buffer.alloc(bytes.length);
    aside.subarray(number * pieceLength, number * pieceLength + bytes.length).copy(lies);
    const mixed = Buffer.from(lies);
    for (const index of selected) {
      const { begin, length } = this.metainfo.files[index] as TorrentFile;
      const from = Math.max(0, begin - piece * pieceLength);
      const to = Math.min(bytes.length, begin + length - piece * pieceLength);
      if (from < to) bytes.copy(mixed, from, from, to);
    }
    return [lies, mixed];
  }

  /**
   * Somebody puts a damaged copy in the place of one of `files` that has several right pieces; it keeps some of them.
   * Nothing is done where there is no such file.
   */
  damageOne(dir: string, files: ReadonlySet<number>, right: ReadonlySet<number>, random: Random): void {
    const rightWithin = (index: number): number[] => {
      const { begin, length } = this.metainfo.files[index] as TorrentFile;
      return [...right].filter((piece) => {
        const from = piece * this.layout.pieceLength;
        return from >= begin && from + this.layout.pieceLength <= begin + length;
      });
    };
    const chosen = [...files].find((index) => rightWithin(index).length >= 3);
    if (chosen === undefined) return;
    const { path, begin } = this.metainfo.files[chosen] as TorrentFile;
    const final = join(dir, ...path);
    const [found, second] = [`${final}.part`, final].filter((name) => existsSync(name));
    if (found === undefined) return;
    const bytes = readFileSync(found);
    const pieces = rightWithin(chosen);
    const from = (pieces[random.below(pieces.length)] as number) * this.layout.pieceLength - begin;
    writeFileSync(`${found}.copy`, bytes.fill(0, from, from + this.layout.pieceLength));
    renameSync(`${found}.copy`, found);
    if (second === undefined) return;
    // A kill between two steps of naming leaves a file with both of its names, and the copy takes both. Under the part
    // name alone it would be a stranger's, which a download leaves beside the whole file.
    rmSync(second);
    linkSync(found, second);
  }

  /** What the journal in `dir` says: pieces that are on the disk. */
  recordedIn(dir: string): readonly number[] {
    const runs = this.#journalIn(dir)?.runs ?? [];
    return runs.flatMap(({ first, end }) => Array.from({ length: end - first }, (_, index) => first + index));
  }

  #journalIn(dir: string): JournalContents | null {
    const path = join(dir, `${this.#name}.btget`);
    if (!existsSync(path)) return null;
    const { infoHash, pieceCount, files } = this.metainfo;
    const contents = readJournal(readFileSync(path), { infoHash, pieceCount, fileCount: files.length });
    assert.ok(contents !== null, `${path} cannot be read`);
    return contents;
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
    const isSelection = files.size < this.files.length;
    const strange = others.filter((name) => !isSelection || !this.#isAside(name));
    assert.deepEqual(strange, [], 'left beside the download');
  }
}
