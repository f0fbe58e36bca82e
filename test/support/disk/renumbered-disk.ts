/** A file system that has no numbers for files, as FAT: the system gives each file one while it remembers it. */
import fs from 'node:fs';
import type { FileIdentity } from '../../../src/disk/storage.js';
import {
  type FileFacts,
  type FileOperations,
  type IdentifiedFile,
  systemFileOperations,
} from '../../../src/disk/system/operations.js';

/**
 * The operations of such a disk. The bytes that are read and written leave no memory for anything else: with each call
 * the system forgets all files that are not open, and they get other numbers. Folders keep theirs.
 */
export function renumberedDisk(): FileOperations {
  const system = systemFileOperations;
  /** By the true number of a file: the number that it has at present. */
  const numbers = new Map<number, number>();
  /** By descriptor: the true number of the file. */
  const open = new Map<number, number>();
  let last = 1_000_000;
  const numberOf = (inode: number): number => {
    const known = numbers.get(inode);
    if (known !== undefined) return known;
    last += 1;
    numbers.set(inode, last);
    return last;
  };
  const partsOf = (id: string): readonly [string, number] => {
    const [device = '', inode = ''] = id.split(':');
    return [device, Number(inode)];
  };
  const idOf = (id: string): string => {
    const [device, inode] = partsOf(id);
    return `${device}:${numberOf(inode)}`;
  };
  const facts = (found: FileFacts): FileFacts => (found.kind === 'file' ? { ...found, id: idOf(found.id) } : found);
  const identified = (found: IdentifiedFile): IdentifiedFile => {
    const id = idOf(found.id);
    return { ...found, id, inode: BigInt(partsOf(id)[1]) };
  };
  const forget = (): void => {
    const held = new Set(open.values());
    for (const inode of numbers.keys()) if (!held.has(inode)) numbers.delete(inode);
  };
  return {
    ...system,
    open: (path, access, follow) => {
      const descriptor = system.open(path, access, follow);
      open.set(descriptor, fs.fstatSync(descriptor).ino);
      return descriptor;
    },
    close: (descriptor) => {
      open.delete(descriptor);
      system.close(descriptor);
    },
    read: (...call) => {
      forget();
      return system.read(...call);
    },
    write: (...call) => {
      forget();
      return system.write(...call);
    },
    facts: (descriptor) => facts(system.facts(descriptor)),
    identityOf: (descriptor): FileIdentity => {
      const inode = fs.fstatSync(descriptor).ino;
      return { ...system.identityOf(descriptor), inode: BigInt(numberOf(inode)) };
    },
    lookUp: (path) => {
      const found = system.lookUp(path);
      return found === undefined ? undefined : facts(found);
    },
    identify: (path) => {
      const found = system.identify(path);
      return found === undefined ? undefined : identified(found);
    },
    numbersAnew: () => true,
    // No power is cut here.
    flush: (_descriptor, answered) => answered(null),
  };
}
