/** The file tree and the piece layers of version 2 (BEP 52). */
import type { BtgetError } from '../base/failure.js';
import { asBytes, asDictionary, getBytes, getDictionary, getInteger } from '../bencode/access.js';
import type { BencodeDictionary } from '../bencode/bencode.js';
import { attributesOf, elementsOf, MAX_PATH_ELEMENTS, type RawFile } from './file-list.js';
import { merkleRoot, NODE_LENGTH, powerOfTwoFrom } from './merkle.js';
import { invalid, type TorrentFile } from './metainfo.js';
import { BLOCK_LENGTH } from './piece-layout.js';

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

/** Adds the files below `folder` to `into`. The limit on the depth of all torrents bounds how deep this goes. */
function addFiles(folder: BencodeDictionary, path: readonly Buffer[], into: TreeFile[]): void {
  if (path.length >= MAX_PATH_ELEMENTS) {
    throw invalid('file tree', `has paths of more than ${MAX_PATH_ELEMENTS} elements`);
  }
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
export function fieldOf(path: readonly Buffer[]): string {
  return `file tree[${path.map((element) => element.toString()).join('/')}]`;
}

/** Whether the file has more than one piece, so that its root alone does not prove each of them. */
export function hasLayer(file: TorrentFile, pieceLength: number): boolean {
  return file.piecesRoot !== undefined && file.length > pieceLength;
}

/** What the layers of a torrent tell, in the fields of `Metainfo`. */
interface ParsedLayers {
  readonly pieceRoots: Buffer;
  readonly missingLayers: readonly number[];
}

/**
 * The roots of all pieces, from the `piece layers` of the .torrent and from the roots of files of one piece. Throws
 * 'torrent-invalid' for a layer that is not of a file of this torrent, or that does not give the file's root.
 */
export function parseLayers(
  root: BencodeDictionary,
  files: readonly TorrentFile[],
  pieceLength: number,
  pieceCount: number,
): ParsedLayers {
  const given = layersOf(root, files, pieceLength);
  const missingLayers: number[] = [];
  let known = pieceCount;
  for (let index = 0; index < files.length; index += 1) {
    const file = files[index] as TorrentFile;
    if (!hasLayer(file, pieceLength)) continue;
    const layer = given.get(keyOf(file));
    const pieces = Math.ceil(file.length / pieceLength);
    if (layer === undefined) {
      missingLayers.push(index);
      known -= pieces;
    } else if (layer.length !== pieces * NODE_LENGTH) throw wrongLayer(file);
  }
  const missing = new Set(missingLayers);
  // A torrent of a few bytes may have files of any length: without their layers they take no room here.
  const pieceRoots = Buffer.alloc(known * NODE_LENGTH);
  const proven = new Set<string>();
  let at = 0;
  for (let index = 0; index < files.length; index += 1) {
    const file = files[index] as TorrentFile;
    if (file.piecesRoot === undefined || missing.has(index)) continue;
    if (!hasLayer(file, pieceLength)) {
      at += file.piecesRoot.copy(pieceRoots, at);
      continue;
    }
    const key = keyOf(file);
    const layer = given.get(key) as Buffer;
    // Files with the same bytes have the same layer, which is proven once.
    if (!proven.has(key) && !isLayerOf(file, layer, pieceLength)) throw wrongLayer(file);
    proven.add(key);
    at += layer.copy(pieceRoots, at);
  }
  return { pieceRoots, missingLayers };
}

function wrongLayer({ path }: TorrentFile): BtgetError {
  return invalid('piece layers', `do not give the pieces root of ${path.join('/')}`);
}

function keyOf({ piecesRoot }: TorrentFile): string {
  return piecesRoot?.toString('latin1') ?? '';
}

/**
 * Whether `layer` has a hash for each piece of the file, and these hashes give the file's root. `layer` may come from a
 * stranger.
 */
export function isLayerOf(file: TorrentFile, layer: Buffer, pieceLength: number): boolean {
  const count = Math.ceil(file.length / pieceLength);
  if (file.piecesRoot === undefined || layer.length !== count * NODE_LENGTH) return false;
  const level = Math.log2(pieceLength / BLOCK_LENGTH);
  return merkleRoot(layer, powerOfTwoFrom(count), level).equals(file.piecesRoot);
}

function layersOf(
  root: BencodeDictionary,
  files: readonly TorrentFile[],
  pieceLength: number,
): ReadonlyMap<string, Buffer> {
  const layers = getDictionary(root, 'piece layers');
  if (layers === undefined) {
    if (root.has('piece layers')) throw invalid('piece layers', 'is not a dictionary');
    return new Map();
  }
  if (layers.size === 0) return new Map();
  const roots = new Map<string, TorrentFile>();
  for (const file of files) if (file.piecesRoot !== undefined) roots.set(file.piecesRoot.toString('latin1'), file);
  const found = new Map<string, Buffer>();
  for (const [key, value] of layers) {
    const file = roots.get(key);
    const layer = asBytes(value);
    if (file === undefined) throw invalid('piece layers', 'has a layer of no file of the torrent');
    if (layer === undefined) throw invalid('piece layers', 'has a layer that is not a string');
    // A layer of one piece is needless, and is the root.
    if (!hasLayer(file, pieceLength) && file.piecesRoot?.equals(layer) !== true) {
      throw invalid('piece layers', `has a wrong layer of ${file.path.join('/')}, which has one piece`);
    }
    found.set(key, layer);
  }
  return found;
}
