/** Describes a torrent as a plain object, which scripts read. */
import { toHex } from '../base/bytes.js';
import { redactText, redactUrl } from '../base/redaction.js';
import { formatMagnet, linkOf } from './magnet.js';
import { contentLength, type Metainfo } from './metainfo.js';

export interface DescribedFile {
  /** The path below the download folder, its elements joined with `/`. */
  readonly path: string;
  /** Bytes. */
  readonly length: number;
  readonly padding: boolean;
  readonly executable: boolean;
  readonly hidden: boolean;
  /** The path that the symbolic link points to, in the form of `path`; null when the file is not a link. */
  readonly symlink: string | null;
  /** The root of the file's hash tree (BEP 52); null in version 1, and for a file without bytes. */
  readonly piecesRoot: string | null;
}

/**
 * What a torrent says. When it does not name a value, a list is empty and another field is null. Hashes are lower-case
 * hexadecimal.
 */
export interface Description {
  readonly name: string;
  readonly version: Metainfo['version'];
  /** 40 digits: the v1 hash, or the beginning of the v2 hash when the torrent is of version 2 alone. */
  readonly infoHash: string;
  /** 64 digits. */
  readonly infoHashV2: string | null;
  /** Bytes of content, without padding. */
  readonly length: number;
  readonly pieceLength: number;
  readonly pieceCount: number;
  readonly files: readonly DescribedFile[];
  readonly trackers: readonly (readonly string[])[];
  /** First those that are asked (BEP 19), then `httpSeeds`. */
  readonly webSeeds: readonly string[];
  /** URLs of scripts (BEP 17), which are not asked. */
  readonly httpSeeds: readonly string[];
  readonly nodes: readonly string[];
  readonly private: boolean;
  readonly comment: string | null;
  readonly createdBy: string | null;
  /** Seconds since 1970. */
  readonly createdAt: number | null;
  /** The same as ISO 8601 in UTC, `2023-11-14T22:13:20Z`; null when it is no time before the year 10000. */
  readonly createdTime: string | null;
  /** The magnet link of the torrent. */
  readonly magnet: string;
}

/** Whether a description holds the secrets of the torrent. */
export type DescribedSecrets =
  /** It leaves out the passkeys and passwords in URLs. */
  | 'hidden'
  /** It keeps them. */
  | 'whole';

/** Describes `metainfo` for scripts. Only 'whole' keeps the secrets in URLs. */
export function describe(metainfo: Metainfo, secrets: DescribedSecrets = 'hidden'): Description {
  const urls = (texts: readonly string[]) => (secrets === 'whole' ? texts : texts.map(redactUrl));
  const text = (value: string | null) => (value === null || secrets === 'whole' ? value : redactText(value));
  return {
    name: metainfo.name,
    version: metainfo.version,
    infoHash: toHex(metainfo.infoHash),
    infoHashV2: metainfo.infoHashV2 === null ? null : toHex(metainfo.infoHashV2),
    length: contentLength(metainfo),
    pieceLength: metainfo.pieceLength,
    pieceCount: metainfo.pieceCount,
    files: metainfo.files.map(({ path, length, padding, executable, hidden, symlink, piecesRoot }) => ({
      path: path.join('/'),
      length,
      padding,
      executable,
      hidden,
      symlink: symlink === null ? null : symlink.join('/'),
      piecesRoot: piecesRoot === undefined ? null : toHex(piecesRoot),
    })),
    trackers: metainfo.trackers.map(urls),
    webSeeds: urls([...new Set([...metainfo.webSeeds, ...metainfo.httpSeeds])]),
    httpSeeds: urls(metainfo.httpSeeds),
    nodes: metainfo.nodes,
    private: metainfo.private,
    comment: text(metainfo.comment),
    createdBy: metainfo.createdBy,
    createdAt: metainfo.createdAt,
    createdTime: timeOf(metainfo.createdAt),
    magnet: shownLink(metainfo, secrets),
  };
}

/** The last second that has a year of four digits. */
const LAST_SECOND = 253_402_300_799;

function timeOf(seconds: number | null): string | null {
  if (seconds === null || !(seconds >= 0 && seconds <= LAST_SECOND)) return null;
  // biome-ignore lint/style/noRestrictedGlobals: it is the calendar that is asked, and not the clock.
  return new Date(Math.floor(seconds) * 1000).toISOString().replace('.000Z', 'Z');
}

/** The magnet link of the torrent, with or without the secrets in its URLs. */
export function shownLink(metainfo: Metainfo, secrets: DescribedSecrets): string {
  const link = formatMagnet(linkOf(metainfo));
  return secrets === 'whole' ? link : redactUrl(link);
}
