/** What a torrent holds, as the plain object that is shown to scripts. */
import { toHex } from '../base/bytes.js';
import { redactText, redactUrl } from '../base/redaction.js';
import { formatMagnet, linkOf } from './magnet.js';
import type { Metainfo } from './metainfo.js';

export interface DescribedFile {
  /** Below the download folder, with `/`. */
  readonly path: string;
  readonly length: number;
  readonly padding: boolean;
  readonly executable: boolean;
  readonly hidden: boolean;
  /** Where the link points, as such a path too, or null when it is no link. */
  readonly symlink: string | null;
}

/** Lists are empty and other fields null when the torrent does not say. Hashes are lower case hexadecimal. */
export interface Description {
  readonly name: string;
  readonly version: Metainfo['version'];
  readonly infoHash: string;
  readonly infoHashV2: string | null;
  /** Bytes of content, padding not counted. */
  readonly length: number;
  readonly pieceLength: number;
  readonly pieceCount: number;
  readonly files: readonly DescribedFile[];
  readonly trackers: readonly (readonly string[])[];
  readonly webSeeds: readonly string[];
  readonly nodes: readonly string[];
  readonly private: boolean;
  readonly comment: string | null;
  readonly createdBy: string | null;
  /** Seconds since 1970. */
  readonly createdAt: number | null;
  /** The link that leads to it. */
  readonly magnet: string;
}

/** Which secrets a description has. */
export type DescribedSecrets =
  /** The passkeys and passwords in the URLs of the torrent are left out. */
  | 'hidden'
  /** All of them stand there. */
  | 'whole';

export function describe(metainfo: Metainfo, secrets: DescribedSecrets = 'hidden'): Description {
  const urls = (texts: readonly string[]) => (secrets === 'whole' ? texts : texts.map(redactUrl));
  const text = (value: string | null) => (value === null || secrets === 'whole' ? value : redactText(value));
  return {
    name: metainfo.name,
    version: metainfo.version,
    infoHash: toHex(metainfo.infoHash),
    infoHashV2: metainfo.infoHashV2 === null ? null : toHex(metainfo.infoHashV2),
    length: metainfo.files.reduce((sum, file) => (file.padding ? sum : sum + file.length), 0),
    pieceLength: metainfo.pieceLength,
    pieceCount: metainfo.pieceCount,
    files: metainfo.files.map(({ path, length, padding, executable, hidden, symlink }) => ({
      path: path.join('/'),
      length,
      padding,
      executable,
      hidden,
      symlink: symlink === null ? null : symlink.join('/'),
    })),
    trackers: metainfo.trackers.map(urls),
    webSeeds: urls(metainfo.webSeeds),
    nodes: metainfo.nodes,
    private: metainfo.private,
    comment: text(metainfo.comment),
    createdBy: metainfo.createdBy,
    createdAt: metainfo.createdAt,
    magnet: shownLink(metainfo, secrets),
  };
}

/** The link that leads to the torrent. */
export function shownLink(metainfo: Metainfo, secrets: DescribedSecrets): string {
  const link = formatMagnet(linkOf(metainfo));
  return secrets === 'whole' ? link : redactUrl(link);
}
