import { sha1 } from '../../src/base/digest.js';
import { infoHashV1 } from '../../src/metainfo/info-hash.js';
import type { Metainfo, TorrentFile } from '../../src/metainfo/metainfo.js';
import { type PieceIndex, PieceLayout } from '../../src/metainfo/piece-layout.js';
import { pieceHashes } from './pieces.js';
import { seededRandom } from './simulation/seeded-random.js';

/** A file of a sample torrent. Absent fields are 0 or false. */
export interface SampleFile {
  /** With `/` between its elements. */
  readonly path: string;
  readonly length?: number;
  readonly padding?: boolean;
  readonly executable?: boolean;
  readonly symlink?: string;
}

/** A torrent with its content. */
export interface SampleTorrent {
  readonly metainfo: Metainfo;
  readonly layout: PieceLayout;
  /** All bytes of the torrent, with zeros for padding. */
  readonly content: Buffer;
  piece(index: number): PieceIndex;
  /** The right bytes of a piece. */
  bytesOf(index: number): Buffer;
  /** The right bytes of a file. */
  fileBytes(file: number): Buffer;
}

/** Equal arguments give equal bytes. */
export function sampleTorrent(samples: readonly SampleFile[], pieceLength: number, seed = 1): SampleTorrent {
  const random = seededRandom(seed);
  let length = 0;
  const files = samples.map((sample): TorrentFile => {
    const file: TorrentFile = {
      path: sample.path.split('/'),
      begin: length,
      length: sample.length ?? 0,
      padding: sample.padding ?? false,
      executable: sample.executable ?? false,
      hidden: false,
      symlink: sample.symlink?.split('/') ?? null,
    };
    length += file.length;
    return file;
  });
  const content = Buffer.concat(
    files.map((file) => (file.padding ? Buffer.alloc(file.length) : random.bytes(file.length))),
  );
  const pieceCount = Math.ceil(length / pieceLength);
  const cut = (index: number): Buffer => content.subarray(index * pieceLength, (index + 1) * pieceLength);
  const pieces = pieceHashes(content, pieceLength);
  const metainfo: Metainfo = {
    version: '1',
    name: files[0]?.path[0] ?? 'empty',
    infoHash: sha1(pieces),
    infoHashV1: infoHashV1(sha1(pieces)),
    infoHashV2: null,
    info: Buffer.alloc(0),
    pieceLength,
    pieceCount,
    pieces,
    pieceRoots: null,
    missingLayers: [],
    length,
    files,
    isFolder: (files[0]?.path.length ?? 0) > 1,
    trackers: [],
    webSeeds: [],
    httpSeeds: [],
    nodes: [],
    private: false,
    comment: null,
    createdBy: null,
    createdAt: null,
  };
  const layout = new PieceLayout(metainfo);
  return {
    metainfo,
    layout,
    content,
    piece: (index) => {
      const piece = layout.pieceIndex(index);
      if (piece === undefined) throw new Error(`no piece ${index}`);
      return piece;
    },
    bytesOf: cut,
    fileBytes: (index) => {
      const file = files[index];
      if (file === undefined) throw new Error(`no file ${index}`);
      return content.subarray(file.begin, file.begin + file.length);
    },
  };
}
