/**
 * Hard links: a file may have other names, perhaps in other folders. What is written through one name changes the file
 * under all of them.
 */
import { BtgetError } from '../../base/failure.js';
import { about, LostName } from '../failure.js';
import type { FileNames } from '../names.js';
import { below, inFolderOf, lastOf, type PathRoot } from './guard.js';
import type { FileAccess, FileFacts, FileOperations } from './operations.js';

const COPY_LENGTH = 256 * 1024;

/**
 * Whether the file at `path` has names that are not this torrent's. `facts` are the file's, and `path` is one of
 * `names`.
 */
export function hasOtherNames(
  operations: FileOperations,
  root: string,
  names: FileNames,
  path: string,
  facts: FileFacts,
): boolean {
  if (facts.links === 1) return false;
  const other = below(root, path === names.part ? names.final : names.part);
  // A crash between the two steps of renaming leaves both names, and both are ours.
  const isBoth = about(other, () => operations.lookUp(other))?.id === facts.id;
  return facts.links > (isBoth && names.part !== names.final ? 2 : 1);
}

export function sharedFile(name: string): BtgetError {
  return new BtgetError(
    'foreign-file',
    `${name} has names elsewhere (hard links), and nothing is written through them`,
  );
}

/** Replaces the file at `path` by a copy if it has other names. It stays as it is under those. */
function ownFile(operations: FileOperations, at: PathRoot, path: string): void {
  const name = below(at.root, path);
  const facts = about(name, () => operations.lookUp(name));
  if (facts?.kind === 'file' && facts.links > 1) replaceByCopy(operations, at, path, facts, 'create privately');
}

/** Opens the file at `path` for writing. Throws when it then still has another name. */
export function openOwn(operations: FileOperations, at: PathRoot, path: string): number {
  const name = below(at.root, path);
  ownFile(operations, at, path);
  const descriptor = about(name, () =>
    inFolderOf(operations, at, path, (nameIn) => operations.open(nameIn(lastOf(path)), 'write', false)),
  );
  if (about(name, () => operations.facts(descriptor)).links === 1) return descriptor;
  about(name, () => operations.close(descriptor));
  throw new BtgetError('io', `cannot write ${name}: it has other names (hard links)`);
}

/**
 * Puts a copy in the place of the file at `path`. Throws a `LostName` when it is not the file with this `id` any more.
 * When this is cut off in the middle, the bytes are still there under the other names.
 */
export function replaceByCopy(
  operations: FileOperations,
  at: PathRoot,
  path: string,
  { id, length }: FileFacts,
  access: Extract<FileAccess, 'create' | 'create privately'>,
): FileFacts {
  const name = below(at.root, path);
  return about(name, () =>
    inFolderOf(operations, at, path, (nameIn) => {
      const here = nameIn(lastOf(path));
      const from = operations.open(here, 'read', false);
      try {
        if (operations.facts(from).id !== id) throw new LostName(path, `${name}: somebody has replaced it meanwhile`);
        operations.unlink(here);
        const to = operations.open(here, access, false);
        try {
          copyBytes(operations, from, to, length);
          return operations.facts(to);
        } finally {
          operations.close(to);
        }
      } finally {
        operations.close(from);
      }
    }),
  );
}

/** Copies `length` bytes, or fewer when the file ends before that. */
export function copyBytes(operations: FileOperations, from: number, to: number, length: number): void {
  const bytes = Buffer.allocUnsafeSlow(COPY_LENGTH);
  for (let at = 0; at < length; ) {
    const count = operations.read(from, bytes, Math.min(COPY_LENGTH, length - at), at);
    if (count === 0) return;
    for (let done = 0; done < count; ) done += operations.write(to, bytes, done, count - done, at + done);
    at += count;
  }
}
