/**
 * Folders held by their descriptors, so that nobody can put another in their place between a check and what follows.
 */
import fs from 'node:fs';
import { join } from 'node:path';
import { systemPath } from '../base/raw-name.js';

/** The name of a folder's element, to be used while the folder is held. */
export type NameIn = (element: string) => string;

const { O_DIRECTORY, O_NOFOLLOW, O_RDONLY } = fs.constants;
const DESCRIPTORS = '/proc/self/fd';
// Names below a descriptor are what openat and its kin are in C, for which Node has no calls. Only Linux gives them.
const hasDescriptorNames = process.platform === 'linux' && fs.existsSync(DESCRIPTORS);

/**
 * Runs `action` in the folder to which `elements` lead from `root`. Throws ENOTDIR or ELOOP when one of them is a link
 * or no folder. Where descriptors have no names, a link that is planted after the caller's own look is followed.
 */
export function inFolder<T>(root: string, elements: readonly string[], action: (nameIn: NameIn) => T): T {
  if (!hasDescriptorNames) return action((element) => join(root, ...elements, element));
  let held = fs.openSync(systemPath(root), O_RDONLY | O_DIRECTORY);
  const nameIn: NameIn = (element) => `${DESCRIPTORS}/${held}/${element}`;
  try {
    for (const element of elements) {
      const next = fs.openSync(systemPath(nameIn(element)), O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
      fs.closeSync(held);
      held = next;
    }
    return action(nameIn);
  } finally {
    fs.closeSync(held);
  }
}
