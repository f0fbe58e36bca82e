/** What becomes of a torrent of version 2 whose metainfo lacks piece layers (BEP 52). */
import type { Metainfo } from './metainfo.js';
import { hasLayer, isLayerOf, layerOf } from './v2-tree.js';

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
  const complete = Buffer.from(pieceRoots);
  const stillMissing = missingLayers.filter((index) => {
    const file = files[index];
    const layer = known.get(file?.piecesRoot?.toString('latin1') ?? '');
    if (file === undefined || layer === undefined) return true;
    layer.copy(layerOf(file, complete, pieceLength));
    return false;
  });
  return { ...metainfo, pieceRoots: complete, missingLayers: stillMissing };
}

/** The piece layer of each file that has one and whose layer is not missing, by the index of the file. */
export function knownLayers({ files, pieceLength, pieceRoots, missingLayers }: Metainfo): ReadonlyMap<number, Buffer> {
  const layers = new Map<number, Buffer>();
  if (pieceRoots === null) return layers;
  const missing = new Set(missingLayers);
  for (const [index, file] of files.entries()) {
    if (hasLayer(file, pieceLength) && !missing.has(index)) layers.set(index, layerOf(file, pieceRoots, pieceLength));
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
