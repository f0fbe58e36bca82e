/** How much the disk has given to files, and has to give. */
import { dirname } from 'node:path';
import { about } from './failure.js';
import type { FileNames } from './names.js';
import type { StoragePlace } from './protocol.js';
import { below } from './system/guard.js';
import type { FileOperations } from './system/operations.js';

/** Bytes that each file takes up, under either of its names; 0 for one that is not there. */
export function measureFiles(
  operations: FileOperations,
  { root }: StoragePlace,
  names: readonly FileNames[],
): readonly number[] {
  return names.map(({ part, final }) => {
    for (const name of [below(root, part), below(root, final)]) {
      const allocated = about(name, () => operations.allocated(name));
      if (allocated !== undefined) return allocated;
    }
    return 0;
  });
}

/** Bytes that are free in the download folder, which need not exist yet; null where the file system does not know. */
export function measureFree(operations: FileOperations, { root }: StoragePlace): number | null {
  let folder = root;
  while (about(folder, () => operations.lookUp(folder)) === undefined && dirname(folder) !== folder) {
    folder = dirname(folder);
  }
  return about(folder, () => operations.free(folder));
}
