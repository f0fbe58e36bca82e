/**
 * Piece layers (BEP 52): for each file of more than one piece, the hashes that its pieces must give. The .torrent tells
 * them, or may leave them out, and then they come from elsewhere.
 */
import type { BtgetError } from '../base/failure.js';
import { asBytes, getDictionary } from '../bencode/access.js';
import type { BencodeDictionary } from '../bencode/bencode.js';
import { merkleRoot, NODE_LENGTH, powerOfTwoFrom } from './merkle.js';
import { invalid, type Metainfo, type TorrentFile } from './metainfo.js';
import { BLOCK_LENGTH, rootsByFile } from './piece-layout.js';

/** Whether the file has more than one piece, so that its root alone does not prove each of them. */
function hasLayer(file: TorrentFile, pieceLength: number): boolean {
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

/** The file's root as the key of a dictionary: bytes written as Latin-1. */
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
  for (const file of files) if (file.piecesRoot !== undefined) roots.set(keyOf(file), file);
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

/**
 * The metainfo with piece layers for files of `missingLayers`. `layers` has them by the index of the file. A layer
 * serves all files with the same root, because they have the same bytes. Files of which no layer is given stay missing.
 * Undefined when a layer does not give its file's root: whoever it came from lies.
 */
export function withLayers(metainfo: Metainfo, layers: ReadonlyMap<number, Buffer>): Metainfo | undefined {
  const { files, pieceLength, pieceRoots, missingLayers } = metainfo;
  if (pieceRoots === null) return metainfo;
  const known = new Map<string, Buffer>();
  for (const index of missingLayers) {
    const [file, layer] = [files[index], layers.get(index)];
    if (file?.piecesRoot === undefined || layer === undefined) continue;
    const key = keyOf(file);
    // Equal layers of many files are hashed once.
    if (known.get(key)?.equals(layer) === true) continue;
    if (!isLayerOf(file, layer, pieceLength)) return undefined;
    known.set(key, layer);
  }
  const stillMissing: number[] = [];
  const roots: Buffer[] = [];
  for (const [index, told] of rootsByFile(metainfo)) {
    const found = told ?? known.get(keyOf(files[index] as TorrentFile));
    if (found === undefined) stillMissing.push(index);
    else roots.push(found);
  }
  return { ...metainfo, pieceRoots: Buffer.concat(roots), missingLayers: stillMissing };
}

/** The piece layer of each file that has one and whose layer is not missing, by the index of the file. */
export function knownLayers(metainfo: Metainfo): ReadonlyMap<number, Buffer> {
  const { files, pieceLength } = metainfo;
  const layers = new Map<number, Buffer>();
  for (const [index, roots] of rootsByFile(metainfo)) {
    if (roots !== null && hasLayer(files[index] as TorrentFile, pieceLength)) layers.set(index, roots);
  }
  return layers;
}

/**
 * A hybrid as a torrent that is used by its version 1 alone: nobody tells us its piece layers. It keeps its v2 hash and
 * the roots of its files, which say what it is and not how it is checked. Throws when there is no version 1.
 */
export function withoutV2(metainfo: Metainfo): Metainfo {
  if (metainfo.version !== 'hybrid') throw new Error(`version ${metainfo.version} cannot do without version 2`);
  return { ...metainfo, pieceRoots: null, missingLayers: [] };
}
