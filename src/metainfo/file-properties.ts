/** What a torrent says of one file: an entry of the list of version 1, or of the tree of version 2. */
import type { BencodeReader } from '../bencode/reader.js';

/** What is of another type than it should be is undefined, as if it were absent, but for what `has` tells. */
export interface FileProperties {
  readonly length: number | undefined;
  readonly hasLength: boolean;
  /** `attr` (BEP 47), one character for each byte; empty when it is absent. */
  readonly attributes: string;
  readonly path: readonly Buffer[] | undefined;
  readonly hasPath: boolean;
  /** `symlink path`. */
  readonly target: readonly Buffer[] | undefined;
  /** `pieces root`. */
  readonly root: Buffer | undefined;
}

/** Reads the dictionary that comes next. Strings are views. */
export function fileProperties(reader: BencodeReader): FileProperties {
  let length: number | undefined;
  let hasLength = false;
  let attributes = '';
  let path: readonly Buffer[] | undefined;
  let pathUtf8: readonly Buffer[] | undefined;
  let hasPath = false;
  let target: readonly Buffer[] | undefined;
  let root: Buffer | undefined;
  reader.open();
  while (reader.next() !== 'end') {
    const key = reader.key();
    const kind = reader.next();
    if (key === 'length') hasLength = true;
    if (key === 'path') hasPath = true;
    if (key === 'length' && kind === 'integer') length = reader.integer();
    else if (key === 'path' && kind === 'list') path = elements(reader);
    else if (key === 'path.utf-8' && kind === 'list') pathUtf8 = elements(reader);
    else if (key === 'pieces root' && kind === 'string') root = reader.string();
    else if (key === 'attr' && kind === 'string') attributes = reader.key();
    else if (key === 'symlink path' && kind === 'list') target = elements(reader);
    else reader.skip();
  }
  reader.close();
  return { length, hasLength, attributes, path: pathUtf8 ?? path, hasPath, target, root };
}

/** The path elements of the list that comes next; undefined unless it has at least one string and nothing else. */
function elements(reader: BencodeReader): readonly Buffer[] | undefined {
  const found: Buffer[] = [];
  let isPath = true;
  reader.open();
  while (reader.next() !== 'end') {
    if (reader.next() === 'string') found.push(reader.string());
    else {
      isPath = false;
      reader.skip();
    }
  }
  reader.close();
  return isPath && found.length > 0 ? found : undefined;
}
