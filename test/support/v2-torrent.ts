import { sha1, sha256 } from '../../src/base/digest.js';
import { type Encodable, encodeBencode } from '../../src/bencode/encode.js';
import { wireHashes } from '../../src/metainfo/info-hash.js';
import type { Metainfo } from '../../src/metainfo/metainfo.js';
import { parseMetainfo } from '../../src/metainfo/parse-metainfo.js';
import { PieceLayout } from '../../src/metainfo/piece-layout.js';
import { pieceHashes } from './pieces.js';
import type { SampleFile, SampleTorrent } from './sample-torrent.js';
import { seededRandom } from './simulation/seeded-random.js';
import { dictionary, type Fields } from './torrent-bytes.js';

const BLOCK = 16 * 1024;

/** A file of a sample torrent of version 2. It lists no padding: a hybrid gets its pad files by itself. */
export interface V2SampleFile extends Omit<SampleFile, 'padding'> {
  readonly hidden?: boolean;
  /** The file's bytes. Without it, `length` bytes that follow from the path and the seed alone. */
  readonly content?: Buffer;
}

export interface V2SampleOptions {
  readonly seed?: number;
  /** Whether the .torrent tells the piece layers. Unless it is false, it does. */
  readonly layers?: boolean;
  /** Whether a hybrid of several files ends with a pad file. Unless it is false, it does when it must be padded. */
  readonly tailPad?: boolean;
  /** Fields that replace the usual ones in `info` and in the .torrent; undefined leaves a field out. */
  readonly info?: Fields;
  readonly root?: Fields;
}

/** A torrent of version 2, or a hybrid, with its content. */
export interface V2SampleTorrent extends SampleTorrent {
  /** The bytes of the .torrent. */
  readonly torrent: Buffer;
  /** The leaves of a file's hash tree, one for each block of its content and none for padding. By index of the file. */
  leavesOf(file: number): readonly Buffer[];
  /** The piece layer of each file of more than one piece, by index of the file. */
  readonly layers: ReadonlyMap<number, Buffer>;
}

/**
 * A torrent of the files, whose paths begin with the torrent's name; a path of one element makes a torrent of one bare
 * file. The torrent lists them in the order of the tree, so that an index in `files` may name another file than in
 * `metainfo.files`. `content` has zeros for padding, and for the gaps between files. The hash trees are made here in a
 * plain way, with no code of btget, and `metainfo` is read from the bytes. Equal arguments give equal bytes.
 */
export function v2Torrent(
  files: readonly V2SampleFile[],
  pieceLength: number,
  version: '2' | 'hybrid',
  options: V2SampleOptions = {},
): V2SampleTorrent {
  const sorted = [...files].sort((a, b) => comparePaths(a.path.split('/'), b.path.split('/')));
  const contents = sorted.map((file) => contentOf(file, options.seed ?? 1));
  const isFolder = sorted[0]?.path.includes('/') === true;
  const layersByRoot = new Map<string, Buffer>();
  const tree: Tree = new Map();
  const list: Encodable[] = [];
  const v1: Buffer[] = [];
  for (const [index, file] of sorted.entries()) {
    const content = contents[index] as Buffer;
    const fields = fileFields(file, content.length);
    const path = file.path.split('/').slice(isFolder ? 1 : 0);
    const hashes = content.length === 0 ? undefined : hashTree(content, pieceLength);
    if (content.length > pieceLength && hashes !== undefined) {
      layersByRoot.set(hashes.root.toString('latin1'), Buffer.concat(hashes.pieces));
    }
    place(tree, path, dictionary({ ...fields, 'pieces root': hashes?.root }));
    list.push(dictionary({ ...fields, path }));
    const pad = (pieceLength - (content.length % pieceLength)) % pieceLength;
    const isPadded = pad > 0 && isFolder && (index < sorted.length - 1 || options.tailPad !== false);
    v1.push(content, Buffer.alloc(isPadded ? pad : 0));
    if (isPadded) list.push(dictionary({ attr: 'p', length: pad, path: ['.pad', String(pad)] }));
  }
  const single = isFolder ? {} : fileFields(sorted[0] as V2SampleFile, contents[0]?.length ?? 0);
  const ofVersion1: Fields = {
    ...(isFolder ? { files: list } : single),
    pieces: pieceHashes(Buffer.concat(v1), pieceLength),
  };
  const torrent = encodeBencode(
    dictionary({
      info: dictionary({
        'file tree': tree,
        'meta version': 2,
        name: sorted[0]?.path.split('/')[0] ?? 'empty',
        'piece length': pieceLength,
        ...(version === 'hybrid' ? ofVersion1 : {}),
        ...options.info,
      }),
      'piece layers': options.layers === false ? undefined : layersByRoot,
      ...options.root,
    }),
  );
  return withContents(torrent, parseMetainfo(torrent), contents);
}

/** A hybrid as a client sees it that knows one of its versions alone. */
export function halfOf(metainfo: Metainfo, version: '1' | '2'): Metainfo {
  if (version === '1') return { ...metainfo, version, infoHashV2: null, pieceRoots: null };
  const { infoHashV2 } = wireHashes(metainfo);
  if (infoHashV2 === null) throw new Error('not a hybrid');
  const files = metainfo.files.filter(({ padding }) => !padding);
  const length = files.reduce((sum, file) => sum + file.length, 0);
  return { ...metainfo, version, infoHash: infoHashV2, infoHashV1: null, pieces: Buffer.alloc(0), files, length };
}

function withContents(torrent: Buffer, metainfo: Metainfo, contents: readonly Buffer[]): V2SampleTorrent {
  const { pieceLength } = metainfo;
  const layout = new PieceLayout(metainfo);
  const ofFiles = contents.values();
  const bytesByFile = metainfo.files.map(({ padding, length }) =>
    padding ? Buffer.alloc(length) : (ofFiles.next().value as Buffer),
  );
  const last = metainfo.files.at(-1);
  const end = last === undefined ? 0 : last.begin + last.length;
  const content = Buffer.alloc(end);
  for (const [index, { begin }] of metainfo.files.entries()) bytesByFile[index]?.copy(content, begin);
  const fileBytes = (index: number): Buffer => {
    const bytes = bytesByFile[index];
    if (bytes === undefined) throw new Error(`no file ${index}`);
    return bytes;
  };
  const piece: SampleTorrent['piece'] = (index) => {
    const found = layout.pieceIndex(index);
    if (found === undefined) throw new Error(`no piece ${index}`);
    return found;
  };
  const layers = new Map<number, Buffer>();
  for (const [index, bytes] of bytesByFile.entries()) {
    if (metainfo.files[index]?.padding === false && bytes.length > pieceLength)
      layers.set(index, Buffer.concat(hashTree(bytes, pieceLength).pieces));
  }
  return {
    metainfo,
    layout,
    content,
    piece,
    bytesOf: (index) => {
      const begin = layout.beginOf(piece(index));
      return content.subarray(begin, begin + layout.lengthOf(piece(index)));
    },
    fileBytes,
    torrent,
    leavesOf: (file) => leavesOf(fileBytes(file)),
    layers,
  };
}

/** What a file has, for the tree and for the list: its length and its attributes. */
function fileFields(file: V2SampleFile, length: number): Fields {
  const isLink = file.symlink !== undefined;
  const attr = `${file.executable ? 'x' : ''}${file.hidden ? 'h' : ''}${isLink ? 'l' : ''}`;
  const target = file.symlink?.split('/').slice(1);
  return { attr: attr === '' ? undefined : attr, length, 'symlink path': target };
}

type Tree = Map<string, Tree | ReadonlyMap<string, Encodable>>;

function place(tree: Tree, path: readonly string[], properties: ReadonlyMap<string, Encodable>): void {
  let folder = tree;
  for (const element of path) {
    const key = Buffer.from(element).toString('latin1');
    const next = (folder.get(key) as Tree | undefined) ?? new Map();
    folder.set(key, next);
    folder = next;
  }
  folder.set('', properties);
}

function contentOf({ path, length = 0, content }: V2SampleFile, seed: number): Buffer {
  if (content !== undefined) return content;
  return seededRandom(sha1(Buffer.from(`${path}:${seed}`)).readUInt32BE(0)).bytes(length);
}

function leavesOf(content: Buffer): readonly Buffer[] {
  return Array.from({ length: Math.ceil(content.length / BLOCK) }, (_, block) =>
    sha256(content.subarray(block * BLOCK, (block + 1) * BLOCK)),
  );
}

/** The root of the file, and the roots of its pieces. */
function hashTree(content: Buffer, pieceLength: number): { readonly root: Buffer; readonly pieces: readonly Buffer[] } {
  const leaves = leavesOf(content);
  const zeros = Buffer.alloc(32);
  if (content.length <= pieceLength) return { root: rootOf(leaves, zeros), pieces: [] };
  const width = pieceLength / BLOCK;
  const full = (from: readonly Buffer[]): readonly Buffer[] => [...from, ...Array(width - from.length).fill(zeros)];
  const pieces: Buffer[] = [];
  for (let at = 0; at < leaves.length; at += width) pieces.push(rootOf(full(leaves.slice(at, at + width)), zeros));
  return { root: rootOf(pieces, rootOf(full([]), zeros)), pieces };
}

/** The root over the hashes, filled up to a power of two with `filler`. */
function rootOf(hashes: readonly Buffer[], filler: Buffer): Buffer {
  const [first, second] = hashes;
  if (first !== undefined && second === undefined) return first;
  let width = 2;
  while (width < hashes.length) width *= 2;
  const filled = [...hashes, ...Array<Buffer>(width - hashes.length).fill(filler)];
  const half = (nodes: readonly Buffer[]): Buffer => rootOf(nodes, filler);
  return sha256(Buffer.concat([half(filled.slice(0, width / 2)), half(filled.slice(width / 2))]));
}

/** BEP 52 orders the tree by the bytes of each path element. */
function comparePaths(a: readonly string[], b: readonly string[]): number {
  for (const [i, element] of a.entries()) {
    const order = Buffer.compare(Buffer.from(element), Buffer.from(b[i] ?? ''));
    if (order !== 0) return order;
  }
  return a.length - b.length;
}
