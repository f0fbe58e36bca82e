/**
 * Decides which links of a torrent count as links. A link counts only when its target is a file or folder of the same
 * torrent: a link must not lead outside, and we could verify nothing there.
 */

export interface LinkedFile {
  /** The file's path in the torrent: safe elements, with the torrent's name first. */
  readonly path: readonly string[];
  /** The path at which the file is written. Its last element differs from `path` when names collided. */
  readonly finalPath: readonly string[];
  /** Safe path elements of the target, or null when the file is not a link. */
  readonly target: readonly string[] | null;
  readonly padding: boolean;
}

/** As many links as Linux follows in one path. */
const MAX_HOPS = 40;

/** For each file the path elements that its link points to, or null when it does not count as a link. */
export function resolveSymlinks(files: readonly LinkedFile[]): (readonly string[] | null)[] {
  if (files.every((file) => file.target === null)) return files.map(() => null);
  const tree = new Tree(files);
  return files.map((_, index) => tree.targetOf(index));
}

interface Resolution {
  /** The node at the end of all links: a folder, or a file that is not a link. */
  readonly node: number;
  readonly path: readonly string[];
}

/** The files and folders of a torrent. */
class Tree {
  readonly #files: readonly LinkedFile[];
  /** Nodes, by the node of the folder and the name in it. Node 0 holds the torrent's top folder. */
  readonly #children = new Map<string, number>();
  /** By node: the index of its file, or undefined for a folder. A folder wins over a file of the same name. */
  readonly #fileOf: (number | undefined)[] = [undefined];
  /**
   * Where a link leads, by the index of its file. Null while we look for it, so that a circle of links leads nowhere.
   */
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
    // A target in BEP 47 begins at the torrent's top. Creators on macOS write it as the link does, from the link's
    // folder.
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
