/** The names of a torrent's files, and of what lies beside them. */
import { relative } from 'node:path/posix';
import { toHex } from '../base/bytes.js';
import { sha1 } from '../base/digest.js';
import { nameBytes } from '../base/raw-name.js';
import { withoutEnd } from '../base/without-end.js';
import type { InfoHash } from '../metainfo/info-hash.js';
import type { TorrentFile } from '../metainfo/metainfo.js';
import { foldName } from '../metainfo/path-policy.js';
import type { ExactCandidate, FoundName } from './exact-names.js';
import { lastOf } from './system/guard.js';

/** Paths below the download folder, with `/` between their elements. */
export interface FileNames {
  /** The name of the file once it is whole and verified. */
  readonly final: string;
  /** Its name until then. */
  readonly part: string;
}

const PART = '.part';

/** The longest name that file systems allow. Bytes. */
const LONGEST_NAME = 255;
// A longer target is shortened, so that our endings fit behind it. The longest ending is the lock's: `.btget.lock`, a
// token of 8 digits, `.new`.
const MAX_NAME_LENGTH = 200;

/**
 * The name of the journal beside the file or folder `name`. A name that is too long is cut, and a hash tells it from
 * others.
 */
export function journalName(name: string): string {
  return `${shortened(name)}.btget`;
}

/** How many hexadecimal digits of its info-hash mark a torrent's journal where several torrents have one name. */
const MARK_LENGTH = 8;

/** The name to give to `journalName` when the journal of `name` alone belongs to another torrent. */
export function markedTarget(name: string, infoHash: InfoHash): string {
  return `${name}.${toHex(infoHash).slice(0, MARK_LENGTH)}`;
}

/** Whether `name` may be the journal of a torrent with the same name as the torrent whose journal is `journal`. */
export function isJournalBeside(journal: string, name: string): boolean {
  if (name === journal) return true;
  if (!name.endsWith('.btget')) return false;
  const stem = journal.slice(0, -'.btget'.length);
  const rest = name.slice(0, -'.btget'.length);
  if (rest.startsWith(`${stem}.`)) return /^[0-9a-f]{8}$/.test(rest.slice(stem.length + 1));
  // A name that is too long with its mark was cut, and ends in a hash.
  const cut = /^(.*)~[0-9a-f]{8}$/s.exec(rest);
  return cut !== null && Buffer.byteLength(rest) >= MAX_NAME_LENGTH - 20 && stem.startsWith(cut[1] as string);
}

/** Whether a file of this name grows, or is one that we keep beside downloads. Names of others may look the same. */
export function isOursBeside(name: string): boolean {
  return endsLikePart(name) || /\.btget(?:$|\.lock|-border$)/.test(name);
}

/**
 * The name of the border file beside the file or folder `name`. The file does not say which torrent it belongs to, so
 * its name does: another torrent of the same name has another border file.
 */
export function borderName(name: string, infoHash: InfoHash): string {
  return `.${shortened(name)}.${toHex(infoHash).slice(0, 8)}.btget-border`;
}

function shortened(name: string): string {
  const bytes = Buffer.from(name);
  if (bytes.length <= MAX_NAME_LENGTH) return name;
  // The cut may go through a character.
  const begin = withoutEnd(bytes.toString('utf8', 0, MAX_NAME_LENGTH - 20), '\ufffd');
  return `${begin}~${toHex(sha1(bytes)).slice(0, 8)}`;
}

/**
 * The names of one torrent's files. The metainfo and `output` decide them, so the next run finds the same names. There
 * is one exception: a file that lies under the exact name that the torrent spells keeps that name, once it has been
 * found there.
 */
export class StorageNames {
  readonly #files: readonly TorrentFile[];
  readonly #output: string | null;
  /** Part names other than `NAME.part`, by file. */
  readonly #unusual = new Map<number, string>();
  /** Names of files that lie under their exact names, or in folders that do. */
  readonly #exact = new Map<number, FileNames>();
  /** Files whose usual part name another file has, with the number in the part name that they have instead. */
  readonly #passed = new Map<number, number>();

  /** `output` takes the place of the first element of each path; null keeps that element. */
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

  /** The folders right below the download folder in which files lie; null when one lies in the download folder. */
  topFolders(): readonly string[] | null {
    const tops = new Set<string>();
    for (const { path } of this.#files) {
      if (path.length === 1) return null;
      tops.add(this.#output ?? (path[0] as string));
    }
    for (const { final } of this.#exact.values()) tops.add(final.slice(0, final.indexOf('/')));
    return [...tops];
  }

  /** From here on each of these files has its next part name. No other file of the torrent has that name. */
  passOver(files: readonly number[]): void {
    for (const file of files) this.#passed.set(file, (this.#passed.get(file) ?? 0) + 1);
  }

  /** Undoes `passOver`. */
  usePart(files: readonly number[]): void {
    for (const file of files) this.#passed.delete(file);
  }

  /** The files that may lie under other names than btget gives them. Linear; there are none in nearly every torrent. */
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
        // `settle` tells apart two names that are spelled alike.
        twin: twin === name ? null : twin,
      };
    });
  }

  /** From here on the files have the names that were found. No two files share a name. */
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
    // A file that loses its exact name gets its clean one back, which may be the exact name of another file.
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

  /** What the link with this index holds: the relative path from its folder to its target. Null for any other file. */
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

  /** A torrent may itself hold `a` and `a.part`. Then `a` grows as `a.1.part`, or with the next number that is free. */
  #findUnusual(): void {
    // The search below takes as long as making all paths safe does, and hardly any torrent needs it.
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

/**
 * A part name with a number in it. A final name may be as long as file systems allow, so it is shortened where the
 * number does not fit.
 */
function numberedPart(final: string, number: number): string {
  const end = `.${number}${PART}`;
  const name = lastOf(final);
  const fits = nameBytes(`${name}${end}`).length <= LONGEST_NAME;
  return fits ? `${final}${end}` : `${final.slice(0, final.length - name.length)}${shortened(name)}${end}`;
}

/** Adds `path` and every folder above it. For a path that is in `taken`, its folders are there already. */
function addWithFolders(taken: Set<string>, path: string): void {
  for (let end = path.length; end > 0 && !taken.has(path.slice(0, end)); end = path.lastIndexOf('/', end - 1)) {
    taken.add(path.slice(0, end));
  }
}

function endsLikePart(element: string): boolean {
  const last = element.at(-1);
  return (last === 't' || last === 'T') && element.slice(-PART.length).toLowerCase() === PART;
}
