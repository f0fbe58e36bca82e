/**
 * Measures how much room files take up, and how much is left for them. Another file system may be mounted at any folder
 * below the download folder, or be reached by a link that stays below it.
 */
import { dirname } from 'node:path';
import { BtgetError } from '../../base/failure.js';
import { about } from '../failure.js';
import type { FileNames } from '../names.js';
import type { FreeRoom, MeasuredFile, StoragePlace } from '../protocol.js';
import { behindLink, below } from '../system/guard.js';
import type { FileFacts, FileOperations } from '../system/operations.js';

/** A folder below the root, '' for the root itself, and the file system that it lies on. */
interface Place {
  readonly device: string;
  /** As in `MeasuredFile`. */
  readonly mount: string;
}

/** Bytes that each file takes up, under either of its names, and where it lies or would be made. */
export function measureFiles(
  operations: FileOperations,
  { root }: StoragePlace,
  names: readonly FileNames[],
): readonly MeasuredFile[] {
  const places = new Map<string, Place>([['', { device: deviceOf(nearest(operations, root).facts), mount: '' }]]);
  return names.map(({ part, final }) => {
    const folder = final.slice(0, Math.max(0, final.lastIndexOf('/')));
    const { mount } = placeOf(operations, root, folder, places);
    for (const name of [below(root, part), below(root, final)]) {
      const allocated = about(name, () => operations.allocated(name));
      if (allocated !== undefined) return { allocated, mount };
    }
    return { allocated: 0, mount };
  });
}

/** A folder that is not there yet will lie on the file system of the one above it. */
function placeOf(operations: FileOperations, root: string, folder: string, places: Map<string, Place>): Place {
  const known = places.get(folder);
  if (known !== undefined) return known;
  const above = placeOf(operations, root, folder.slice(0, Math.max(0, folder.lastIndexOf('/'))), places);
  const facts = factsBehind(operations, below(root, folder));
  const isOther = facts !== undefined && deviceOf(facts) !== above.device;
  const place = isOther ? { device: deviceOf(facts), mount: folder } : above;
  places.set(folder, place);
  return place;
}

/** Undefined for a folder that is not there or cannot be looked at: who writes there finds out why. */
function factsBehind(operations: FileOperations, name: string): FileFacts | undefined {
  try {
    return behindLink(operations, name)?.facts;
  } catch (error) {
    if (error instanceof BtgetError) return undefined;
    throw error;
  }
}

/** Bytes that are free in each of these folders below the root, '' for the root, which need not exist yet. */
export function measureFree(
  operations: FileOperations,
  { root }: StoragePlace,
  folders: readonly string[],
): readonly FreeRoom[] {
  return folders.map((folder) => {
    const { name, facts } = nearest(operations, folder === '' ? root : below(root, folder));
    return { device: deviceOf(facts), free: about(name, () => operations.free(name)) };
  });
}

/** The folder, or the nearest one above it that exists. */
function nearest(operations: FileOperations, folder: string): { name: string; facts: FileFacts } {
  const found = behindLink(operations, folder);
  if (found !== undefined) return { name: folder, facts: found.facts };
  const above = dirname(folder);
  if (above === folder) throw new BtgetError('cannot-open', `cannot open ${folder}: it is not there`);
  return nearest(operations, above);
}

/** An id is the device and the inode (`FileFacts`). */
function deviceOf({ id }: FileFacts): string {
  return id.slice(0, id.indexOf(':'));
}
