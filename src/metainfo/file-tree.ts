/** The file tree of version 2 (BEP 52). */
import { BencodeReader } from '../bencode/reader.js';
import { MAX_PATH_ELEMENTS, type RawFile } from './file-list.js';
import { NODE_LENGTH } from './merkle.js';
import { invalid } from './metainfo.js';

/** A file as the tree names it. */
export interface TreeFile extends RawFile {
  /** Null for a file without bytes. */
  readonly root: Buffer | null;
}

/**
 * The files of the tree, in its order: that of the bytes of each path element. `tree` is bencoded and canonical (BEP
 * 3). Throws 'torrent-invalid'. There may be a hundred thousand files: nothing is made of the bytes but these.
 */
export function parseFileTree(tree: Buffer): readonly TreeFile[] {
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
  const { length, attributes, target, root } = readProperties(reader, path);
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

/** What the tree says of a file. What is absent, or of another type, is undefined, or empty. */
interface Properties {
  length: number | undefined;
  attributes: string;
  target: readonly Buffer[] | undefined;
  root: Buffer | undefined;
}

function readProperties(reader: BencodeReader, path: readonly Buffer[]): Properties {
  if (reader.next() !== 'dictionary') throw invalid(fieldOf(path), 'does not say what the file is like');
  const found: Properties = { length: undefined, attributes: '', target: undefined, root: undefined };
  reader.open();
  while (reader.next() !== 'end') {
    const key = reader.key();
    const next = reader.next();
    if (key === 'length' && next === 'integer') found.length = reader.integer();
    else if (key === 'pieces root' && next === 'string') found.root = reader.string();
    else if (key === 'attr' && next === 'string') found.attributes = reader.key();
    else if (key === 'symlink path' && next === 'list') found.target = readElements(reader);
    else reader.skip();
  }
  reader.close();
  return found;
}

/** The path elements of the list that comes next; undefined unless it has at least one string and nothing else. */
function readElements(reader: BencodeReader): readonly Buffer[] | undefined {
  const elements: Buffer[] = [];
  let isPath = true;
  reader.open();
  while (reader.next() !== 'end') {
    if (reader.next() === 'string') elements.push(reader.string());
    else {
      isPath = false;
      reader.skip();
    }
  }
  reader.close();
  return isPath && elements.length > 0 ? elements : undefined;
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
