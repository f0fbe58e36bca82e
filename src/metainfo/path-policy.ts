/**
 * Gives every file of a torrent a path of its own. Paths that differ only in case or Unicode composition are the same
 * file on some disks, so they collide here too. Folders win over files, and the first file over later ones; who loses
 * is renamed from `base.ext` to `base.N.ext`. Linear in the length of all paths.
 */
import { cutText, foldName, MAX_ELEMENT_LENGTH, splitExtension } from './path-element.js';

export interface WantedPath {
  /** Safe elements, at least one. */
  readonly path: readonly string[];
  /** A pad file is never written: it takes no name from others, and makes no folder. */
  readonly padding: boolean;
}

/** Room for a dot and the number in `base.N.ext`, in bytes. */
const NUMBER_LENGTH = 8;

/** The paths that the files get, in the order given. */
export function distinctPaths(wanted: readonly WantedPath[]): (readonly string[])[] {
  return new Names().assign(wanted);
}

class Names {
  /** Folder number and folded name, for folders; the values are folder numbers. */
  readonly #folders = new Map<string, number>();
  /** Folder number and folded name of every path that belongs to a file. */
  readonly #files = new Set<string>();
  /** The number to try next, for a folder number, stem and extension. */
  readonly #next = new Map<string, number>();

  assign(wanted: readonly WantedPath[]): (readonly string[])[] {
    // A pad file comes last and makes nothing: it only moves out of the way of the others.
    const parents = wanted.map(({ path, padding }) => (padding ? 0 : this.#parent(path, true)));
    const keeps = wanted.map(({ path, padding }, i) => !padding && this.#claim(parents[i] as number, nameOf(path)));
    return wanted.map(({ path, padding }, i) => {
      if (keeps[i]) return path;
      if (!padding) return this.#renamed(parents[i] as number, path);
      const parent = this.#parent(path, false);
      return parent === undefined || this.#isFree(keyOf(parent, nameOf(path))) ? path : this.#renamed(parent, path);
    });
  }

  #parent(path: readonly string[], make: true): number;
  #parent(path: readonly string[], make: boolean): number | undefined;
  #parent(path: readonly string[], make: boolean): number | undefined {
    let parent = 0;
    for (let i = 0; i < path.length - 1; i += 1) {
      const key = keyOf(parent, path[i] as string);
      const known = this.#folders.get(key);
      if (known === undefined && !make) return undefined;
      parent = known ?? this.#folders.size + 1;
      if (known === undefined) this.#folders.set(key, parent);
    }
    return parent;
  }

  #isFree(key: string): boolean {
    return !this.#folders.has(key) && !this.#files.has(key);
  }

  #claim(parent: number, name: string): boolean {
    const key = keyOf(parent, name);
    const isFree = this.#isFree(key);
    if (isFree) this.#files.add(key);
    return isFree;
  }

  #renamed(parent: number, path: readonly string[]): readonly string[] {
    const { stem, extension } = splitExtension(nameOf(path));
    // Long stems are cut before counting, so that all names of one cut stem share one counter and none is tried twice.
    const cut = cutText(stem, MAX_ELEMENT_LENGTH - NUMBER_LENGTH - Buffer.byteLength(extension));
    const counter = keyOf(parent, `${cut}/${extension}`);
    for (let number = this.#next.get(counter) ?? 1; ; number += 1) {
      const name = `${cut}.${number}${extension}`;
      if (this.#claim(parent, name)) {
        this.#next.set(counter, number + 1);
        return [...path.slice(0, -1), name];
      }
    }
  }
}

function nameOf(path: readonly string[]): string {
  return path.at(-1) as string;
}

function keyOf(parent: number, name: string): string {
  return `${parent}/${foldName(name)}`;
}
