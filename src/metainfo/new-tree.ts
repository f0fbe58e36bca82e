/** The file tree and the piece layers of a new torrent of version 2, or of a hybrid (BEP 52). */
import type { Encodable } from '../bencode/encode.js';
import { CANONICAL } from '../bencode/guard.js';
import { merkleRoot, NODE_LENGTH, powerOfTwoFrom } from './merkle.js';
import { invalid } from './metainfo.js';
import { BLOCK_LENGTH } from './piece-layout.js';

/** A file of a new tree. */
export interface NewTreeFile {
  /** Path elements below the torrent's folder, or the name of the one file. */
  readonly path: readonly Buffer[];
  /** Bytes. */
  readonly length: number;
  readonly executable: boolean;
}

type Folder = Map<string, Encodable>;

/** Path elements: each is a dictionary in another one. The .torrent, `info`, the tree and a file are four more. */
const MAX_TREE_ELEMENTS = CANONICAL.maxDepth - 4;

export class NewTree {
  /** The value of `file tree`. */
  readonly tree: ReadonlyMap<string, Encodable>;
  /** The value of `piece layers`: by root, the hashes of each file of more than one piece. */
  readonly layers: ReadonlyMap<string, Encodable>;

  /**
   * `pieceRoots` are those of all pieces of `files` in order. Throws 'torrent-invalid' when the files are not in the
   * order of the tree, when a path is that of a file and of a folder, or when one has too many elements.
   */
  constructor(files: readonly NewTreeFile[], pieceLength: number, pieceRoots: Buffer) {
    const layers = new Map<string, Encodable>();
    const level = Math.log2(pieceLength / BLOCK_LENGTH);
    // The folders that the file before lies in, from the top one on.
    const open: Folder[] = [new Map()];
    let path: readonly Buffer[] = [];
    let first = 0;
    for (const file of files) {
      checkOrder(path, file.path);
      checkDepth(file.path);
      const count = Math.ceil(file.length / pieceLength);
      const roots = pieceRoots.subarray(first * NODE_LENGTH, (first + count) * NODE_LENGTH);
      first += count;
      const root = count === 0 ? null : merkleRoot(roots, powerOfTwoFrom(count), level);
      // BEP 52: "For each file in the file tree that is larger than the piece size it contains one string value."
      if (root !== null && count > 1) layers.set(root.toString('latin1'), roots);
      enter(open, path, file.path);
      path = file.path;
      open.at(-1)?.set(keyOf(path.at(-1)), new Map([['', propertiesOf(file, root)]]));
    }
    this.tree = open[0] ?? new Map();
    this.layers = layers;
  }
}

/** Changes `open` from the folders of the file at `path` to those of the next file, at `next`; makes what is new. */
function enter(open: Folder[], path: readonly Buffer[], next: readonly Buffer[]): void {
  let shared = 0;
  while (shared < next.length - 1 && shared < path.length - 1 && path[shared]?.equals(next[shared] as Buffer)) {
    shared += 1;
  }
  open.length = shared + 1;
  for (const element of next.slice(shared, -1)) {
    const made: Folder = new Map();
    open.at(-1)?.set(keyOf(element), made);
    open.push(made);
  }
}

function propertiesOf({ length, executable }: NewTreeFile, root: Buffer | null): Encodable {
  return new Map<string, Encodable>([
    ...(executable ? ([['attr', 'x']] as const) : []),
    ['length', length],
    ...(root === null ? [] : ([['pieces root', root]] as const)),
  ]);
}

/** A key of a dictionary is bytes written as Latin-1. */
function keyOf(element: Buffer | undefined): string {
  return element?.toString('latin1') ?? '';
}

/** `before` is the path of the file before; empty for the first file. */
function checkOrder(before: readonly Buffer[], path: readonly Buffer[]): void {
  if (before.length === 0) return;
  const names = `${nameOf(before)} and ${nameOf(path)}`;
  if (comparePaths(before, path) >= 0) throw invalid('file tree', `would not have ${names} in this order`);
  if (before.length < path.length && before.every((element, i) => element.equals(path[i] as Buffer))) {
    throw invalid('file tree', `cannot have both ${names}`);
  }
}

function checkDepth(path: readonly Buffer[]): void {
  if (path.length <= MAX_TREE_ELEMENTS) return;
  const depth = `a path of ${path.length} elements, ${MAX_TREE_ELEMENTS} is the most`;
  throw invalid('file tree', `would have ${depth}: ${nameOf(path)}`);
}

function nameOf(path: readonly Buffer[]): string {
  return path.map((element) => element.toString()).join('/');
}

/** Below 0 when `a` stands before `b` in a torrent: the bytes of each element count, as version 2 demands. */
export function comparePaths(a: readonly Buffer[], b: readonly Buffer[]): number {
  for (const [i, element] of a.entries()) {
    const other = b[i];
    if (other === undefined) return 1;
    const order = Buffer.compare(element, other);
    if (order !== 0) return order;
  }
  return a.length - b.length;
}
