/** Writes .torrent files: new ones, and those of a torrent that is known already. */
import { nameBytes } from '../base/raw-name.js';
import { type Encodable, encodeBencode } from '../bencode/encode.js';
import { alignedPieceCount, padLengths } from './aligned-files.js';
import { V1_HASH_LENGTH } from './info-hash.js';
import { knownLayers } from './layers.js';
import { NODE_LENGTH } from './merkle.js';
import { invalid, MAX_PIECE_COUNT, MAX_TORRENT_LENGTH, type Metainfo } from './metainfo.js';
import { comparePaths, NewTree, type NewTreeFile } from './new-tree.js';
import { parseMetainfo } from './parse-metainfo.js';

export const META_VERSIONS: readonly Metainfo['version'][] = ['1', '2', 'hybrid'];

/** A file of a new torrent that is a folder. */
export interface NewFile {
  /** Path elements below the torrent's folder, as `nameText` spells them. */
  readonly path: readonly string[];
  /** Bytes. */
  readonly length: number;
  readonly executable: boolean;
}

/** What a new torrent says. No field is optional, so that the caller decides about each of them. */
export interface NewTorrent {
  /** Which versions of BitTorrent it speaks. A hybrid speaks both. */
  readonly metaVersion: Metainfo['version'];
  /** The name of the one file, or of the folder, as `nameText` spells it. */
  readonly name: string;
  /**
   * A single file, or the files of a folder in the order in which their bytes were hashed. For version 2 and hybrids
   * that order is `inTorrentOrder`.
   */
  readonly content: { readonly length: number; readonly executable: boolean } | readonly NewFile[];
  /** Bytes. For version 2 and hybrids a power of two from 16 KiB on. */
  readonly pieceLength: number;
  /**
   * The SHA-1 hashes of all pieces in order, 20 bytes for each; empty for version 2. For a hybrid each file with
   * bytes begins a piece, and zeros fill the piece that a file ends in (see `padLengths`).
   */
  readonly pieces: Buffer;
  /**
   * For each piece the root of its part of its file's hash tree, 32 bytes for each, as in `Metainfo`; null for version
   * 1.
   */
  readonly pieceRoots: Buffer | null;
  /** Tiers of URLs (BEP 12); may be empty. */
  readonly trackers: readonly (readonly string[])[];
  readonly webSeeds: readonly string[];
  readonly private: boolean;
  /** Gives the torrent another info-hash than the same files have on other trackers. Private trackers ask for it. */
  readonly source: string | null;
  readonly comment: string | null;
  readonly createdBy: string | null;
  /** Seconds since 1970; null when the bytes must not depend on the time. */
  readonly createdAt: number | null;
}

/** A new torrent whose bytes are not hashed yet. */
export type UnhashedTorrent = Omit<NewTorrent, 'pieces' | 'pieceRoots'>;

/**
 * The bytes of a new .torrent. The same input always gives the same bytes, and so the same info-hash. Throws
 * 'torrent-invalid' when the files have no content at all, or when version 2 cannot say what they are.
 */
export function createMetainfo(torrent: NewTorrent): Buffer {
  const { pieceRoots } = torrent;
  const lengths = lengthsOf(torrent.content);
  const length = lengths.reduce((sum, each) => sum + each, 0);
  if (length === 0) throw invalid('length', 'is 0: there is nothing to share');
  checkHashes(torrent, length);
  const urls = torrent.trackers.flat();
  const v2 = pieceRoots === null ? null : new NewTree(treeFiles(torrent), torrent.pieceLength, pieceRoots);
  return encodeBencode(
    dictionary({
      announce: urls[0],
      'announce-list': urls.length > 1 ? torrent.trackers : undefined,
      comment: torrent.comment,
      'created by': torrent.createdBy,
      'creation date': torrent.createdAt,
      info: infoOf(torrent, lengths, v2),
      'piece layers': v2?.layers,
      'url-list': torrent.webSeeds.length > 0 ? torrent.webSeeds : undefined,
    }),
  );
}

/**
 * Bytes. Only content of at least this length is tried before it is hashed: less is hashed sooner than a torrent of
 * many files is tried, and the refusal may come after that.
 */
const LONG_WORK = 4 * 1024 ** 3;

/**
 * Throws 'torrent-invalid' when a torrent of these files would be beyond the limits of `parseMetainfo`, as far as this
 * can be known before their bytes are hashed, and when hashing them takes long. Files of one length are taken for
 * equal, so that they share a layer: the .torrent may become longer than what is checked here.
 */
export function checkBeforeHashing(torrent: UnhashedTorrent): void {
  const { metaVersion, content, pieceLength } = torrent;
  const lengths = lengthsOf(content);
  const pieceCount = pieceCountOf(torrent);
  // So many hashes might not fit into our memory.
  if (pieceCount > MAX_PIECE_COUNT) throw invalid('pieces', `would be ${pieceCount}, ${MAX_PIECE_COUNT} is the most`);
  const least = leastHashesLength(torrent);
  if (least > MAX_TORRENT_LENGTH) {
    throw invalid('the file', `would have at least ${least} bytes, ${MAX_TORRENT_LENGTH} is the most`);
  }
  if (lengths.reduce((sum, length) => sum + length, 0) < LONG_WORK) return;
  const pieces = Buffer.alloc(metaVersion === '2' ? 0 : pieceCount * V1_HASH_LENGTH);
  const pieceRoots =
    metaVersion === '1' ? null : Buffer.concat(lengths.map((length) => standInRoots(length, pieceLength)));
  parseMetainfo(createMetainfo({ ...torrent, pieces, pieceRoots }));
}

/** Bytes of hashes in a .torrent, when files of one length share a layer. */
function leastHashesLength(torrent: Pieced): number {
  const { metaVersion, content, pieceLength } = torrent;
  const layers = [...new Set(lengthsOf(content))].filter((length) => length > pieceLength);
  const roots = metaVersion === '1' ? 0 : alignedPieceCount(layers, pieceLength);
  return roots * NODE_LENGTH + hashesDue(torrent).pieces;
}

/** Stands for the roots of the pieces of a file of `length` bytes. */
function standInRoots(length: number, pieceLength: number): Buffer {
  const root = Buffer.alloc(NODE_LENGTH);
  root.writeDoubleBE(length);
  return Buffer.alloc(Math.ceil(length / pieceLength) * NODE_LENGTH, root);
}

type Pieced = Pick<NewTorrent, 'metaVersion' | 'content' | 'pieceLength'>;

function pieceCountOf({ metaVersion, content, pieceLength }: Pieced): number {
  const lengths = lengthsOf(content);
  if (metaVersion !== '1') return alignedPieceCount(lengths, pieceLength);
  return Math.ceil(lengths.reduce((sum, length) => sum + length, 0) / pieceLength);
}

/** The bytes of hashes that a torrent of this content must have; null where it must have no such hashes. */
export function hashesDue(torrent: Pieced): { readonly pieces: number; readonly pieceRoots: number | null } {
  const { metaVersion } = torrent;
  const count = pieceCountOf(torrent);
  return {
    pieces: metaVersion === '2' ? 0 : count * V1_HASH_LENGTH,
    pieceRoots: metaVersion === '1' ? null : count * NODE_LENGTH,
  };
}

function checkHashes(torrent: NewTorrent, length: number): void {
  const { pieceLength, pieces, pieceRoots } = torrent;
  const due = hashesDue(torrent);
  const given = { pieces: pieces.length, pieceRoots: pieceRoots?.length ?? null };
  if (given.pieces === due.pieces && given.pieceRoots === due.pieceRoots) return;
  const bytes = given.pieces + (given.pieceRoots ?? 0);
  throw new Error(`${bytes} bytes of hashes for ${length} bytes in pieces of ${pieceLength}`);
}

function lengthsOf(content: NewTorrent['content']): readonly number[] {
  return isFolder(content) ? content.map(({ length }) => length) : [content.length];
}

function infoOf(torrent: NewTorrent, lengths: readonly number[], v2: NewTree | null): Encodable {
  const { metaVersion, name, content, pieceLength, pieces, private: isPrivate, source } = torrent;
  const hasV1 = metaVersion !== '2';
  const pads = v2 === null ? lengths.map(() => 0) : padLengths(lengths, pieceLength);
  const files = isFolder(content) ? content.flatMap((file, i) => [fileOf(file), ...padOf(pads[i] ?? 0)]) : undefined;
  const single = isFolder(content) ? undefined : content;
  return dictionary({
    attr: hasV1 && single?.executable ? 'x' : undefined,
    'file tree': v2?.tree,
    files: hasV1 ? files : undefined,
    length: hasV1 ? single?.length : undefined,
    'meta version': v2 === null ? undefined : 2,
    name: nameBytes(name),
    'piece length': pieceLength,
    pieces: hasV1 ? pieces : undefined,
    private: isPrivate ? 1 : undefined,
    source,
  });
}

function fileOf({ path, length, executable }: NewFile): Encodable {
  return dictionary({ attr: executable ? 'x' : undefined, length, path: path.map(nameBytes) });
}

/** No list of one or none: the pad file of so many bytes, with the path that BEP 47 recommends. */
function padOf(length: number): readonly Encodable[] {
  return length === 0 ? [] : [dictionary({ attr: 'p', length, path: ['.pad', String(length)] })];
}

/** The files as the tree has them. Throws 'torrent-invalid' for what the tree cannot say. */
function treeFiles({ name, content }: NewTorrent): readonly NewTreeFile[] {
  if (!isFolder(content)) return [{ ...content, path: [nameBytes(name)] }];
  const files = content.map((file) => ({ ...file, path: file.path.map(nameBytes) }));
  const [first] = files;
  if (files.length === 1 && first?.path.length === 1 && first.path[0]?.equals(nameBytes(name)) === true) {
    const why = 'is that of the folder and of its only file: version 2 cannot tell them from a file without a folder';
    throw invalid('name', `${why}; give one of them another name, or make version 1`);
  }
  return files;
}

/** A bencode dictionary of the fields that are neither null nor undefined. */
function dictionary(fields: Readonly<Record<string, Encodable | null | undefined>>): ReadonlyMap<string, Encodable> {
  const entries = Object.entries(fields);
  return new Map(entries.filter((entry): entry is [string, Encodable] => entry[1] !== null && entry[1] !== undefined));
}

function isFolder(content: NewTorrent['content']): content is readonly NewFile[] {
  return Array.isArray(content);
}

/** The files sorted by the bytes of their paths, element by element, as v2 demands. Callers sort before they hash. */
export function inTorrentOrder<T extends { readonly path: readonly string[] }>(files: readonly T[]): readonly T[] {
  return files
    .map((file) => ({ file, key: file.path.map(nameBytes) }))
    .sort((a, b) => comparePaths(a.key, b.key))
    .map(({ file }) => file);
}

/**
 * The bytes of a .torrent for `metainfo`, with the piece layers that are known. The info-hash stays the same, because
 * `info` is copied and not encoded again.
 *
 * The info-hash proves such a file, whoever wrote it: `parseMetainfo` hashes the bytes of `info`, which hold the roots
 * of all files, and takes no layer that does not give its file's root. Nothing proves trackers, web seeds and texts.
 */
export function encodeTorrent(metainfo: Metainfo): Buffer {
  const { info, trackers, webSeeds, httpSeeds, nodes, comment, createdBy, createdAt } = metainfo;
  const urls = trackers.flat();
  const field = (key: string, value: Parameters<typeof encodeBencode>[0] | null | undefined): Buffer[] =>
    value === null || value === undefined ? [] : [encodeBencode(key), encodeBencode(value)];
  // BEP 3: "Keys must be strings and appear in sorted order (sorted as raw strings, not alphanumerics)."
  return Buffer.concat([
    Buffer.from('d'),
    ...field('announce', urls[0]),
    ...field('announce-list', urls.length > 1 ? trackers : null),
    ...field('comment', comment),
    ...field('created by', createdBy),
    ...field('creation date', createdAt),
    ...field('httpseeds', httpSeeds.length > 0 ? httpSeeds : null),
    encodeBencode('info'),
    info,
    ...field('nodes', nodes.length > 0 ? nodes.map(nodePair) : null),
    ...field('piece layers', pieceLayers(metainfo)),
    ...field('url-list', webSeeds.length > 0 ? webSeeds : null),
    Buffer.from('e'),
  ]);
}

/** The known layers by the root of their file; null when the torrent is of version 1, or none is known. */
function pieceLayers(metainfo: Metainfo): ReadonlyMap<string, Buffer> | null {
  if (metainfo.pieceRoots === null) return null;
  const layers = new Map<string, Buffer>();
  for (const [index, layer] of knownLayers(metainfo)) {
    layers.set(metainfo.files[index]?.piecesRoot?.toString('latin1') ?? '', layer);
  }
  return layers.size === 0 && metainfo.missingLayers.length > 0 ? null : layers;
}

/** BEP 5: "A list of [host, port] pairs". */
function nodePair(node: string): [host: string, port: number] {
  const colon = node.lastIndexOf(':');
  return [node.slice(0, colon).replace(/^\[|\]$/g, ''), Number(node.slice(colon + 1))];
}
