/** What a .torrent says. A `Metainfo` is fully checked, so no code that has one needs to check any of it again. */
import { BtgetError } from '../base/failure.js';
import type { InfoHash, InfoHashV1, InfoHashV2 } from './info-hash.js';

export interface TorrentFile {
  /**
   * Safe path elements below the download folder. The first element is the torrent's name; a torrent of one bare file
   * has only this element. No element is empty, `.` or `..`, and none holds a separator or a control character. Only a
   * pad file without a path in the torrent has a path outside the torrent's folder: `.pad` and its length.
   */
  readonly path: readonly string[];
  /**
   * The path as the torrent spells it, byte for byte (see `nameText`). It is there when it differs from `path` and can
   * be a path below the download folder. No element is empty, `.` or `..`, and none holds a `/` or a NUL; all else may
   * occur. We read a file that already has this path, but make no file with it.
   */
  readonly exactPath?: readonly string[];
  /**
   * Offset of the file's first byte in the torrent. In a torrent of version 2 alone each file with bytes begins a
   * piece, so that there may be a gap between two files: padding that is nowhere listed.
   */
  readonly begin: number;
  /** Bytes. */
  readonly length: number;
  /** A pad file (BEP 47): its bytes are part of pieces, but the file is never on the disk. */
  readonly padding: boolean;
  readonly executable: boolean;
  readonly hidden: boolean;
  /** For a link, the path elements of the file or folder of this torrent that it points to; null for other files. */
  readonly symlink: readonly string[] | null;
  /** The root of the file's hash tree, 32 bytes (BEP 52). Absent for a file of version 1, and for one without bytes. */
  readonly piecesRoot?: Buffer;
}

export interface Metainfo {
  readonly version: '1' | '2' | 'hybrid';
  readonly name: string;
  /** The info-hash by which we name the torrent to ourselves: that of v1 when it has one. */
  readonly infoHash: InfoHash;
  /** Null when the torrent is of version 2 alone. */
  readonly infoHashV1: InfoHashV1 | null;
  /** Null when the torrent is of version 1 alone. */
  readonly infoHashV2: InfoHashV2 | null;
  /** The original bytes of `info`. */
  readonly info: Buffer;
  /** Bytes of each piece but the last, which may be shorter. */
  readonly pieceLength: number;
  readonly pieceCount: number;
  /** The SHA-1 hashes of all pieces in order, 20 bytes for each. Empty when the torrent is of version 2 alone. */
  readonly pieces: Buffer;
  /**
   * For each piece the root of its part of its file's hash tree, 32 bytes for each, in order. The pieces of
   * `missingLayers` are left out. Null for version 1, and for a hybrid of which only version 1 is used.
   */
  readonly pieceRoots: Buffer | null;
  /**
   * Files whose piece layer nobody has told yet, by index: it is made of the file or comes from peers. Without it no
   * piece of the file can be proved. Empty for version 1. A file of one piece needs no layer.
   */
  readonly missingLayers: readonly number[];
  /** Bytes of all pieces: with the padding that version 1 lists, without that of version 2. */
  readonly length: number;
  readonly files: readonly TorrentFile[];
  /** True when the torrent is a folder, even a folder of a single file. */
  readonly isFolder: boolean;
  /** Tiers of URLs (BEP 12), none of them empty. */
  readonly trackers: readonly (readonly string[])[];
  /** URLs (BEP 19). */
  readonly webSeeds: readonly string[];
  /** URLs of scripts (BEP 17). They are shown and written, and never asked. */
  readonly httpSeeds: readonly string[];
  /** DHT nodes (BEP 5) as `host:port`, with IPv6 addresses in brackets. */
  readonly nodes: readonly string[];
  readonly private: boolean;
  readonly comment: string | null;
  readonly createdBy: string | null;
  /** Seconds since 1970. */
  readonly createdAt: number | null;
}

/** The bytes that the torrent's files take on a disk. Padding counts in pieces only. */
export function contentLength({ files }: Pick<Metainfo, 'files'>): number {
  return files.reduce((sum, file) => sum + (file.padding ? 0 : file.length), 0);
}

/**
 * The error for a torrent that is bencoded but says something impossible. `field` is the name of the wrong field in the
 * torrent, and `why` goes on with the sentence.
 */
export function invalid(field: string, why: string): BtgetError {
  return new BtgetError('torrent-invalid', `torrent is not valid: ${field} ${why}`);
}

// Larger torrents would cost us memory and time that no honest torrent needs.

/** The greatest length of a .torrent in bytes. */
export const MAX_TORRENT_LENGTH = 32 * 1024 * 1024;
/** The greatest length of a piece in bytes. */
export const MAX_PIECE_LENGTH = 512 * 1024 * 1024;
export const MAX_PIECE_COUNT = 2_097_152;
