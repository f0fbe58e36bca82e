import type { Metainfo } from '../../metainfo/metainfo.js';
import type { TorrentOptions } from '../torrent-options.js';

/**
 * The files of `missingLayers` whose layers must be here before the content begins, by index. A download needs those of
 * its wanted files. A seed begins with what it can prove by itself. It needs only the layers of files that have bytes
 * on the disk: when it can prove none of the files that are there, and in a hybrid, whose version 1 proves each piece
 * when nobody gives them.
 *
 * `present`: the files that have bytes on the disk; null while a seed does not know, and then it needs none yet.
 */
export function neededLayers(
  { version, missingLayers }: Pick<Metainfo, 'version' | 'missingLayers'>,
  wanted: ReadonlySet<number>,
  mode: TorrentOptions['mode'],
  present: ReadonlySet<number> | null,
): readonly number[] {
  const missing = missingLayers.filter((file) => wanted.has(file));
  if (mode === 'download') return missing;
  if (present === null) return [];
  const unproved = missing.filter((file) => present.has(file));
  if (version === 'hybrid') return unproved;
  const lacking = new Set(missing);
  const mayServe = [...wanted].some((file) => present.has(file) && !lacking.has(file));
  return mayServe ? [] : unproved;
}
