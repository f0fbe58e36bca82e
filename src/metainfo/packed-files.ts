/** Files of a torrent in few objects: a message of very many small ones costs both threads much more. */
import { bufferOf } from '../base/bytes.js';
import { NODE_LENGTH } from './merkle.js';
import type { TorrentFile } from './metainfo.js';

/** One after another, the files in their order. */
export interface PackedFiles {
  readonly begins: Float64Array;
  readonly lengths: Float64Array;
  /** Bits of `FLAG`, for each file. */
  readonly flags: Uint8Array;
  /** A path for each file. Neither `/` nor NUL stands in an element: they end elements and paths. */
  readonly paths: string;
  /** The same for the files that have an exact path. */
  readonly exactPaths: string;
  /** The same for the files that are links: the targets. */
  readonly symlinks: string;
  /** 32 bytes for each file that has a root. */
  readonly roots: Uint8Array;
}

const FLAG = { padding: 1, executable: 2, hidden: 4, exactPath: 8, symlink: 16, root: 32 };

export function packFiles(files: readonly TorrentFile[]): PackedFiles {
  const roots: Buffer[] = [];
  const paths: string[] = [];
  const exactPaths: string[] = [];
  const symlinks: string[] = [];
  for (const { path, exactPath, symlink, piecesRoot } of files) {
    paths.push(path.join('/'));
    if (exactPath !== undefined) exactPaths.push(exactPath.join('/'));
    if (symlink !== null) symlinks.push(symlink.join('/'));
    if (piecesRoot !== undefined) roots.push(piecesRoot);
  }
  return {
    begins: Float64Array.from(files, ({ begin }) => begin),
    lengths: Float64Array.from(files, ({ length }) => length),
    flags: Uint8Array.from(files, flagsOf),
    paths: paths.join('\0'),
    exactPaths: exactPaths.join('\0'),
    symlinks: symlinks.join('\0'),
    // A message copies the whole memory of a view, and Buffers share theirs with others.
    roots: new Uint8Array(Buffer.concat(roots)),
  };
}

function flagsOf({ padding, executable, hidden, exactPath, symlink, piecesRoot }: TorrentFile): number {
  return (
    (padding ? FLAG.padding : 0) |
    (executable ? FLAG.executable : 0) |
    (hidden ? FLAG.hidden : 0) |
    (exactPath === undefined ? 0 : FLAG.exactPath) |
    (symlink === null ? 0 : FLAG.symlink) |
    (piecesRoot === undefined ? 0 : FLAG.root)
  );
}

/** Adds the files to `into`. */
export function unpackFiles(packed: PackedFiles, into: TorrentFile[]): void {
  const { begins, lengths, flags, roots } = packed;
  const paths = new Paths(packed.paths);
  const exactPaths = new Paths(packed.exactPaths);
  const symlinks = new Paths(packed.symlinks);
  const bytes = bufferOf(roots);
  let root = 0;
  for (let i = 0; i < flags.length; i += 1) {
    const has = flags[i] as number;
    const path = paths.next();
    const [begin, length] = [begins[i] as number, lengths[i] as number];
    const padding = (has & FLAG.padding) !== 0;
    const executable = (has & FLAG.executable) !== 0;
    const hidden = (has & FLAG.hidden) !== 0;
    const symlink = (has & FLAG.symlink) === 0 ? null : symlinks.next();
    let file: { -readonly [Key in keyof TorrentFile]: TorrentFile[Key] };
    if ((has & FLAG.root) === 0) file = { path, begin, length, padding, executable, hidden, symlink };
    else {
      const piecesRoot = bytes.subarray(root, root + NODE_LENGTH);
      root += NODE_LENGTH;
      // An object that gets one more field later has a second object for it.
      file = { path, begin, length, padding, executable, hidden, symlink, piecesRoot };
    }
    if ((has & FLAG.exactPath) !== 0) file.exactPath = exactPaths.next();
    into.push(file);
  }
}

/** Reads paths one after another. Paths with the same folders share the strings of their names. */
class Paths {
  readonly #paths: readonly string[];
  #at = 0;
  #last: readonly string[] = [];

  constructor(paths: string) {
    this.#paths = paths.split('\0');
  }

  next(): readonly string[] {
    const path = (this.#paths[this.#at] as string).split('/');
    this.#at += 1;
    for (let i = 0; i < path.length && path[i] === this.#last[i]; i += 1) path[i] = this.#last[i] as string;
    this.#last = path;
    return path;
  }
}
