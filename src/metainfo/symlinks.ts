/**
 * Decides which links of a torrent are links. One whose target is not a file or folder of the same torrent is not:
 * nothing outside may be reached through it, and nothing in it could be verified.
 */

export interface LinkedFile {
  /** Where the file is said to be: safe elements, the torrent's name first. */
  readonly path: readonly string[];
  /** Where it is written, which differs in the last element when names collided. */
  readonly finalPath: readonly string[];
  /** Safe elements of a link's target, or null when it is no link. */
  readonly target: readonly string[] | null;
  readonly padding: boolean;
}

/** As many as Linux follows in one path. */
const MAX_HOPS = 40;

/** For each file the path elements that its link points to, or null when it is no link. */
export function resolveSymlinks(files: readonly LinkedFile[]): (readonly string[] | null)[] {
  if (files.every((file) => file.target === null)) return files.map(() => null);
  const tree = new Tree(files);
  return files.map((_, index) => tree.targetOf(index));
}

interface Resolution {
  /** The node in the end, a folder or a file that is no link. */
  readonly node: number;
  readonly path: readonly string[];
}

class Tree {
  readonly #files: readonly LinkedFile[];
  /** Folder node and name; the values are nodes. Node 0 holds the torrent's top. */
  readonly #children = new Map<string, number>();
  /** By node: the index of its file, or undefined for a folder. A folder wins over a file of its name. */
  readonly #fileOf: (number | undefined)[] = [undefined];
  /** By index of a link: where it leads. Null while that is being found out, so that a circle leads nowhere. */
  readonly #resolved = new Map<number, Resolution | null>();

  constructor(files: readonly LinkedFile[]) {
    this.#files = files;
    for (const [index, file] of files.entries()) if (!file.padding) this.#add(file.path, index);
  }

  targetOf(index: number): readonly string[] | null {
    return this.#files[index]?.target === null ? null : (this.#resolve(index, 0)?.path ?? null);
  }

  #add(path: readonly string[], index: number): void {
    let node = 0;
    for (const [i, name] of path.entries()) {
      const key = `${node}/${name}`;
      const isLast = i === path.length - 1;
      const known = this.#children.get(key);
      node = known ?? this.#fileOf.length;
      if (known === undefined) {
        this.#children.set(key, node);
        this.#fileOf.push(isLast ? index : undefined);
      } else if (!isLast) this.#fileOf[node] = undefined;
    }
  }

  #resolve(index: number, hops: number): Resolution | null {
    const known = this.#resolved.get(index);
    if (known !== undefined) return known;
    this.#resolved.set(index, null);
    const { path, target } = this.#files[index] as LinkedFile;
    if (target === null || hops >= MAX_HOPS) return null;
    // BEP 47 counts a target from the top of the torrent; creators on macOS write what the link says, from its folder.
    const resolution = this.#walk(path.slice(0, 1), target, hops) ?? this.#walk(path.slice(0, -1), target, hops);
    this.#resolved.set(index, resolution);
    return resolution;
  }

  #walk(base: readonly string[], target: readonly string[], hops: number): Resolution | null {
    let node: number | undefined = 0;
    let last: number | undefined;
    for (const name of [...base, ...target]) {
      const child = this.#children.get(`${node}/${name}`);
      if (child === undefined) return null;
      last = this.#fileOf[child];
      const isLink = last !== undefined && this.#files[last]?.target !== null;
      node = isLink ? this.#resolve(last as number, hops + 1)?.node : child;
      if (node === undefined) return null;
    }
    const path = [...base, ...target];
    const finalName = last === undefined ? undefined : this.#files[last]?.finalPath.at(-1);
    return { node, path: finalName === undefined ? path : [...path.slice(0, -1), finalName] };
  }
}
