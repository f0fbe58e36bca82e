import type { TorrentFile } from '../metainfo/metainfo.js';
import type { TorrentOptions } from './torrent-options.js';

/** Where a file of the torrent is when it is whole, as people would write it: below `dir`, whatever that is relative to. */
export function filePath(
  file: Pick<TorrentFile, 'path'>,
  { dir, outputName }: Pick<TorrentOptions, 'dir' | 'outputName'>,
): string {
  const [name = '', ...below] = file.path;
  const path = [outputName ?? name, ...below].join('/');
  if (dir === '.') return path;
  return dir.endsWith('/') ? dir + path : `${dir}/${path}`;
}
