/** The file list of version 1 (BEP 3, BEP 47), and whether it agrees with the tree of version 2 in a hybrid torrent. */
import { getBytes, getInteger } from '../bencode/access.js';
import type { BencodeDictionary } from '../bencode/bencode.js';
import { BencodeReader } from '../bencode/reader.js';
import { fileProperties } from './file-properties.js';
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
export const MAX_PATH_ELEMENTS = 255;

// BitComet gives pad files such names, and no attribute.
const BITCOMET_PADDING = '_____padding_file_';

/**
 * The files of `list`, the bencoded v1 list of `info`, in their order, with the attributes of BEP 47. A torrent of a
 * single file has no list (null), and gives that one file. `name` is the raw name of the torrent. Throws
 * 'torrent-invalid'. There may be a hundred thousand files: nothing is made of the bytes but these.
 */
export function parseFiles(info: BencodeDictionary, list: Buffer | null, name: Buffer): readonly RawFile[] {
  if (list === null) {
    const attributes = getBytes(info, 'attr')?.toString('latin1') ?? '';
    return [
      {
        path: [name],
        length: checkedLength(getInteger(info, 'length'), null),
        padding: false,
        executable: attributes.includes('x'),
        hidden: attributes.includes('h'),
        target: null,
      },
    ];
  }
  const reader = new BencodeReader(list);
  if (reader.next() !== 'list') throw invalid('files', 'is not a list');
  const files: RawFile[] = [];
  reader.open();
  while (reader.next() !== 'end') files.push(parseFile(reader, files.length));
  if (files.length === 0) throw invalid('files', 'is empty');
  return files;
}

function parseFile(reader: BencodeReader, index: number): RawFile {
  if (reader.next() !== 'dictionary') throw invalid(fieldOf(index), 'is not a dictionary');
  const { attributes, path, hasPath, ...found } = fileProperties(reader);
  const target = attributes.includes('l') ? found.target : undefined;
  // BEP 47 does not name the length of a link. Creators leave it out or write 0.
  const length = target !== undefined && !found.hasLength ? 0 : checkedLength(found.length, index);
  const padding = attributes.includes('p') || (path?.at(-1)?.toString('latin1').startsWith(BITCOMET_PADDING) ?? false);
  if (path === undefined && (!padding || hasPath)) throw invalid(`${fieldOf(index)}.path`, 'is not a list of names');
  if (path !== undefined && path.length > MAX_PATH_ELEMENTS) {
    throw invalid(`${fieldOf(index)}.path`, `has ${path.length} elements, ${MAX_PATH_ELEMENTS} is the most`);
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

/** The name of the field of the file with this index. It is made only for a fault: there may be very many files. */
function fieldOf(index: number): string {
  return `files[${index}]`;
}

/** `index` is null for the one file of a torrent that is no folder. */
function checkedLength(length: number | undefined, index: number | null): number {
  if (length === undefined || length < 0)
    throw invalid(index === null ? 'length' : `${fieldOf(index)}.length`, 'is not a number of bytes');
  return length;
}

/**
 * Throws 'torrent-invalid' unless both lists of a hybrid name the same files in the same order, and the v1 files are
 * padded so that each begins with a piece, as in v2. If the lists differed, peers that use one info-hash would send
 * data that is wrong for peers that use the other. `tree` are the files of version 2, `files` those of version 1.
 */
export function checkHybrid(tree: readonly RawFile[], files: readonly RawFile[], pieceLength: number): void {
  const actual = files.filter((file) => !file.padding);
  for (const [index, file] of actual.entries()) {
    const other = tree[index];
    if (other === undefined) throw invalid('file tree', `lacks ${nameOf(file)}, which the v1 list has`);
    if (!isSame(file, other)) throw invalid('file tree', `has ${nameOf(other)} where the v1 list has ${nameOf(file)}`);
  }
  const extra = tree[actual.length];
  if (extra !== undefined) throw invalid('file tree', `has ${nameOf(extra)}, which the v1 list lacks`);
  checkAlignment(files, pieceLength);
}

function nameOf({ path, length, target }: RawFile): string {
  const text = (elements: readonly Buffer[]) => elements.map((element) => element.toString()).join('/');
  return target === null ? `${text(path)} (${length} bytes)` : `${text(path)} -> ${text(target)}`;
}

function isSame(file: RawFile, other: RawFile): boolean {
  return (
    file.length === other.length && areSame(file.path, other.path) && areSame(file.target ?? [], other.target ?? [])
  );
}

function areSame(path: readonly Buffer[], other: readonly Buffer[]): boolean {
  if (path.length !== other.length) return false;
  for (let i = 0; i < path.length; i += 1) if (!path[i]?.equals(other[i] as Buffer)) return false;
  return true;
}

// BEP 52: "Files are mapped into this piece address space so that each non-empty file is aligned to a piece boundary
// and occurs in the same order as in the file tree."
function checkAlignment(files: readonly RawFile[], pieceLength: number): void {
  let begin = 0;
  // Where the next file begins in v2, which counts no piece of padding alone.
  let expected = 0;
  for (const file of files) {
    if (!file.padding && file.length > 0 && begin % pieceLength !== 0) {
      throw invalid('files', `are not aligned: ${nameOf(file)} does not begin with a piece, as v2 wants it`);
    }
    begin += file.length;
    if (!file.padding && file.length > 0) expected = Math.ceil(begin / pieceLength) * pieceLength;
    else if (begin > expected) throw invalid('files', `have a piece of padding alone, which v2 lacks: ${nameOf(file)}`);
  }
}
