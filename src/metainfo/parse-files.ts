/** The v1 file list of `info`: single file or folder, with the attributes of BEP 47. Paths are still raw bytes. */
import { asBytes, asDictionary, asList, getBytes, getInteger } from '../bencode/access.js';
import type { BencodeDictionary, BencodeValue } from '../bencode/bencode.js';
import { invalid } from './invalid.js';

export interface RawFile {
  /** Elements below the torrent's folder, or just the name of the one file. Empty only for a pad file. */
  readonly path: readonly Buffer[];
  readonly length: number;
  readonly padding: boolean;
  readonly executable: boolean;
  readonly hidden: boolean;
  /** Elements of a link's target as the torrent says it; null when the file is no link. */
  readonly target: readonly Buffer[] | null;
}

// Linux refuses paths of 4,096 bytes, so nobody can want a deeper one. Bounds what links and folders cost us.
const MAX_PATH_ELEMENTS = 255;

// BitComet pads files so, without an attribute.
const BITCOMET_PADDING = '_____padding_file_';

/** The files in their order. `name` is the raw name of the torrent. Throws 'torrent-invalid'. */
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
  // BEP 47 does not say how long a link is; creators leave the length out or write 0.
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
    // A link with content is a file: its bytes are in the pieces.
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

/** The path elements, or undefined unless there is at least one and all are strings. */
function elementsOf(value: BencodeValue | undefined): readonly Buffer[] | undefined {
  const list = asList(value);
  if (list === undefined || list.length === 0) return undefined;
  const elements = list.map(asBytes);
  return elements.every((element) => element !== undefined) ? elements : undefined;
}
