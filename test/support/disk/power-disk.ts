/** A file system in memory. It records what was done to it, so that a power cut can take some of it back. */
import { basename, dirname, join } from 'node:path/posix';
import type { Millis, Timers } from '../../../src/base/clock.js';
import type { FileFacts, FileOperations, IdentifiedFile, ReadOperations } from '../../../src/disk/system/operations.js';
import { systemError } from './disk-worker.js';

/**
 * What a file system holds. The keys are the test's own. Inodes that are free are given out again, as real systems do.
 */
export interface PowerImage {
  /** The time of the file system's clock, in nanoseconds. */
  readonly at: bigint;
  readonly nodes: ReadonlyMap<number, NodeImage>;
}

export type NodeImage = FileImage | FolderImage;

export interface FileImage {
  readonly kind: 'file';
  readonly inode: bigint;
  readonly bornAt: bigint;
  readonly changedAt: bigint;
  readonly bytes: Buffer;
}

export interface FolderImage {
  readonly kind: 'folder';
  readonly inode: bigint;
  /** The key of each node, by its name. */
  readonly entries: ReadonlyMap<string, number>;
}

/** One thing that was done to the disk. Events are in the order in which they happened. */
export type DiskEvent =
  /** A node was made. It can be found only once it has a name. */
  | { readonly kind: 'made'; readonly at: bigint; readonly key: number; readonly node: NodeImage }
  | {
      readonly kind: 'written';
      readonly at: bigint;
      readonly key: number;
      readonly begin: number;
      readonly bytes: Buffer;
    }
  | { readonly kind: 'cut'; readonly at: bigint; readonly key: number; readonly length: number }
  /** In the folder `key`, `name` was given to `node`; null: it was removed. The name `from` goes in the same step. */
  | {
      readonly kind: 'named';
      readonly at: bigint;
      readonly key: number;
      readonly name: string;
      readonly node: number | null;
      readonly from: string | null;
    }
  /** What was done to `key` before the event with the index `upTo` is on the disk for good. */
  | { readonly kind: 'flushed'; readonly at: bigint; readonly key: number; readonly upTo: number };

export const ROOT = 0;

/** A file system with one empty folder, `dir`; null: with nothing in it. */
export function emptyImage(dir: string | null): PowerImage {
  const nodes = new Map<number, NodeImage>();
  nodes.set(ROOT, { kind: 'folder', inode: 1n, entries: new Map(dir === null ? [] : [[basename(dir), 1]]) });
  if (dir !== null) nodes.set(1, { kind: 'folder', inode: 2n, entries: new Map() });
  return { at: 1_000_000_000_000_000_000n, nodes };
}

interface LiveFile {
  readonly kind: 'file';
  readonly key: number;
  readonly inode: bigint;
  readonly bornAt: bigint;
  changedAt: bigint;
  bytes: Buffer;
  descriptors: number;
}

interface LiveFolder {
  readonly kind: 'folder';
  readonly key: number;
  readonly inode: bigint;
  readonly entries: Map<string, LiveNode>;
}

type LiveNode = LiveFile | LiveFolder;

export interface PowerDiskOptions {
  /** How long each flush takes. */
  readonly flushTime: () => Millis;
  /** Whether a flush of this name does its work. A test must notice a flush that does not. */
  readonly flushes: (name: string) => boolean;
}

export class PowerDisk {
  readonly events: DiskEvent[] = [];
  readonly #timers: Timers;
  readonly #options: PowerDiskOptions;
  readonly #beganAt: bigint;
  readonly #root: LiveFolder;
  readonly #inodes = new Set<bigint>();
  readonly #open = new Map<number, { readonly node: LiveNode; readonly path: string }>();
  #nextKey: number;
  #nextDescriptor = 3;

  constructor(timers: Timers, image: PowerImage, options: PowerDiskOptions) {
    this.#timers = timers;
    this.#options = options;
    this.#beganAt = image.at;
    this.#nextKey = Math.max(...image.nodes.keys()) + 1;
    const live = new Map<number, LiveNode>();
    const wake = (key: number): LiveNode => {
      const known = live.get(key);
      if (known !== undefined) return known;
      const node = image.nodes.get(key);
      if (node === undefined) throw new Error(`the image has no node ${key}`);
      this.#inodes.add(node.inode);
      if (node.kind === 'file') {
        const file: LiveFile = { ...node, key, bytes: Buffer.from(node.bytes), descriptors: 0 };
        live.set(key, file);
        return file;
      }
      const folder: LiveFolder = { kind: 'folder', key, inode: node.inode, entries: new Map() };
      live.set(key, folder);
      for (const [name, inner] of node.entries) folder.entries.set(name, wake(inner));
      return folder;
    };
    this.#root = wake(ROOT) as LiveFolder;
  }

  /** All files by path, with their bytes. */
  files(): ReadonlyMap<string, Buffer> {
    const found = new Map<string, Buffer>();
    const look = (folder: LiveFolder, path: string): void => {
      for (const [name, node] of folder.entries)
        if (node.kind === 'file') found.set(join(path, name), node.bytes);
        else look(node, join(path, name));
    };
    look(this.#root, '/');
    return found;
  }

  readonly operations: FileOperations = {
    open: (path, access) => {
      if (access === 'read' || access === 'write') return this.#describe(this.#find(path, 'open'), path);
      const now = this.#now();
      const bytes = Buffer.alloc(0);
      const file = this.#make({ kind: 'file', inode: this.#freeInode(), bornAt: now, changedAt: now, bytes });
      this.#giveName(path, file, 'open');
      return this.#describe(file, path);
    },
    close: (descriptor) => {
      const { node } = this.#described(descriptor);
      this.#open.delete(descriptor);
      if (node.kind === 'file') node.descriptors -= 1;
    },
    read: (descriptor, into, length, position) => {
      const { bytes } = this.#fileOf(descriptor);
      return bytes.subarray(position, position + length).copy(into);
    },
    write: (descriptor, from, begin, length, position) => {
      const file = this.#fileOf(descriptor);
      const bytes = Buffer.from(from.subarray(begin, begin + length));
      file.bytes = writtenTo(file.bytes, position, bytes);
      file.changedAt = this.#now();
      this.events.push({ kind: 'written', at: file.changedAt, key: file.key, begin: position, bytes });
      return length;
    },
    facts: (descriptor) => this.#factsOf(this.#described(descriptor).node),
    identityOf: (descriptor) => identityOf(this.#fileOf(descriptor)),
    lookUp: (path) => {
      const node = this.#lookUp(path);
      return node === undefined ? undefined : this.#factsOf(node);
    },
    identify: (path) => {
      const node = this.#lookUp(path);
      return node?.kind === 'file' ? identityOf(node) : undefined;
    },
    numbersAnew: () => false,
    allocated: (path) => {
      const node = this.#lookUp(path);
      return node === undefined ? undefined : this.#factsOf(node).length;
    },
    free: () => null,
    realPath: (path) => {
      this.#find(path, 'realpath');
      return path;
    },
    inFolder: (root, elements, action) => {
      this.#find(join(root, ...elements), 'open');
      return action((element) => join(root, ...elements, element));
    },
    list: (path) => {
      const node = this.#find(path, 'scandir');
      if (node.kind !== 'folder') throw systemError('ENOTDIR', 'scandir');
      return [...node.entries.keys()];
    },
    listSome: (path, most) => this.operations.list(path).slice(0, most),
    share: () => false,
    setLength: (descriptor, length) => {
      const file = this.#fileOf(descriptor);
      file.bytes = cutTo(file.bytes, length);
      file.changedAt = this.#now();
      this.events.push({ kind: 'cut', at: file.changedAt, key: file.key, length });
    },
    setMode: () => undefined,
    flush: (descriptor, answered) => {
      const { node, path } = this.#described(descriptor);
      const upTo = this.events.length;
      this.#timers.addTask(() => {
        if (this.#options.flushes(path)) {
          this.events.push({ kind: 'flushed', at: this.#now(), key: node.key, upTo });
        }
        answered(null);
      }, this.#options.flushTime());
    },
    makeFolder: (path, parents) => {
      if (parents && this.#lookUp(path) !== undefined) return undefined;
      const first = parents ? this.operations.makeFolder(dirname(path), true) : undefined;
      this.#giveName(path, this.#make({ kind: 'folder', inode: this.#freeInode(), entries: new Map() }), 'mkdir');
      return first ?? path;
    },
    removeFolder: (path) => {
      const node = this.#find(path, 'rmdir');
      if (node.kind !== 'folder') throw systemError('ENOTDIR', 'rmdir');
      if (node.entries.size > 0) throw systemError('ENOTEMPTY', 'rmdir');
      const folder = this.#folderOf(path, 'rmdir');
      folder.entries.delete(basename(path));
      this.#named(folder, basename(path), null, null);
      this.#inodes.delete(node.inode);
    },
    rename: (from, to) => {
      const folder = this.#folderOf(from, 'rename');
      if (this.#folderOf(to, 'rename') !== folder) throw new Error('no rename leaves its folder');
      const node = this.#find(from, 'rename');
      folder.entries.delete(basename(from));
      folder.entries.set(basename(to), node);
      this.#named(folder, basename(to), node.key, basename(from));
    },
    link: (from, to) => this.#giveName(to, this.#find(from, 'link'), 'link'),
    unlink: (path) => {
      const folder = this.#folderOf(path, 'unlink');
      const node = this.#find(path, 'unlink');
      folder.entries.delete(basename(path));
      this.#named(folder, basename(path), null, null);
      // The inode is free only when no name and no descriptor holds the file. If it were given out earlier, another
      // file could get it.
      if (node.kind === 'file' && node.descriptors === 0 && this.#namesOf(this.#root, node) === 0)
        this.#inodes.delete(node.inode);
    },
    makeLink: () => {
      throw systemError('EPERM', 'symlink');
    },
    readLink: () => {
      throw systemError('EINVAL', 'readlink');
    },
    setChangedAt: (path, changedAt) => {
      const node = this.#find(path, 'lutime');
      if (node.kind === 'file') node.changedAt = changedAt;
    },
    flushesFolders: true,
  };

  /** The calls of the main thread. */
  readonly readOperations: ReadOperations = {
    open: (path, answered) => this.#later(answered, -1, () => this.operations.open(path, 'read', false)),
    facts: (descriptor, answered) =>
      this.#later<FileFacts | undefined>(answered, undefined, () => this.operations.facts(descriptor)),
    read: (descriptor, into, position, answered) =>
      this.#later(answered, 0, () =>
        into.reduce((done, one) => done + this.operations.read(descriptor, one, one.length, position + done), 0),
      ),
    close: (descriptor, answered) => this.#later<void>(answered, undefined, () => this.operations.close(descriptor)),
    lookUp: (path) => this.operations.lookUp(path),
    identify: (path) => this.operations.identify(path),
    numbersAnew: (path) => this.operations.numbersAnew(path),
    realPath: (path) => this.operations.realPath(path),
    holdFolder: (root, elements) =>
      this.operations.inFolder(root, elements, (nameIn) => ({ nameIn, release: () => undefined })),
  };

  #later<T>(answered: (error: Error | null, value: T) => void, none: T, act: () => T): void {
    this.#timers.addTask(() => {
      let value: T;
      try {
        value = act();
      } catch (error) {
        answered(error as Error, none);
        return;
      }
      answered(null, value);
    }, 0);
  }

  #now(): bigint {
    return this.#beganAt + BigInt(Math.round(this.#timers.now() * 1e6)) + BigInt(this.events.length);
  }

  #freeInode(): bigint {
    let inode = 1n;
    while (this.#inodes.has(inode)) inode += 1n;
    this.#inodes.add(inode);
    return inode;
  }

  #make(node: NodeImage): LiveNode {
    const key = this.#nextKey;
    this.#nextKey += 1;
    this.events.push({ kind: 'made', at: this.#now(), key, node });
    if (node.kind === 'folder') return { kind: 'folder', key, inode: node.inode, entries: new Map() };
    return { ...node, key, descriptors: 0 };
  }

  #giveName(path: string, node: LiveNode, call: string): void {
    const folder = this.#folderOf(path, call);
    if (folder.entries.has(basename(path))) throw systemError('EEXIST', call);
    folder.entries.set(basename(path), node);
    this.#named(folder, basename(path), node.key, null);
  }

  #named(folder: LiveFolder, name: string, node: number | null, from: string | null): void {
    this.events.push({ kind: 'named', at: this.#now(), key: folder.key, name, node, from });
  }

  #namesOf(folder: LiveFolder, node: LiveNode): number {
    let names = 0;
    for (const entry of folder.entries.values())
      if (entry === node) names += 1;
      else if (entry.kind === 'folder') names += this.#namesOf(entry, node);
    return names;
  }

  #factsOf(node: LiveNode): FileFacts {
    const length = node.kind === 'file' ? node.bytes.length : 0;
    const links = this.#namesOf(this.#root, node);
    return { kind: node.kind, length, mode: 0o644, owner: 0, group: 0, links, id: idOf(node) };
  }

  #lookUp(path: string): LiveNode | undefined {
    let node: LiveNode = this.#root;
    for (const element of path.split('/')) {
      if (element === '') continue;
      if (node.kind !== 'folder') return undefined;
      const inner = node.entries.get(element);
      if (inner === undefined) return undefined;
      node = inner;
    }
    return node;
  }

  #find(path: string, call: string): LiveNode {
    const node = this.#lookUp(path);
    if (node === undefined) throw systemError('ENOENT', call);
    return node;
  }

  #folderOf(path: string, call: string): LiveFolder {
    const node = this.#find(dirname(path), call);
    if (node.kind !== 'folder') throw systemError('ENOTDIR', call);
    return node;
  }

  #describe(node: LiveNode, path: string): number {
    const descriptor = this.#nextDescriptor;
    this.#nextDescriptor += 1;
    this.#open.set(descriptor, { node, path });
    if (node.kind === 'file') node.descriptors += 1;
    return descriptor;
  }

  #described(descriptor: number): { readonly node: LiveNode; readonly path: string } {
    const open = this.#open.get(descriptor);
    if (open === undefined) throw new Error(`descriptor ${descriptor} is not open`);
    return open;
  }

  #fileOf(descriptor: number): LiveFile {
    const { node } = this.#described(descriptor);
    if (node.kind !== 'file') throw systemError('EISDIR', 'read');
    return node;
  }
}

/** `into` with `bytes` at `begin`, grown by zeros where needed. */
export function writtenTo(into: Buffer, begin: number, bytes: Buffer): Buffer {
  const grown = into.length < begin + bytes.length ? cutTo(into, begin + bytes.length) : into;
  bytes.copy(grown, begin);
  return grown;
}

/** `bytes` cut or grown by zeros to `length`. */
export function cutTo(bytes: Buffer, length: number): Buffer {
  const cut = Buffer.alloc(length);
  bytes.copy(cut, 0, 0, Math.min(length, bytes.length));
  return cut;
}

function identityOf(node: LiveFile): IdentifiedFile {
  const { bytes, changedAt, inode, bornAt } = node;
  return { length: bytes.length, changedAt, inode, bornAt, id: idOf(node) };
}

function idOf(node: LiveNode): string {
  return `1:${node.inode}`;
}
