/**
 * Gives every file of a torrent a path of its own. Paths that differ only in case or Unicode composition are the same
 * file on some disks, so they collide here too. Folders win over files, and the first file over later ones; who loses
 * is renamed from `base.ext` to `base.N.ext`. Linear in the length of all paths.
 */
import { nameText } from '../base/raw-name.js';

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

/** Bytes of UTF-8. Common file systems allow 255; the rest is for suffixes such as `.part`. */
const MAX_ELEMENT_LENGTH = 240;
/** Bytes of UTF-8, the dot included. What is longer is no extension, but a name with a dot. */
const MAX_EXTENSION_LENGTH = 10;

// Separators; controls; and the invisible characters that reorder or hide what is displayed: U+061C, U+200B, U+200E,
// U+200F, U+202A to 202E, U+2060 to 2064, U+2066 to 2069, U+FEFF. The joiners U+200C and U+200D stay: names in Persian
// and Hindi and of emoji need them.
// biome-ignore lint/suspicious/noControlCharactersInRegex: controls are what must go
const REMOVED = /[/\\\u0000-\u001f\u007f-\u009f\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff]/g;

// What is made of these alone cannot be seen.
const JOINERS = /[\u200c\u200d]/g;

/**
 * Makes one path element of what a torrent says, safe to be a name of a file or folder on any disk.
 *
 * `bytes` as a safe path element: never empty, `.` or `..`.
 */
export function pathElement(bytes: Buffer): string {
  return safeElement(bytes) ?? '_';
}

/** As `pathElement`, but undefined when nothing of the name is left, so that the caller can find a better one. */
export function torrentName(bytes: Buffer): string | undefined {
  return bytes.length === 0 ? '_' : safeElement(bytes);
}

function safeElement(bytes: Buffer): string | undefined {
  const element = decodeName(bytes).replace(REMOVED, '');
  return isNoName(element.replace(JOINERS, '')) ? undefined : cutElement(element, MAX_ELEMENT_LENGTH);
}

/**
 * `bytes` as the one name that they spell (see `nameText`), or undefined when they are no name of any file: empty, `.`,
 * `..`, or with a `/` or a NUL in them.
 */
export function exactElement(bytes: Buffer): string | undefined {
  const name = nameText(bytes);
  return isNoName(name) || name.includes('/') || name.includes('\0') ? undefined : name;
}

function isNoName(element: string): boolean {
  return element === '' || element === '.' || element === '..';
}

/** The bytes as UTF-8, with one `_` for each run of bytes that are not. */
function decodeName(bytes: Buffer): string {
  const text = bytes.toString('utf8');
  // What is not UTF-8 leaves U+FFFD behind, which may also stand there in its own right.
  if (!text.includes('\ufffd') || Buffer.from(text, 'utf8').equals(bytes)) return text;
  return text.replace(/\ufffd+/g, '_');
}

/** Splits before the extension; the extension is '' or begins with a dot. */
export function splitExtension(element: string): { readonly stem: string; readonly extension: string } {
  const dot = element.lastIndexOf('.');
  const extension = dot > 0 ? element.slice(dot) : '';
  return extension === '' || Buffer.byteLength(extension) > MAX_EXTENSION_LENGTH
    ? { stem: element, extension: '' }
    : { stem: element.slice(0, dot), extension };
}

/** `element` cut to `length` bytes of UTF-8 at the end of its stem, between two characters; the extension stays. */
function cutElement(element: string, length: number): string {
  if (Buffer.byteLength(element) <= length) return element;
  const { stem, extension } = splitExtension(element);
  return cutText(stem, length - Buffer.byteLength(extension)) + extension;
}

/** The longest beginning of `text` that takes at most `length` bytes of UTF-8 and splits no character. */
export function cutText(text: string, length: number): string {
  const bytes = Buffer.from(text, 'utf8');
  if (bytes.length <= length) return text;
  let end = length;
  // A byte of the form 10xxxxxx goes on with the character before it.
  while (end > 0 && ((bytes[end] as number) & 0xc0) === 0x80) end -= 1;
  return bytes.toString('utf8', 0, end);
}

/**
 * Equal for names that some disk takes for the same. Lower case alone keeps apart what others join: `ß` and `SS`, `ſ`
 * and `s`, and the two small sigmas, of which it chooses one by the letters around. HFS+ overlooks joiners.
 */
export function foldName(name: string): string {
  return name.replace(JOINERS, '').toLowerCase().toUpperCase().normalize('NFC');
}
