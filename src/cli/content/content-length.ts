import type { Metainfo } from '../../metainfo/metainfo.js';

/** Bytes that the torrent's files have on a disk: padding is counted in pieces only. */
export function contentLength({ files }: Pick<Metainfo, 'files'>): number {
  return files.reduce((sum, file) => sum + (file.padding ? 0 : file.length), 0);
}
