/** The file tree of version 2 (BEP 52). */
import { BencodeReader } from '../bencode/reader.js';
import { MAX_PATH_ELEMENTS, type RawFile } from './file-list.js';
import { fileProperties } from './file-properties.js';
import { NODE_LENGTH } from './merkle.js';
import { invalid } from './metainfo.js';

/** A file as the tree names it. */
export interface TreeFile extends RawFile {
  /** Null for a file without bytes. */
  readonly root: Buffer | null;
}

/**
 * The files of the tree, in its order: that of the bytes of each path element. `tree` is bencoded and canonical (BEP
 * 3); null when the torrent has none. Throws 'torrent-invalid'. There may be a hundred thousand files: nothing is made
 * of the bytes but these.
 */
export function parseFileTree(tree: Buffer | null): readonly TreeFile[] {
  if (tree === null) throw invalid('file tree', 'is missing');
  const reader = new BencodeReader(tree);
  if (reader.next() !== 'dictionary') throw invalid('file tree', 'is not a dictionary');
  const files: TreeFile[] = [];
  if (addEntry(reader, [], files) === 'file') throw invalid('file tree', 'has a file without a name');
  if (files.length === 0) throw invalid('file tree', 'has no files');
  return files;
}

/**
 * Reads the dictionary of the file or folder at `path`, and adds the file, or those below the folder, to `into`. How
 * deep this goes is bounded by how deep any bencoded bytes may be.
 */
function addEntry(reader: BencodeReader, path: readonly Buffer[], into: TreeFile[]): 'file' | 'folder' {
  reader.open();
  let kind: 'file' | 'folder' = 'folder';
  while (reader.next() !== 'end') {
    const name = reader.string();
    if (kind === 'file') throw invalid(fieldOf(path), 'is a file and a folder at once');
    // The empty name is the first one of its dictionary.
    if (name.length === 0) {
      kind = 'file';
      // A file without a path is refused anyway.
      if (path.length === 0) return kind;
      into.push(parseTreeFile(reader, path));
    } else {
      const at = [...path, name];
      if (reader.next() !== 'dictionary') throw invalid(fieldOf(at), 'is not a dictionary');
      addEntry(reader, at, into);
    }
  }
  reader.close();
  return kind;
}

function parseTreeFile(reader: BencodeReader, path: readonly Buffer[]): TreeFile {
  if (reader.next() !== 'dictionary') throw invalid(fieldOf(path), 'does not say what the file is like');
  const { length, attributes, target, root } = fileProperties(reader);
  if (attributes.includes('p')) throw invalid(fieldOf(path), 'is a pad file, which version 2 does not have');
  const linkTarget = attributes.includes('l') ? target : undefined;
  // BEP 47 does not name the length of a link. Creators leave it out or write 0.
  if (length === undefined ? linkTarget === undefined : length < 0)
    throw invalid(`${fieldOf(path)}.length`, 'is not a number');
  const isLink = (length ?? 0) === 0 && linkTarget !== undefined && linkTarget.length <= MAX_PATH_ELEMENTS;
  return {
    path,
    length: length ?? 0,
    padding: false,
    executable: attributes.includes('x'),
    hidden: attributes.includes('h'),
    target: isLink ? linkTarget : null,
    root: (length ?? 0) === 0 ? null : checkedRoot(root, path),
  };
}

const NO_ROOT = Buffer.alloc(NODE_LENGTH);

function checkedRoot(root: Buffer | undefined, path: readonly Buffer[]): Buffer {
  const refused = (why: string) => invalid(`${fieldOf(path)}.pieces root`, why);
  if (root === undefined) throw refused('is missing');
  if (root.length !== NODE_LENGTH) throw refused(`has ${root.length} bytes, not 32`);
  if (root.equals(NO_ROOT)) throw refused('is all zeros');
  return root;
}

/** The path of a file of the tree as the name of a field. It may hold any character. */
function fieldOf(path: readonly Buffer[]): string {
  return `file tree[${path.map((element) => element.toString()).join('/')}]`;
}
