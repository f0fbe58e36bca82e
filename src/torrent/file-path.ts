import type { TorrentFile } from '../metainfo/metainfo.js';
import type { TorrentOptions } from './torrent-options.js';

/** Where a file of the torrent would be written, as people would say it: below `dir`, whatever that is relative to. */
export function filePath(
  file: Pick<TorrentFile, 'path'>,
  { dir, outputName }: Pick<TorrentOptions, 'dir' | 'outputName'>,
): string {
  const [name = '', ...below] = file.path;
  return inDir([outputName ?? name, ...below].join('/'), dir);
}

/** `path`, which is below `dir`, as people would say it. */
export function inDir(path: string, dir: string): string {
  if (dir === '.') return path;
  return dir.endsWith('/') ? dir + path : `${dir}/${path}`;
}
