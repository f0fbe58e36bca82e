/** Finds the names in a torrent that other machines will see changed. */
import type { Metainfo } from './metainfo.js';

/** A file or folder that gets another name where it is written. */
export interface ChangedName {
  /** Elements as the torrent spells them (see `nameText`). */
  readonly from: readonly string[];
  /** Elements as every btget writes them. */
  readonly to: readonly string[];
}

/** The topmost names that change, each once and in order. Pad files are never written. */
export function changedNames({ files }: Pick<Metainfo, 'files'>): readonly ChangedName[] {
  const changed = new Map<string, ChangedName>();
  for (const { path, exactPath, padding } of files) {
    if (padding || exactPath === undefined) continue;
    const at = path.findIndex((name, element) => name !== exactPath[element]);
    const from = exactPath.slice(0, at + 1);
    const key = from.join('/');
    if (!changed.has(key)) changed.set(key, { from, to: path.slice(0, at + 1) });
  }
  return [...changed.values()];
}
