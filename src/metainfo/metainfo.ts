import { BtgetError } from '../base/failure.js';

/** What a .torrent says, fully checked. Whoever holds a `Metainfo` need not doubt any of it. */

/** 20 bytes that name a torrent on the wire. */
export type InfoHash = Buffer & { readonly __brand?: 'InfoHash' };

export interface TorrentFile {
  /**
   * Safe path elements below the download folder. The first is the torrent's name; a torrent of one bare file has just
   * that one. No element is empty, `.` or `..`, or holds a separator or a control character. Only a pad file for which
   * the torrent gives no path has one outside the torrent's folder: `.pad` and its length.
   */
  readonly path: readonly string[];
  /**
   * The path as the torrent spells it, byte for byte (see `nameText`), when that is another one than `path` and may be
   * one below the download folder. No element is empty, `.` or `..`, or holds a `/` or a NUL; it may hold anything
   * else. A file that is there already may have this path; no other is given it.
   */
  readonly exactPath?: readonly string[];
  /** Offset of its first byte in the torrent, in bytes. */
  readonly begin: number;
  readonly length: number;
  /** A pad file (BEP 47): counted in pieces, never on the disk. */
  readonly padding: boolean;
  readonly executable: boolean;
  readonly hidden: boolean;
  /** Where the link points: path elements of a file or folder of this torrent, or null when it is no link. */
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
  readonly pieceLength: number;
  readonly pieceCount: number;
  /** SHA-1 hashes one after another, 20 bytes a piece. */
  readonly pieces: Buffer;
  /** All bytes that pieces cover, padding included. */
  readonly length: number;
  readonly files: readonly TorrentFile[];
  /** True when the torrent is a folder, even one of a single file. */
  readonly isFolder: boolean;
  /** Tiers (BEP 12), none of them empty. */
  readonly trackers: readonly (readonly string[])[];
  readonly webSeeds: readonly string[];
  /** DHT nodes as host and port. */
  readonly nodes: readonly string[];
  readonly private: boolean;
  readonly comment: string | null;
  readonly createdBy: string | null;
  /** Seconds since 1970. */
  readonly createdAt: number | null;
}

/** The error for a torrent that is bencoded but says something impossible. `field` names it as the torrent does. */
export function invalid(field: string, why: string): BtgetError {
  return new BtgetError('torrent-invalid', `torrent is not valid: ${field} ${why}`);
}

/** How large a torrent may be: larger ones cost memory and time that nobody asks for in good faith. */

/** Bytes of a whole .torrent. */
export const MAX_TORRENT_LENGTH = 32 * 1024 * 1024;
/** Bytes of a piece. */
export const MAX_PIECE_LENGTH = 512 * 1024 * 1024;
export const MAX_PIECE_COUNT = 2_097_152;
