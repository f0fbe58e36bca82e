/** Shows people what a torrent holds: its facts, and its files as a tree. */
import { toHex } from '../../base/bytes.js';
import { type DescribedSecrets, type Description, describe } from '../../metainfo/describe.js';
import { contentLength, type Metainfo, type TorrentFile } from '../../metainfo/metainfo.js';
import { printable } from './escape.js';
import { formatCount, formatSize } from './format.js';

type TreeEntry =
  | { readonly kind: 'folder'; readonly name: string; readonly folder: Folder }
  | { readonly kind: 'file'; readonly name: string; readonly file: TorrentFile; readonly number: number };

interface Folder {
  /** In the torrent's order. */
  readonly entries: TreeEntry[];
  readonly folders: Map<string, Folder>;
}

/** Deeper folders are not indented any further, because a hostile torrent could make us print gigabytes of blanks. */
const MAX_INDENTED = 32;

/** No line holds a line break. Files are numbered from 1 in the torrent's order, as `--select` takes the numbers. */
export function describeForPeople(metainfo: Metainfo, secrets: DescribedSecrets): string[] {
  const described = describe(metainfo, secrets);
  const { trackers, webSeeds, httpSeeds, comment, magnet } = described;
  const files = metainfo.files.filter((file) => !file.padding);
  const length = contentLength(metainfo);
  const exact = length < 1024 ? '' : ` (${length.toLocaleString('en-US')} bytes)`;
  return [
    printable(metainfo.name),
    ...facts([
      ['size', [`${formatSize(length)}${exact} in ${formatCount(files.length, 'file')}`]],
      ['version', metainfo.version === '1' ? [] : [metainfo.version === '2' ? '2' : 'hybrid (1 and 2)']],
      ['info-hash', metainfo.infoHashV1 === null ? [] : [toHex(metainfo.infoHashV1)]],
      ['info-hash v2', metainfo.infoHashV2 === null ? [] : [toHex(metainfo.infoHashV2)]],
      ['pieces root', files.length === 1 ? files.flatMap(({ piecesRoot }) => piecesRoot ?? []).map(toHex) : []],
      ['pieces', [`${metainfo.pieceCount.toLocaleString('en-US')} of ${formatSize(metainfo.pieceLength)}`]],
      ['private', metainfo.private ? ['yes'] : []],
      ['comment', comment === null ? [] : [comment]],
      ['created', created(described)],
      ['trackers', trackers.map((tier) => tier.join(' or '))],
      ['web seeds', webSeeds.slice(0, metainfo.webSeeds.length)],
      ['http seeds', httpSeeds],
      ['nodes', metainfo.nodes],
      ['magnet link', [magnet]],
    ]),
    '',
    ...tree(files),
  ];
}

function facts(rows: readonly (readonly [name: string, values: readonly string[]])[]): string[] {
  return rows.flatMap(([name, values]) =>
    values.map((value, index) => `  ${(index === 0 ? name : '').padEnd(13)} ${printable(value)}`),
  );
}

function created({ createdTime, createdBy }: Description): string[] {
  const when = createdTime === null ? '' : `${createdTime.slice(0, 16).replace('T', ' ')} UTC`;
  const all = [when, createdBy === null ? '' : `by ${createdBy}`].filter((part) => part !== '').join(' ');
  return all === '' ? [] : [all];
}

function tree(files: readonly TorrentFile[]): string[] {
  const numberWidth = String(files.length).length + 2;
  const lines: string[] = [];
  const line = (number: string, size: string, text: string): void => {
    lines.push(`${number.padStart(numberWidth)}  ${size.padStart(8)}  ${text}`);
  };
  // A stack of our own, because folders may be nested deeper than calls can be.
  const open = [{ entries: buildTree(files).entries, indent: '', next: 0 }];
  for (let at = open.at(-1); at !== undefined; at = open.at(-1)) {
    const entry = at.entries[at.next];
    if (entry === undefined) {
      open.pop();
      continue;
    }
    at.next += 1;
    const isTop = open.length === 1;
    const isLast = at.next === at.entries.length;
    const branch = isTop ? '' : at.indent + (isLast ? '└─ ' : '├─ ');
    if (entry.kind === 'file') {
      line(String(entry.number), formatSize(entry.file.length), branch + printable(entry.name) + marks(entry.file));
      continue;
    }
    line('', '', `${branch}${printable(entry.name)}/`);
    const deeper = isTop || open.length > MAX_INDENTED ? '' : isLast ? '   ' : '│  ';
    open.push({ entries: entry.folder.entries, indent: at.indent + deeper, next: 0 });
  }
  return lines;
}

function buildTree(files: readonly TorrentFile[]): Folder {
  const root: Folder = { entries: [], folders: new Map() };
  for (const [index, file] of files.entries()) {
    let folder = root;
    for (const name of file.path.slice(0, -1)) folder = folderIn(folder, name);
    folder.entries.push({ kind: 'file', name: file.path.at(-1) ?? '', file, number: index + 1 });
  }
  return root;
}

function folderIn(parent: Folder, name: string): Folder {
  const known = parent.folders.get(name);
  if (known !== undefined) return known;
  const folder: Folder = { entries: [], folders: new Map() };
  parent.folders.set(name, folder);
  parent.entries.push({ kind: 'folder', name, folder });
  return folder;
}

/** As `ls -F` marks them. Behind the target of a link a mark would be the target's. */
function marks({ symlink, executable }: TorrentFile): string {
  if (symlink !== null) return ` -> ${printable(symlink.join('/'))}`;
  return executable ? '*' : '';
}
