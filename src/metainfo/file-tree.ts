/** The file tree of version 2 (BEP 52). */
import { asDictionary, getBytes, getDictionary, getInteger } from '../bencode/access.js';
import type { BencodeDictionary } from '../bencode/bencode.js';
import { attributesOf, elementsOf, MAX_PATH_ELEMENTS, type RawFile } from './file-list.js';
import { NODE_LENGTH } from './merkle.js';
import { invalid } from './metainfo.js';

/** A file as the tree names it. */
export interface TreeFile extends RawFile {
  /** Null for a file without bytes. */
  readonly root: Buffer | null;
}

/**
 * The files of the tree of `info`, in its order: that of the bytes of each path element. Throws 'torrent-invalid'. The
 * caller has made sure that the torrent's keys are in order and that none comes twice.
 */
export function parseFileTree(info: BencodeDictionary): readonly TreeFile[] {
  const tree = getDictionary(info, 'file tree');
  if (tree === undefined) throw invalid('file tree', info.has('file tree') ? 'is not a dictionary' : 'is missing');
  if (tree.has('')) throw invalid('file tree', 'has a file without a name');
  const files: TreeFile[] = [];
  addFiles(tree, [], files);
  if (files.length === 0) throw invalid('file tree', 'has no files');
  return files;
}

/** Adds the files below `folder` to `into`. How deep this goes is bounded by how deep any bencoded bytes may be. */
function addFiles(folder: BencodeDictionary, path: readonly Buffer[], into: TreeFile[]): void {
  // A decoded dictionary is not in the order of the bytes: keys that look like numbers come first, as numbers.
  for (const key of [...folder.keys()].sort()) {
    const at = [...path, Buffer.from(key, 'latin1')];
    const entry = asDictionary(folder.get(key));
    if (entry === undefined) throw invalid(fieldOf(at), 'is not a dictionary');
    if (!entry.has('')) addFiles(entry, at, into);
    else if (entry.size > 1) throw invalid(fieldOf(at), 'is a file and a folder at once');
    else into.push(parseTreeFile(entry, at));
  }
}

function parseTreeFile(entry: BencodeDictionary, path: readonly Buffer[]): TreeFile {
  const properties = getDictionary(entry, '');
  if (properties === undefined) throw invalid(fieldOf(path), 'does not say what the file is like');
  const length = getInteger(properties, 'length');
  const attributes = attributesOf(properties);
  if (attributes.includes('p')) throw invalid(fieldOf(path), 'is a pad file, which version 2 does not have');
  const target = attributes.includes('l') ? elementsOf(properties.get('symlink path')) : undefined;
  // BEP 47 does not name the length of a link. Creators leave it out or write 0.
  if (length === undefined ? target === undefined : length < 0)
    throw invalid(`${fieldOf(path)}.length`, 'is not a number');
  const isLink = (length ?? 0) === 0 && target !== undefined && target.length <= MAX_PATH_ELEMENTS;
  return {
    path,
    length: length ?? 0,
    padding: false,
    executable: attributes.includes('x'),
    hidden: attributes.includes('h'),
    target: isLink ? target : null,
    root: (length ?? 0) === 0 ? null : rootOf(properties, path),
  };
}

const NO_ROOT = Buffer.alloc(NODE_LENGTH);

function rootOf(properties: BencodeDictionary, path: readonly Buffer[]): Buffer {
  const root = getBytes(properties, 'pieces root');
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
