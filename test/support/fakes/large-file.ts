import { sha256 } from '../../../src/base/digest.js';
import { powerOfTwoFrom } from '../../../src/metainfo/merkle.js';
import { Subtree } from '../../../src/metainfo/merkle-proof.js';
import type { TorrentFile } from '../../../src/metainfo/metainfo.js';
import { PieceLayout } from '../../../src/metainfo/piece-layout.js';
import { NO_HASHES } from '../pieces.js';
import { HashTrees } from './hash-trees.js';

const BLOCK = 16 * 1024;

/** One file of many blocks that has hashes, but no content. */
export interface LargeFile {
  readonly metainfo: {
    readonly files: readonly TorrentFile[];
    readonly pieceLength: number;
    readonly missingLayers: readonly number[];
  };
  /** As of a torrent that tells its layer. */
  readonly layout: PieceLayout;
  readonly leaves: Buffer;
  readonly layer: Buffer;
  readonly trees: HashTrees;
}

/** A file of so many blocks, in pieces of `width` blocks. */
export function largeFile(blocks: number, width = 1): LargeFile {
  const leaves = Buffer.concat(Array.from({ length: blocks }, (_, at) => sha256(Buffer.from(`leaf ${at}`))));
  const tree = new Subtree(leaves, 0, powerOfTwoFrom(blocks));
  const length = blocks * BLOCK;
  const pieceLength = width * BLOCK;
  const pieceCount = Math.ceil(blocks / width);
  const layer = tree.nodes(Math.log2(width), 0, pieceCount);
  const flags = { padding: false, executable: false, hidden: false, symlink: null };
  const files = [{ path: ['large'], begin: 0, length, piecesRoot: tree.root, ...flags }];
  const common = { ...NO_HASHES, files, pieceLength, length, pieceCount, version: '2' } as const;
  return {
    metainfo: { files, pieceLength, missingLayers: [0] },
    layout: new PieceLayout({ ...common, pieceRoots: layer }),
    leaves,
    layer,
    trees: new HashTrees([tree]),
  };
}
