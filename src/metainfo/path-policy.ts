/** Makes safe path elements of the names in a torrent, and gives each file a path of its own. */
import { nameText } from '../base/raw-name.js';

export interface WantedPath {
  /** Safe elements, at least one. */
  readonly path: readonly string[];
  /** A pad file is never written, so it takes no name from another file and makes no folder. */
  readonly padding: boolean;
}

/** Bytes that the dot and the number in `base.N.ext` may need. */
const NUMBER_LENGTH = 8;

/**
 * The paths that the files get, in the order given. No two are equal. Paths that differ only in case or in Unicode
 * composition name the same file on some disks, so they count as equal. A folder wins over a file of the same name, and
 * the first file wins over later ones; a file that loses is renamed from `base.ext` to `base.N.ext`. The time is linear
 * in the length of all paths.
 */
export function distinctPaths(wanted: readonly WantedPath[]): (readonly string[])[] {
  return new Names().assign(wanted);
}

class Names {
  /** Numbers of folders, by the number of the parent folder and the folded name. */
  readonly #folders = new Map<string, number>();
  /** Every path that belongs to a file: the number of its folder and its folded name. */
  readonly #files = new Set<string>();
  /** The number N to try next, by the number of the folder, the stem and the extension. */
  readonly #next = new Map<string, number>();
  /** The path whose folder was looked for last, and the number of that folder. The next file is often in it too. */
  #last: { readonly path: readonly string[]; readonly parent: number } = { path: [''], parent: 0 };

  assign(wanted: readonly WantedPath[]): (readonly string[])[] {
    // Pad files come last and make no folders: they only move out of the way of the other files.
    const parents = wanted.map(({ path, padding }) => (padding ? 0 : this.#parent(path, 'make')));
    const keeps = wanted.map(({ path, padding }, i) => !padding && this.#claim(parents[i] as number, nameOf(path)));
    return wanted.map(({ path, padding }, i) => {
      if (keeps[i]) return path;
      if (!padding) return this.#renamed(parents[i] as number, path);
      const parent = this.#parent(path, 'find');
      return parent === undefined || this.#isFree(keyOf(parent, nameOf(path))) ? path : this.#renamed(parent, path);
    });
  }

  /** The number of the folder in which the path ends. 'find': undefined when no file made that folder. */
  #parent(path: readonly string[], how: 'make'): number;
  #parent(path: readonly string[], how: 'find'): number | undefined;
  #parent(path: readonly string[], how: 'make' | 'find'): number | undefined {
    if (areInOneFolder(path, this.#last.path)) return this.#last.parent;
    let parent = 0;
    for (let i = 0; i < path.length - 1; i += 1) {
      const key = keyOf(parent, path[i] as string);
      const known = this.#folders.get(key);
      if (known === undefined && how === 'find') return undefined;
      parent = known ?? this.#folders.size + 1;
      if (known === undefined) this.#folders.set(key, parent);
    }
    this.#last = { path, parent };
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
    // A long stem is cut before counting. So all names with the same cut stem share one counter, and no name is tried
    // twice.
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

function areInOneFolder(a: readonly string[], b: readonly string[]): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length - 1; i += 1) if (a[i] !== b[i]) return false;
  return true;
}

function nameOf(path: readonly string[]): string {
  return path.at(-1) as string;
}

function keyOf(parent: number, name: string): string {
  return `${parent}/${foldName(name)}`;
}

/** Bytes of UTF-8 in one element. Common file systems allow 255; the rest is for suffixes such as `.part`. */
const MAX_ELEMENT_LENGTH = 240;
/** Bytes of UTF-8 in an extension, with its dot. A longer one is not an extension but a name with a dot in it. */
const MAX_EXTENSION_LENGTH = 10;

// Separators, controls, and the invisible characters that reorder or hide other characters on a display: U+061C,
// U+200B, U+200E, U+200F, U+202A to 202E, U+2060 to 2064, U+2066 to 2069, U+FEFF. The joiners U+200C and U+200D stay,
// because names in Persian and Hindi and names with emoji need them.
// biome-ignore lint/suspicious/noControlCharactersInRegex: controls are what must go
const REMOVED = /[/\\\u0000-\u001f\u007f-\u009f\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff]/g;

// A name of these characters alone is invisible.
const JOINERS = /[\u200c\u200d]/g;

/**
 * `bytes` of a torrent as one path element that is a safe name for a file or folder on any disk. It is never empty, `.`
 * or `..`.
 */
export function pathElement(bytes: Buffer): string {
  return safeElement(bytes) ?? '_';
}

/** As `pathElement`, but undefined when no usable character is left, so that the caller can choose a better name. */
export function torrentName(bytes: Buffer): string | undefined {
  return bytes.length === 0 ? '_' : safeElement(bytes);
}

function safeElement(bytes: Buffer): string | undefined {
  if (bytes.length <= MAX_ELEMENT_LENGTH && isPlain(bytes)) return bytes.toString('latin1');
  const element = decodeName(bytes).replace(REMOVED, '');
  return isNoName(element.replace(JOINERS, '')) ? undefined : cutElement(element, MAX_ELEMENT_LENGTH);
}

/** Whether the bytes are ASCII without controls or separators, and begin with no dot: then there is nothing to mend. */
function isPlain(bytes: Buffer): boolean {
  for (const byte of bytes) if (byte < 0x20 || byte > 0x7e || byte === SLASH || byte === BACKSLASH) return false;
  return bytes.length > 0 && bytes[0] !== DOT;
}

const DOT = 0x2e;
const SLASH = 0x2f;
const BACKSLASH = 0x5c;

/** Makes safe paths. Files that follow one another mostly lie in one folder: their paths share its names. */
export class SafePaths {
  readonly #name: string;
  #raw: readonly Buffer[] = [];
  #safe: readonly string[] = [];

  /** `name` is the torrent's name, the first element of each path. */
  constructor(name: string) {
    this.#name = name;
  }

  of(raw: readonly Buffer[]): readonly string[] {
    let isShared = true;
    const elements = raw.map((bytes, i) => {
      isShared = isShared && this.#raw[i]?.equals(bytes) === true;
      return isShared ? (this.#safe[i + 1] as string) : pathElement(bytes);
    });
    // An array that grows by `push` takes room for more, in each of very many paths.
    const safe = [this.#name, ...elements];
    this.#raw = raw;
    this.#safe = safe;
    return safe;
  }
}

/**
 * `bytes` as the name that they spell (see `nameText`); undefined when no file can have this name: it is empty, `.` or
 * `..`, or holds a `/` or a NUL.
 */
export function exactElement(bytes: Buffer): string | undefined {
  const name = nameText(bytes);
  return isNoName(name) || name.includes('/') || name.includes('\0') ? undefined : name;
}

function isNoName(element: string): boolean {
  return element === '' || element === '.' || element === '..';
}

/** `bytes` decoded as UTF-8, with one `_` for each run of bytes that are not UTF-8. */
function decodeName(bytes: Buffer): string {
  const text = bytes.toString('utf8');
  // The decoder puts U+FFFD for bytes that are not UTF-8, but a name may also hold a real U+FFFD.
  if (!text.includes('\ufffd') || Buffer.from(text, 'utf8').equals(bytes)) return text;
  return text.replace(/\ufffd+/g, '_');
}

/** Splits a name before its extension, which is '' or begins with a dot. */
export function splitExtension(element: string): { readonly stem: string; readonly extension: string } {
  const dot = element.lastIndexOf('.');
  const extension = dot > 0 ? element.slice(dot) : '';
  return extension === '' || Buffer.byteLength(extension) > MAX_EXTENSION_LENGTH
    ? { stem: element, extension: '' }
    : { stem: element.slice(0, dot), extension };
}

/** `element` cut to `length` bytes of UTF-8. The end of its stem is cut off, between two characters. */
function cutElement(element: string, length: number): string {
  if (Buffer.byteLength(element) <= length) return element;
  const { stem, extension } = splitExtension(element);
  return cutText(stem, length - Buffer.byteLength(extension)) + extension;
}

/** The longest beginning of `text` that has at most `length` bytes of UTF-8 and splits no character. */
export function cutText(text: string, length: number): string {
  const bytes = Buffer.from(text, 'utf8');
  if (bytes.length <= length) return text;
  let end = length;
  // A byte of the form 10xxxxxx belongs to the character that began before it.
  while (end > 0 && ((bytes[end] as number) & 0xc0) === 0x80) end -= 1;
  return bytes.toString('utf8', 0, end);
}

/** ASCII, whose upper case is all that there is to fold. */
const PLAIN = /^[\x20-\x7e]*$/;

/**
 * A form of `name` that is equal for all names that some disk takes for the same. Lower case alone does not do: it
 * keeps `ß` and `SS` apart, and `ſ` and `s`, and it chooses between the two small sigmas by the letters around them.
 * HFS+ ignores joiners.
 */
export function foldName(name: string): string {
  if (PLAIN.test(name)) return name.toUpperCase();
  return name.replace(JOINERS, '').toLowerCase().toUpperCase().normalize('NFC');
}
