/** What becomes of a torrent of version 2 whose metainfo lacks piece layers (BEP 52). */
import { NODE_LENGTH } from './merkle.js';
import type { Metainfo, TorrentFile } from './metainfo.js';
import { hasLayer, isLayerOf } from './v2-tree.js';

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
    const key = file.piecesRoot.toString('latin1');
    // Equal layers of many files are hashed once.
    if (known.get(key)?.equals(layer) === true) continue;
    if (!isLayerOf(file, layer, pieceLength)) return undefined;
    known.set(key, layer);
  }
  const stillMissing: number[] = [];
  const roots: Buffer[] = [];
  for (const [index, told] of rootsByFile(metainfo)) {
    const found = told ?? known.get(files[index]?.piecesRoot?.toString('latin1') ?? '');
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

/** For each file with bytes the roots of its pieces, by the index of the file; null where its layer is missing. */
function* rootsByFile(metainfo: Metainfo): Generator<readonly [file: number, roots: Buffer | null]> {
  const { files, pieceLength, pieceRoots, missingLayers } = metainfo;
  if (pieceRoots === null) return;
  const missing = new Set(missingLayers);
  let at = 0;
  for (const [index, file] of files.entries()) {
    if (file.piecesRoot === undefined) continue;
    const end = at + (missing.has(index) ? 0 : Math.ceil(file.length / pieceLength) * NODE_LENGTH);
    yield [index, end === at ? null : pieceRoots.subarray(at, end)];
    at = end;
  }
}

/**
 * A hybrid as a torrent that is used by its version 1 alone: nobody tells us its piece layers. It keeps its v2 hash and
 * the roots of its files, which say what it is and not how it is checked. Throws when there is no version 1.
 */
export function withoutV2(metainfo: Metainfo): Metainfo {
  if (metainfo.version !== 'hybrid') throw new Error(`version ${metainfo.version} cannot do without version 2`);
  return { ...metainfo, pieceRoots: null, missingLayers: [] };
}
