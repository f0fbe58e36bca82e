/** The v2 file list (BEP 52) of a hybrid torrent, as far as it must agree with the v1 one that we go by. */
import { asDictionary, getDictionary, getInteger } from '../bencode/access.js';
import type { BencodeDictionary } from '../bencode/bencode.js';
import { invalid } from './invalid.js';
import type { RawFile } from './parse-files.js';

// BEP 52: "It must be a power of two and at least 16KiB."
const MIN_PIECE_LENGTH = 16 * 1024;

interface TreeFile {
  /** Raw elements, as keys. */
  readonly path: readonly string[];
  readonly length: number;
}

/**
 * Throws 'torrent-invalid' unless the two lists name the same files in the same order, and the v1 files are padded so
 * that each begins with a piece, as in v2. A torrent of two contents would make peers of one infoHash fail the others.
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

/** Adds the files below `folder` in the order of the tree, which is that of the keys' bytes. */
function flatten(folder: BencodeDictionary, path: readonly string[], into: TreeFile[]): void {
  for (const key of [...folder.keys()].sort()) {
    const entry = asDictionary(folder.get(key));
    if (entry === undefined) throw invalid('file tree', 'has an entry that is not a dictionary');
    const properties = getDictionary(entry, '');
    if (properties === undefined) flatten(entry, [...path, key], into);
    else into.push({ path: [...path, key], length: getInteger(properties, 'length') ?? 0 });
  }
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
