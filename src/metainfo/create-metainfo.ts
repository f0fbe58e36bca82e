/** Writes .torrent files of version 1: new ones, and those of a torrent that is known already. */
import { nameBytes } from '../base/raw-name.js';
import { type Encodable, encodeBencode } from '../bencode/encode.js';
import { invalid, MAX_PIECE_COUNT, MAX_PIECE_LENGTH, type Metainfo } from './metainfo.js';
import { hasLayer, layerOf } from './v2-tree.js';

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
  /** The name of the one file, or of the folder, as `nameText` spells it. */
  readonly name: string;
  /** A single file, or the files of a folder in the order in which their bytes were hashed (see `inTorrentOrder`). */
  readonly content: { readonly length: number; readonly executable: boolean } | readonly NewFile[];
  /** Bytes. */
  readonly pieceLength: number;
  /** The SHA-1 hashes of all pieces in order, 20 bytes for each. */
  readonly pieces: Buffer;
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

/**
 * The bytes of a new .torrent. The same input always gives the same bytes, and so the same info-hash. Throws
 * 'torrent-invalid' when the files have no content at all.
 */
export function createMetainfo(torrent: NewTorrent): Buffer {
  const { content, pieceLength, pieces } = torrent;
  const files = isFolder(content) ? content : [content];
  const length = files.reduce((sum, file) => sum + file.length, 0);
  if (length === 0) throw invalid('length', 'is 0: there is nothing to share');
  if (pieces.length !== Math.ceil(length / pieceLength) * 20) {
    throw new Error(`${pieces.length} bytes of hashes for ${length} bytes in pieces of ${pieceLength}`);
  }
  const urls = torrent.trackers.flat();
  return encodeBencode(
    dictionary({
      announce: urls[0],
      'announce-list': urls.length > 1 ? torrent.trackers : undefined,
      comment: torrent.comment,
      'created by': torrent.createdBy,
      'creation date': torrent.createdAt,
      info: infoOf(torrent),
      'url-list': torrent.webSeeds.length > 0 ? torrent.webSeeds : undefined,
    }),
  );
}

function infoOf({ name, content, pieceLength, pieces, private: isPrivate, source }: NewTorrent): Encodable {
  const files = isFolder(content) ? content.map(fileOf) : undefined;
  const single = isFolder(content) ? undefined : content;
  return dictionary({
    attr: single?.executable ? 'x' : undefined,
    files,
    length: single?.length,
    name: nameBytes(name),
    'piece length': pieceLength,
    pieces,
    private: isPrivate ? 1 : undefined,
    source,
  });
}

function fileOf({ path, length, executable }: NewFile): Encodable {
  return dictionary({ attr: executable ? 'x' : undefined, length, path: path.map(nameBytes) });
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

function comparePaths(a: readonly Buffer[], b: readonly Buffer[]): number {
  for (const [i, element] of a.entries()) {
    const other = b[i];
    if (other === undefined) return 1;
    const order = Buffer.compare(element, other);
    if (order !== 0) return order;
  }
  return a.length - b.length;
}

const MIN_PIECE_LENGTH = 16 * 1024;
/** With longer pieces peers would wait long before they have anything to share. */
const USUAL_MAX_PIECE_LENGTH = 16 * 1024 * 1024;
/** The hashes of more pieces would make the .torrent larger than small pieces are worth. */
const USUAL_MAX_PIECE_COUNT = 2048;

/**
 * The piece length for a torrent of `length` bytes: the smallest power of two from 16 KiB on that makes at most 2,048
 * pieces. It is at most 16 MiB, unless that would make more pieces than a torrent may have.
 */
export function choosePieceLength(length: number): number {
  let pieceLength = MIN_PIECE_LENGTH;
  while (pieceLength < USUAL_MAX_PIECE_LENGTH && length > pieceLength * USUAL_MAX_PIECE_COUNT) pieceLength *= 2;
  while (pieceLength < MAX_PIECE_LENGTH && length > pieceLength * MAX_PIECE_COUNT) pieceLength *= 2;
  return pieceLength;
}

/**
 * The bytes of a .torrent for `metainfo`, with the piece layers that are known. The info-hash stays the same, because
 * `info` is copied and not encoded again.
 *
 * The info-hash proves such a file, whoever wrote it: `parseMetainfo` hashes the bytes of `info`, which hold the roots
 * of all files, and takes no layer that does not give its file's root. Nothing proves trackers, web seeds and texts.
 */
export function encodeTorrent(metainfo: Metainfo): Buffer {
  const { info, trackers, webSeeds, nodes, comment, createdBy, createdAt } = metainfo;
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
    encodeBencode('info'),
    info,
    ...field('nodes', nodes.length > 0 ? nodes.map(nodePair) : null),
    ...field('piece layers', pieceLayers(metainfo)),
    ...field('url-list', webSeeds.length > 0 ? webSeeds : null),
    Buffer.from('e'),
  ]);
}

/** The known layers by the root of their file; null when the torrent is of version 1, or none is known. */
function pieceLayers({ files, pieceLength, pieceRoots, missingLayers }: Metainfo): ReadonlyMap<string, Buffer> | null {
  if (pieceRoots === null) return null;
  const missing = new Set(missingLayers);
  const layers = new Map<string, Buffer>();
  for (const [index, file] of files.entries()) {
    if (!hasLayer(file, pieceLength) || missing.has(index)) continue;
    layers.set(file.piecesRoot?.toString('latin1') ?? '', layerOf(file, pieceRoots, pieceLength));
  }
  return layers.size === 0 && missing.size > 0 ? null : layers;
}

/** BEP 5: "A list of [host, port] pairs". */
function nodePair(node: string): [host: string, port: number] {
  const colon = node.lastIndexOf(':');
  return [node.slice(0, colon).replace(/^\[|\]$/g, ''), Number(node.slice(colon + 1))];
}
