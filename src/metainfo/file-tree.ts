/**
 * The file lists of a torrent: the v1 list (BEP 3, BEP 47), which we use, and the v2 tree (BEP 52) of a hybrid torrent,
 * which must agree with it.
 */
import { asBytes, asDictionary, asList, getBytes, getDictionary, getInteger } from '../bencode/access.js';
import type { BencodeDictionary, BencodeValue } from '../bencode/bencode.js';
import { invalid } from './metainfo.js';

/** A file as the v1 list names it. Its path is still raw bytes, and unsafe. */
export interface RawFile {
  /** Path elements below the torrent's folder, or the name of the one file. Empty only for a pad file. */
  readonly path: readonly Buffer[];
  /** Bytes. */
  readonly length: number;
  readonly padding: boolean;
  readonly executable: boolean;
  readonly hidden: boolean;
  /** Path elements of a link's target, as the torrent spells them; null when the file is not a link. */
  readonly target: readonly Buffer[] | null;
}

// Linux refuses paths of 4,096 bytes, so no file that can exist lies much deeper. Bounds what links and folders cost
// us.
const MAX_PATH_ELEMENTS = 255;

// BitComet gives pad files such names, and no attribute.
const BITCOMET_PADDING = '_____padding_file_';

/**
 * The files of the v1 list of `info` in their order, with the attributes of BEP 47. A torrent of a single file gives
 * that one file. `name` is the raw name of the torrent. Throws 'torrent-invalid'.
 */
export function parseFiles(info: BencodeDictionary, name: Buffer): readonly RawFile[] {
  if (!info.has('files')) {
    const attributes = attributesOf(info);
    return [
      {
        path: [name],
        length: lengthOf(info, 'length'),
        padding: false,
        executable: attributes.includes('x'),
        hidden: attributes.includes('h'),
        target: null,
      },
    ];
  }
  const list = asList(info.get('files'));
  if (list === undefined) throw invalid('files', 'is not a list');
  if (list.length === 0) throw invalid('files', 'is empty');
  return list.map((value, index) => parseFile(value, `files[${index}]`));
}

function parseFile(value: BencodeValue, field: string): RawFile {
  const file = asDictionary(value);
  if (file === undefined) throw invalid(field, 'is not a dictionary');
  const attributes = attributesOf(file);
  const target = attributes.includes('l') ? elementsOf(file.get('symlink path')) : undefined;
  // BEP 47 does not name the length of a link. Creators leave it out or write 0.
  const length = target !== undefined && !file.has('length') ? 0 : lengthOf(file, `${field}.length`);
  const path = elementsOf(file.get('path.utf-8')) ?? elementsOf(file.get('path'));
  const padding = attributes.includes('p') || (path?.at(-1)?.toString('latin1').startsWith(BITCOMET_PADDING) ?? false);
  if (path === undefined && (!padding || file.has('path'))) throw invalid(`${field}.path`, 'is not a list of names');
  if (path !== undefined && path.length > MAX_PATH_ELEMENTS) {
    throw invalid(`${field}.path`, `has ${path.length} elements, ${MAX_PATH_ELEMENTS} is the most`);
  }
  return {
    path: path ?? [],
    length,
    padding,
    executable: attributes.includes('x'),
    hidden: attributes.includes('h'),
    // A link with content counts as a file, because its bytes are in the pieces.
    target: target !== undefined && length === 0 && target.length <= MAX_PATH_ELEMENTS ? target : null,
  };
}

function attributesOf(dictionary: BencodeDictionary): string {
  return getBytes(dictionary, 'attr')?.toString('latin1') ?? '';
}

function lengthOf(dictionary: BencodeDictionary, field: string): number {
  const length = getInteger(dictionary, 'length');
  if (length === undefined || length < 0) throw invalid(field, 'is not a number of bytes');
  return length;
}

/** The path elements in `value`; undefined unless it is a list of at least one string and nothing else. */
function elementsOf(value: BencodeValue | undefined): readonly Buffer[] | undefined {
  const list = asList(value);
  if (list === undefined || list.length === 0) return undefined;
  const elements = list.map(asBytes);
  return elements.every((element) => element !== undefined) ? elements : undefined;
}

// BEP 52: "It must be a power of two and at least 16KiB."
const MIN_PIECE_LENGTH = 16 * 1024;

/**
 * Throws 'torrent-invalid' unless both lists name the same files in the same order, and the v1 files are padded so that
 * each begins with a piece, as in v2. If the lists differed, peers that use one info-hash would send data that is wrong
 * for peers that use the other.
 */
export function checkHybrid(info: BencodeDictionary, files: readonly RawFile[], pieceLength: number): void {
  if (pieceLength < MIN_PIECE_LENGTH || !Number.isInteger(Math.log2(pieceLength))) {
    throw invalid('piece length', `${pieceLength} is not a power of two from ${MIN_PIECE_LENGTH} on, as v2 wants it`);
  }
  const tree = getDictionary(info, 'file tree');
  if (tree === undefined) throw invalid('file tree', 'is not a dictionary');
  const expected: TreeFile[] = [];
  flatten(tree, [], expected);
  const actual = files.filter((file) => !file.padding);
  if (actual.length !== expected.length) {
    throw invalid('file tree', `has ${expected.length} files, but the v1 list has ${actual.length}`);
  }
  for (const [index, file] of actual.entries()) {
    if (!isSame(file, expected[index] as TreeFile))
      throw invalid('file tree', `and the v1 list differ in file ${index}`);
  }
  checkAlignment(files, pieceLength);
}

/** Adds the files below `folder` to `into` in the order of the tree, which is the order of the keys' bytes. */
function flatten(folder: BencodeDictionary, path: readonly string[], into: TreeFile[]): void {
  for (const key of [...folder.keys()].sort()) {
    const entry = asDictionary(folder.get(key));
    if (entry === undefined) throw invalid('file tree', 'has an entry that is not a dictionary');
    const properties = getDictionary(entry, '');
    if (properties === undefined) flatten(entry, [...path, key], into);
    else into.push({ path: [...path, key], length: getInteger(properties, 'length') ?? 0 });
  }
}

interface TreeFile {
  /** Raw path elements, as the keys of the tree spell them. */
  readonly path: readonly string[];
  readonly length: number;
}

function isSame(file: RawFile, other: TreeFile): boolean {
  return (
    file.length === other.length &&
    file.path.length === other.path.length &&
    file.path.every((element, i) => element.toString('latin1') === other.path[i])
  );
}

// BEP 52: "Files are mapped into this piece address space so that each non-empty file is aligned to a piece boundary
// and occurs in the same order as in the file tree."
function checkAlignment(files: readonly RawFile[], pieceLength: number): void {
  let begin = 0;
  for (const [index, file] of files.entries()) {
    if (!file.padding && file.length > 0 && begin % pieceLength !== 0) {
      throw invalid(`files[${index}]`, 'does not begin with a piece, as v2 wants it');
    }
    begin += file.length;
  }
}
