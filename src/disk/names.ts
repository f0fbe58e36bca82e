/** Under which names the files of a torrent lie. */
import { relative } from 'node:path/posix';
import { toHex } from '../base/bytes.js';
import { sha1 } from '../base/digest.js';
import { nameBytes } from '../base/raw-name.js';
import type { InfoHash, TorrentFile } from '../metainfo/metainfo.js';
import { foldName } from '../metainfo/path-policy.js';
import type { ExactCandidate, FoundName } from './exact-names.js';
import { lastOf } from './system/guard.js';

/** Paths below the download folder, with `/` between their elements. */
export interface FileNames {
  /** The name of the whole and verified file. */
  readonly final: string;
  /** Its name until then. */
  readonly part: string;
}

const PART = '.part';

/** What file systems allow, in bytes. */
const LONGEST_NAME = 255;
// File systems allow 255 bytes, and the lock's names are the longest: `.btget.lock`, a token of 8, `.new`.
const MAX_NAME_LENGTH = 200;

/**
 * The name of the journal beside the file or folder `name`. One that is too long is cut, and told from others by a
 * hash.
 */
export function journalName(name: string): string {
  return `${shortened(name)}.btget`;
}

/** Of which torrent a journal is, where several have one name: 8 hexadecimal digits of its info-hash. */
const MARK_LENGTH = 8;

/** The name of the target whose journal a torrent has when the one of `name` alone is another torrent's. */
export function markedTarget(name: string, infoHash: InfoHash): string {
  return `${name}.${toHex(infoHash).slice(0, MARK_LENGTH)}`;
}

/** Whether `name` may be the journal of a torrent whose name is that of the torrent with the journal `journal`. */
export function isJournalBeside(journal: string, name: string): boolean {
  if (name === journal) return true;
  if (!name.endsWith('.btget')) return false;
  const stem = journal.slice(0, -'.btget'.length);
  const rest = name.slice(0, -'.btget'.length);
  if (rest.startsWith(`${stem}.`)) return /^[0-9a-f]{8}$/.test(rest.slice(stem.length + 1));
  // A name that is too long with its mark is cut, and ends in a hash.
  const cut = /^(.*)~[0-9a-f]{8}$/s.exec(rest);
  return cut !== null && Buffer.byteLength(rest) >= MAX_NAME_LENGTH - 20 && stem.startsWith(cut[1] as string);
}

/**
 * The name of the border file beside the file or folder `name`. Nothing is written in it of whose it is, so its name
 * says that: another torrent of the same name has another one.
 */
export function borderName(name: string, infoHash: InfoHash): string {
  return `.${shortened(name)}.${toHex(infoHash).slice(0, 8)}.btget-border`;
}

function shortened(name: string): string {
  const bytes = Buffer.from(name);
  if (bytes.length <= MAX_NAME_LENGTH) return name;
  const begin = bytes
    .subarray(0, MAX_NAME_LENGTH - 20)
    .toString('utf8')
    .replace(/\ufffd+$/, '');
  return `${begin}~${toHex(sha1(bytes)).slice(0, 8)}`;
}

/**
 * The names of one torrent's files. The metainfo and `output` decide them, so they outlive the process; but a file that
 * lies under the very name that the torrent spells keeps that name, once it is known that it does.
 */
export class StorageNames {
  readonly #files: readonly TorrentFile[];
  readonly #output: string | null;
  /** Part names other than `NAME.part`, by file. */
  readonly #unusual = new Map<number, string>();
  /** Names of files that lie under their exact names, or in folders that do. */
  readonly #exact = new Map<number, FileNames>();
  /** Files whose part name is a stranger's, and the number in the part name that they have. */
  readonly #passed = new Map<number, number>();

  /** `output` takes the place of the first path element, or null. */
  constructor(files: readonly TorrentFile[], output: string | null) {
    this.#files = files;
    this.#output = output;
    this.#findUnusual();
  }

  of(index: number): FileNames {
    const names = this.#exact.get(index) ?? this.#clean(index);
    const passed = this.#passed.get(index);
    return passed === undefined ? names : { ...names, part: numberedPart(names.final, passed) };
  }

  /** From here on these files have another part name, the next one of those that are theirs alone. */
  passOver(files: readonly number[]): void {
    for (const file of files) this.#passed.set(file, (this.#passed.get(file) ?? 0) + 1);
  }

  /** Takes `passOver` back. */
  usePart(files: readonly number[]): void {
    for (const file of files) this.#passed.delete(file);
  }

  /** The files that may lie under other names than they would be given. Linear; empty for nearly every torrent. */
  candidates(): readonly ExactCandidate[] {
    const files = this.#files.flatMap((file, index) => {
      const exact = file.exactPath === undefined ? null : this.#elements(file.exactPath);
      const clean = this.#elements(file.path);
      return exact?.some((element, at) => element !== clean[at]) === true ? [{ file: index, exact, clean }] : [];
    });
    if (files.length === 0) return [];
    const byFolded = new Map<string, number>();
    // Names of files and of folders.
    const taken = new Set<string>();
    for (const [index, file] of this.#files.entries()) {
      const path = this.#path(file.path);
      addWithFolders(taken, path);
      if (!file.padding) byFolded.set(foldName(path), index);
      if (file.exactPath !== undefined) addWithFolders(taken, this.#path(file.exactPath));
    }
    return files.map(({ file, exact, clean }) => {
      const name = exact.at(-1) as string;
      const other = byFolded.get(foldName([...clean.slice(0, -1), name].join('/')));
      const twin =
        other === undefined || other === file ? null : ((this.#files[other] as TorrentFile).path.at(-1) ?? null);
      const part = `${name}${PART}`;
      const fits = nameBytes(part).length <= LONGEST_NAME && !taken.has(`${exact.join('/')}${PART}`);
      return {
        file,
        exact,
        clean,
        exactPart: fits && twin === null ? part : null,
        // What is spelled alike is told apart by `settle`.
        twin: twin === name ? null : twin,
      };
    });
  }

  /** From here on the files have the names that were found. No two of them share one. */
  settle(candidates: readonly ExactCandidate[], found: readonly FoundName[]): void {
    const owners = new Map<string, number>();
    for (const index of this.#files.keys()) owners.set(this.#clean(index).final, index);
    const exact = new Map<string, number>();
    const clean = new Map<number, string>();
    for (const [at, { file, folders, isExact }] of found.entries()) {
      const candidate = candidates[at] as ExactCandidate;
      const part = lastOf(this.#clean(file).part);
      const inFolder = (name: string): string => [...folders, name].join('/');
      const cleanNames = { final: inFolder(candidate.clean.at(-1) as string), part: inFolder(part) };
      clean.set(file, cleanNames.final);
      const name = inFolder(candidate.exact.at(-1) as string);
      const usesExact = isExact && !exact.has(name);
      if (usesExact) exact.set(name, file);
      this.#exact.set(file, usesExact ? { final: name, part: inFolder(candidate.exactPart ?? part) } : cleanNames);
    }
    const inTheWay = [...exact].filter(([name, file]) => {
      const owner = owners.get(name);
      return owner !== undefined && owner !== file && this.of(owner).final === name;
    });
    // Who loses its exact name goes back to its clean one, which may be the exact one of another.
    for (let next = inTheWay.pop(); next !== undefined; next = inTheWay.pop()) {
      const [name, file] = next;
      if (exact.get(name) !== file) continue;
      exact.delete(name);
      const final = clean.get(file) as string;
      const folder = final.slice(0, final.lastIndexOf('/') + 1);
      this.#exact.set(file, { final, part: `${folder}${lastOf(this.#clean(file).part)}` });
      const other = exact.get(final);
      if (other !== undefined) inTheWay.push([final, other]);
    }
  }

  #clean(index: number): FileNames {
    const final = this.#path(this.#file(index).path);
    return { final, part: this.#unusual.get(index) ?? `${final}${PART}` };
  }

  /** What the link with this index holds: a relative path from its folder to its target. Null when it is no link. */
  linkTarget(index: number): string | null {
    const file = this.#file(index);
    if (file.symlink === null) return null;
    const from = this.#path(file.path);
    return relative(`/${from}/..`, `/${this.#path(file.symlink)}`) || '.';
  }

  #file(index: number): TorrentFile {
    const file = this.#files[index];
    if (file === undefined) throw new Error(`no file has the index ${index}`);
    return file;
  }

  #path(elements: readonly string[]): string {
    return this.#elements(elements).join('/');
  }

  #elements(elements: readonly string[]): readonly string[] {
    return this.#output === null ? elements : [this.#output, ...elements.slice(1)];
  }

  /**
   * A torrent may itself hold `a` and `a.part`: then the first grows as `a.1.part`, or the next number that is free.
   */
  #findUnusual(): void {
    // Rare, and the search below takes as long as making the torrent's paths safe does.
    if (!this.#files.some(({ path }) => path.some(endsLikePart)) && !endsLikePart(this.#output ?? '')) return;
    const taken = new Set<string>();
    for (const file of this.#files) addWithFolders(taken, foldName(this.#path(file.path)));
    this.#files.forEach((file, index) => {
      const path = this.#path(file.path);
      const folded = foldName(path);
      if (!taken.has(`${folded}.PART`)) return;
      let number = 1;
      while (taken.has(`${folded}.${number}.PART`) || taken.has(`${folded}.${number}`)) number += 1;
      this.#unusual.set(index, `${path}.${number}.part`);
    });
  }
}

/** A part name that is no other file's. A final name may be as long as a name can be. */
function numberedPart(final: string, number: number): string {
  const end = `.${number}${PART}`;
  const name = lastOf(final);
  const fits = nameBytes(`${name}${end}`).length <= LONGEST_NAME;
  return fits ? `${final}${end}` : `${final.slice(0, final.length - name.length)}${shortened(name)}${end}`;
}

/** Adds `path` and every folder above it. Where a path is in `taken`, so are its folders. */
function addWithFolders(taken: Set<string>, path: string): void {
  for (let end = path.length; end > 0 && !taken.has(path.slice(0, end)); end = path.lastIndexOf('/', end - 1)) {
    taken.add(path.slice(0, end));
  }
}

function endsLikePart(element: string): boolean {
  const last = element.at(-1);
  return (last === 't' || last === 'T') && element.slice(-PART.length).toLowerCase() === PART;
}
