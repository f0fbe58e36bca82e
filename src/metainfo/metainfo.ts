/** What a .torrent says. A `Metainfo` is fully checked, so no code that has one needs to check any of it again. */
import { BtgetError } from '../base/failure.js';

/** 20 bytes by which peers and trackers know a torrent. */
export type InfoHash = Buffer & { readonly __brand?: 'InfoHash' };

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
  /** Offset of the file's first byte in the torrent. */
  readonly begin: number;
  /** Bytes. */
  readonly length: number;
  /** A pad file (BEP 47): its bytes are part of pieces, but the file is never on the disk. */
  readonly padding: boolean;
  readonly executable: boolean;
  readonly hidden: boolean;
  /** For a link, the path elements of the file or folder of this torrent that it points to; null for other files. */
  readonly symlink: readonly string[] | null;
}

export interface Metainfo {
  readonly version: '1' | 'hybrid';
  readonly name: string;
  /** SHA-1 over the original bytes of `info`. */
  readonly infoHash: InfoHash;
  /** SHA-256 over the original bytes of `info`, 32 bytes; null unless the torrent is a hybrid. */
  readonly infoHashV2: Buffer | null;
  /** The original bytes of `info`. */
  readonly info: Buffer;
  /** Bytes of each piece but the last, which may be shorter. */
  readonly pieceLength: number;
  readonly pieceCount: number;
  /** The SHA-1 hashes of all pieces in order, 20 bytes for each. */
  readonly pieces: Buffer;
  /** Bytes of all pieces, with padding. */
  readonly length: number;
  readonly files: readonly TorrentFile[];
  /** True when the torrent is a folder, even a folder of a single file. */
  readonly isFolder: boolean;
  /** Tiers of URLs (BEP 12), none of them empty. */
  readonly trackers: readonly (readonly string[])[];
  /** URLs (BEP 19). */
  readonly webSeeds: readonly string[];
  /** DHT nodes (BEP 5) as `host:port`, with IPv6 addresses in brackets. */
  readonly nodes: readonly string[];
  readonly private: boolean;
  readonly comment: string | null;
  readonly createdBy: string | null;
  /** Seconds since 1970. */
  readonly createdAt: number | null;
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
