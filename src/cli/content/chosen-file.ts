import { BtgetError } from '../../base/failure.js';
import type { Metainfo, TorrentFile } from '../../metainfo/metainfo.js';
import { type SelectionRequest, selectFiles } from '../../metainfo/selection.js';

export interface ChosenFile {
  readonly index: number;
  readonly file: TorrentFile;
}

/**
 * The one file that `pattern` means, a number or a glob, among those that are selected; without a pattern the only one
 * that is selected. Throws a 'usage' failure when it is none or several, or a link.
 */
export function chosenFile(metainfo: Metainfo, pattern: string | null, selection: SelectionRequest): ChosenFile {
  const selected = selectFiles(metainfo, selection);
  const meant =
    pattern === null ? selected : selectFiles(metainfo, { select: [pattern], exclude: [], ranges: null }, 'FILE');
  const chosen = [...meant].filter((index) => selected.has(index));
  const [index] = chosen;
  const file = index === undefined ? undefined : metainfo.files[index];
  const said = pattern === null ? '' : ` that ${pattern} means`;
  if (index === undefined || file === undefined)
    throw new BtgetError('usage', `no selected file of ${metainfo.name} is one${said}`);
  if (chosen.length > 1) {
    const hint = 'btget show lists them with their numbers';
    throw new BtgetError('usage', `${metainfo.name} has ${chosen.length} files${said}: say which one (${hint})`);
  }
  if (file.symlink !== null) {
    const target = file.symlink.join('/');
    throw new BtgetError('usage', `${file.path.join('/')} is a link to ${target}: name that file`);
  }
  return { index, file };
}
