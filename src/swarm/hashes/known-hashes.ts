/**
 * The hashes that we can give to others: the piece layers, which we hold, all that follows from them, and the leaves of
 * pieces that we have, which the disk's workers hash for us.
 *
 * A tree is cut into parts, so that no answer takes long. Below the piece layer a part is a piece. From there on it is
 * a group of 512 pieces, and above all groups stands the crown. A range must lie within one part; its uncles may be of
 * all three. A crown is made once, one group for each task. Of groups and pieces the latest are kept.
 */
import type { Timers } from '../../base/clock.js';
import type { BtgetError } from '../../base/failure.js';
import type { LeavesOutcome } from '../../disk/storage.js';
import { powerOfTwoFrom } from '../../metainfo/merkle.js';
import { Subtree, treeHeight } from '../../metainfo/merkle-proof.js';
import type { Metainfo, TorrentFile } from '../../metainfo/metainfo.js';
import { BLOCK_LENGTH, type PieceIndex, type PieceLayout } from '../../metainfo/piece-layout.js';
import { type HashRange, uncleCount } from '../../wire/hash-message.js';
import { HashTurns } from './hash-turns.js';

/** Which pieces we have, and their leaves. */
export interface PieceLeaves {
  readonly have: { has(piece: number): boolean };
  hashBlocks(piece: PieceIndex, answered: (outcome: LeavesOutcome) => void): void;
}

export interface KnownHashesParts {
  readonly timers: Timers;
  readonly layout: PieceLayout;
  readonly metainfo: Pick<Metainfo, 'files'>;
  readonly source: PieceLeaves;
  /** The disk did not give the leaves of a piece that we have. */
  readonly gotReadFailure: (failure: BtgetError) => void;
}

/** What a range is about, when we may know it. */
export interface KnownRange {
  readonly range: HashRange;
  /** How many blocks must be read and hashed, unless somebody asked for them lately. */
  readonly blocks: number;
}

/** BEP 52: a request should not be for more. No client that we know asks for more. */
export const MAX_SERVED = 512;
const GROUP_LEVELS = Math.log2(MAX_SERVED);
/** Pieces of more blocks than this are not hashed for others: it would hold the loop. Such a piece has 64 MiB. */
const MAX_BLOCKS = 4_096;
/** How many hashes of parts are kept. They take a megabyte. */
const MAX_CACHED = 32_768;
/** In so many files with the same bytes we look for a piece that we have: there may be a hundred thousand. */
const MAX_TWINS = 32;
/** The roots of so many files are noted in one task. */
const FILES_A_TASK = 2_048;

/** A file's tree. Files with the same bytes share one. */
interface Tree {
  /** Files with this root, by index; only the first MAX_TWINS. */
  readonly files: readonly number[];
  readonly height: number;
  /** Null until it is made. */
  crown: Subtree | null;
  /** Who waits for the crown while it is made. */
  readonly awaitCrown: (() => void)[];
}

/** A piece whose leaves somebody waits for. */
interface Hashing {
  readonly waiting: ((tree: Subtree | null) => void)[];
  isBegun: boolean;
}

/** Which part of a tree. */
type Part = 'piece' | 'group' | 'crown';

export class KnownHashes {
  readonly #parts: KnownHashesParts;
  readonly #pieceLevel: number;
  /** The first file with each root, by the root as Latin-1. There may be very many, of which few are asked for. */
  readonly #firstFiles = new Map<string, number>();
  /** By the first file with a root: the files with it, only the first MAX_TWINS; none where it is the only one. */
  readonly #twins = new Map<number, number[]>();
  /** The roots of so many files are noted in `#firstFiles`. */
  #noted = 0;
  /** The trees that were asked for, by the first file. */
  readonly #trees = new Map<number, Tree>();
  /** Groups and pieces, the latest last: by `g` and the first piece, or `p` and the piece. */
  readonly #cache = new Map<string, Subtree>();
  #cachedCount = 0;
  readonly #turns: HashTurns;
  /** Who waits for the leaves of a piece. */
  readonly #hashing = new Map<PieceIndex, Hashing>();

  constructor(parts: KnownHashesParts) {
    this.#parts = parts;
    this.#turns = new HashTurns(parts.timers);
    this.#pieceLevel = Math.log2(parts.layout.pieceLength / BLOCK_LENGTH);
    if (parts.metainfo.files.length > FILES_A_TASK) this.#noteSoon();
  }

  /** The range as one that we may give; undefined when it must be rejected. Its numbers come from the peer. */
  find(range: HashRange): KnownRange | undefined {
    const { base, index, length, proof } = range;
    const tree = this.#treeOf(range.root);
    if (tree === undefined || length < 2 || length > MAX_SERVED || powerOfTwoFrom(length) !== length) return undefined;
    const width = base <= tree.height ? 2 ** (tree.height - base) : 0;
    if (index % length !== 0 || index + length > width || base + proof >= tree.height) return undefined;
    const top = base + Math.log2(length);
    const part = this.#partOf(tree, base);
    if (top > this.#topOf(tree, part)) return undefined;
    if (part !== 'piece') return { range, blocks: 0 };
    const piece = this.#pieceAt(tree, range);
    if (piece === undefined) return undefined;
    const blocks = this.#cache.has(`p${piece}`) ? 0 : this.#parts.layout.proofOf(piece).width;
    return blocks > MAX_BLOCKS ? undefined : { range, blocks };
  }

  /**
   * Answers with the hashes of the range and their uncles; with null when the disk does not give them after all.
   * `host` is the `hostKey` of the peer that asks.
   */
  give({ range }: KnownRange, host: string, answered: (hashes: Buffer | null) => void): void {
    const tree = this.#treeOf(range.root) as Tree;
    const highest = range.base + Math.log2(range.length) + uncleCount(range) - 1;
    const needsCrown = this.#hasCrown(tree) && Math.max(highest, range.base) >= this.#topOf(tree, 'group');
    this.#whenCrowned(needsCrown ? tree : null, () => {
      if (this.#partOf(tree, range.base) !== 'piece') {
        answered(this.#collect(tree, range, null));
        return;
      }
      const piece = this.#pieceAt(tree, range);
      if (piece === undefined) answered(null);
      else this.#whenHashed(piece, host, (leaves) => answered(leaves && this.#collect(tree, range, leaves)));
    });
  }

  #collect(tree: Tree, range: HashRange, piece: Subtree | null): Buffer {
    const { base, index, length } = range;
    const nodes = [this.#nodes(tree, piece, base, index, length)];
    let place = index / length;
    let level = base + Math.log2(length);
    for (let left = uncleCount(range); left > 0; left -= 1) {
      nodes.push(this.#nodes(tree, piece, level, place ^ 1, 1));
      place = Math.floor(place / 2);
      level += 1;
    }
    return Buffer.concat(nodes);
  }

  /** Nodes of one level of the tree, which lie within one part. */
  #nodes(tree: Tree, piece: Subtree | null, level: number, index: number, length: number): Buffer {
    const part = this.#partOf(tree, level);
    const within = 2 ** (this.#topOf(tree, part) - level);
    const subtree = this.#subtreeOf(tree, part, piece, Math.floor(index / within));
    return subtree.nodes(level, index % within, length);
  }

  #subtreeOf(tree: Tree, part: Part, piece: Subtree | null, at: number): Subtree {
    const found = part === 'piece' ? piece : part === 'crown' ? tree.crown : this.#groupOf(tree, at);
    if (found === null) throw new Error(`a tree without its ${part}`);
    return found;
  }

  /** The nodes of level `level` are part of this. */
  #partOf(tree: Tree, level: number): Part {
    if (level < this.#pieceLevel) return 'piece';
    return this.#hasCrown(tree) && level >= this.#topOf(tree, 'group') ? 'crown' : 'group';
  }

  /** The level of the highest node of a part. */
  #topOf({ height }: Tree, part: Part): number {
    if (part === 'piece') return Math.min(height, this.#pieceLevel);
    return part === 'group' ? Math.min(height, this.#pieceLevel + GROUP_LEVELS) : height;
  }

  #hasCrown({ height }: Tree): boolean {
    return height > this.#pieceLevel + GROUP_LEVELS;
  }

  #treeOf(root: Buffer): Tree | undefined {
    this.#note(this.#parts.metainfo.files.length);
    const first = this.#firstFiles.get(root.toString('latin1'));
    if (first === undefined) return undefined;
    let tree = this.#trees.get(first);
    if (tree === undefined) {
      const { length } = this.#parts.metainfo.files[first] as TorrentFile;
      const files = this.#twins.get(first) ?? [first];
      tree = { files, height: treeHeight(length), crown: null, awaitCrown: [] };
      this.#trees.set(first, tree);
    }
    return tree;
  }

  /** Notes the roots of very many files before anyone asks, so that nobody can make us note them all at once. */
  #noteSoon(): void {
    this.#parts.timers.addTask(() => {
      const { length } = this.#parts.metainfo.files;
      this.#note(Math.min(length, this.#noted + FILES_A_TASK));
      if (this.#noted < length) this.#noteSoon();
    }, 0);
  }

  /** Notes the roots of the files before `end` that are not noted yet. */
  #note(end: number): void {
    for (; this.#noted < end; this.#noted += 1) {
      const { piecesRoot, length } = this.#parts.metainfo.files[this.#noted] as TorrentFile;
      // A range has two hashes at the least, and the tree of one block has but one.
      if (piecesRoot === undefined || length <= BLOCK_LENGTH || this.#lacksLayer(this.#noted)) continue;
      const key = piecesRoot.toString('latin1');
      const first = this.#firstFiles.get(key);
      if (first === undefined) {
        this.#firstFiles.set(key, this.#noted);
        continue;
      }
      const twins = this.#twins.get(first) ?? [first];
      if (twins.length < MAX_TWINS) twins.push(this.#noted);
      this.#twins.set(first, twins);
    }
  }

  /** Whether we know no hash of the file but its root, so that we can prove nothing of it to anyone. */
  #lacksLayer(file: number): boolean {
    const { layout, metainfo } = this.#parts;
    const first = layout.pieceIndex((metainfo.files[file] as TorrentFile).begin / layout.pieceLength);
    return first === undefined || !layout.isProvable(first);
  }

  /** A piece that we have, of any file with these bytes, that holds the leaves of the range. */
  #pieceAt({ files }: Tree, { base, index }: HashRange): PieceIndex | undefined {
    const { layout, metainfo, source } = this.#parts;
    const at = Math.floor((index * 2 ** base) / 2 ** this.#pieceLevel);
    for (const number of files) {
      const { begin, length } = metainfo.files[number] as TorrentFile;
      if (at * layout.pieceLength >= length) return undefined;
      const piece = layout.pieceIndex(begin / layout.pieceLength + at);
      if (piece !== undefined && source.have.has(piece)) return piece;
    }
    return undefined;
  }

  #groupOf({ files: [number] }: Tree, group: number): Subtree {
    const { layout, metainfo } = this.#parts;
    const { begin, length } = metainfo.files[number as number] as TorrentFile;
    const count = Math.ceil(length / layout.pieceLength);
    const first = begin / layout.pieceLength + group * MAX_SERVED;
    const found = this.#cached(`g${first}`);
    if (found !== undefined) return found;
    const own = Math.max(0, Math.min(MAX_SERVED, count - group * MAX_SERVED));
    const roots = Array.from({ length: own }, (_, at) => layout.proofOf((first + at) as PieceIndex).root as Buffer);
    const width = Math.min(MAX_SERVED, powerOfTwoFrom(count));
    return this.#keep(`g${first}`, new Subtree(Buffer.concat(roots), this.#pieceLevel, width));
  }

  #whenCrowned(tree: Tree | null, then: () => void): void {
    if (tree === null || tree.crown !== null) {
      then();
      return;
    }
    tree.awaitCrown.push(then);
    if (tree.awaitCrown.length > 1) return;
    const { length } = this.#parts.metainfo.files[tree.files[0] as number] as TorrentFile;
    const groupCount = Math.ceil(length / this.#parts.layout.pieceLength / MAX_SERVED);
    const tops: Buffer[] = [];
    const advance = (): void => {
      tops.push(this.#groupOf(tree, tops.length).root);
      if (tops.length < groupCount) {
        this.#parts.timers.addTask(advance, 0);
        return;
      }
      const base = this.#topOf(tree, 'group');
      tree.crown = new Subtree(Buffer.concat(tops), base, 2 ** (tree.height - base));
      for (const next of tree.awaitCrown.splice(0)) next();
    };
    advance();
  }

  #whenHashed(piece: PieceIndex, host: string, then: (tree: Subtree | null) => void): void {
    const found = this.#cached(`p${piece}`);
    if (found !== undefined) {
      then(found);
      return;
    }
    const hashing = this.#hashing.get(piece) ?? { waiting: [], isBegun: false };
    // The turn of another host that asks for this piece may be far: this host's own may come first.
    if (!hashing.isBegun && !this.#turns.add(host, (ended) => this.#hash(piece, hashing, ended))) {
      then(null);
      return;
    }
    hashing.waiting.push(then);
    this.#hashing.set(piece, hashing);
  }

  #hash(piece: PieceIndex, hashing: Hashing, ended: () => void): void {
    if (hashing.isBegun) {
      ended();
      return;
    }
    hashing.isBegun = true;
    this.#parts.source.hashBlocks(piece, (outcome) => {
      ended();
      this.#hashing.delete(piece);
      const tree = outcome.ok ? this.#pieceTree(piece, outcome.leaves) : null;
      for (const next of hashing.waiting) next(tree);
      if (!outcome.ok) this.#parts.gotReadFailure(outcome.failure);
    });
  }

  /** Null when the leaves do not give the piece's root: a wrong proof would be taken for a lie of ours. */
  #pieceTree(piece: PieceIndex, leaves: Buffer): Subtree | null {
    const { root, width } = this.#parts.layout.proofOf(piece);
    const tree = new Subtree(leaves, 0, width);
    return root !== null && tree.root.equals(root) ? this.#keep(`p${piece}`, tree) : null;
  }

  #cached(key: string): Subtree | undefined {
    const found = this.#cache.get(key);
    if (found === undefined) return undefined;
    this.#cache.delete(key);
    this.#cache.set(key, found);
    return found;
  }

  #keep(key: string, tree: Subtree): Subtree {
    this.#cache.set(key, tree);
    this.#cachedCount += sizeOf(tree);
    for (const [oldest, part] of this.#cache) {
      if (this.#cachedCount <= MAX_CACHED || this.#cache.size === 1) break;
      this.#cache.delete(oldest);
      this.#cachedCount -= sizeOf(part);
    }
    return tree;
  }
}

/** Hashes in the part. */
function sizeOf({ base, top }: Subtree): number {
  return 2 ** (top - base + 1);
}
