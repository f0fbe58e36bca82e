/** Finds out which files of a torrent the user wants. */
import { BtgetError } from '../base/failure.js';
import type { FileRange } from './magnet.js';
import type { Metainfo, TorrentFile } from './metainfo.js';

/** What a user wants of a torrent, said before its files are known. */
export interface SelectionRequest {
  /** Numbers as `show` prints them (`1-3,7`), or globs. A file is wanted when one of them matches it. Empty: all. */
  readonly select: readonly string[];
  /** Numbers or globs of files that are not wanted, even when `select` matches them. */
  readonly exclude: readonly string[];
  /** What a magnet link selects, by index in the metainfo. It counts only when `select` is empty. Null: all. */
  readonly ranges: readonly FileRange[] | null;
}

const NUMBERS = /^\d+(?:-\d+)?(?:,\d+(?:-\d+)?)*$/;

/**
 * The wanted files, by index in the metainfo and in order. Pad files are never wanted. Throws a 'usage' failure for a
 * number that no file has, for a pattern that matches no file, and when no file is left. `selecting` is what the user
 * calls the patterns of `select`.
 */
export function selectFiles(
  metainfo: Metainfo,
  request: SelectionRequest,
  selecting = '--select',
): ReadonlySet<number> {
  const files = metainfo.files.map((file, index) => ({ file, index })).filter(({ file }) => !file.padding);
  const selected = new Set<number>();
  const meant = (option: string, pattern: string): number[] => {
    const matches = createFileMatcher(pattern);
    const all = NUMBERS.test(pattern) ? byNumbers(files, option, pattern) : files.filter(({ file }) => matches(file));
    if (all.length === 0) throw new BtgetError('usage', `${option}: no file of ${metainfo.name} matches ${pattern}`);
    return all.map(({ index }) => index);
  };
  for (const pattern of request.select) for (const index of meant(selecting, pattern)) selected.add(index);
  if (request.select.length === 0) {
    for (const { index } of files) if (isInRanges(index, request.ranges)) selected.add(index);
  }
  for (const pattern of request.exclude) for (const index of meant('--exclude', pattern)) selected.delete(index);
  if (selected.size === 0) throw new BtgetError('usage', `no file of ${metainfo.name} is left to download`);
  return new Set([...selected].sort((a, b) => a - b));
}

function byNumbers<T>(files: readonly T[], option: string, pattern: string): T[] {
  return pattern.split(',').flatMap((part) => {
    const [first = 0, last = first] = part.split('-').map(Number);
    for (const number of [first, last]) {
      if (number < 1 || number > files.length)
        throw new BtgetError('usage', `${option}: there is no file ${number}: the torrent has ${files.length}`);
    }
    if (first > last) throw new BtgetError('usage', `${option}: the range ${part} ends before it begins`);
    return files.slice(first - 1, last);
  });
}

/**
 * A pattern without a slash matches files and folders of that name anywhere. A pattern with a slash is a path, with or
 * without the torrent's top folder. A folder stands for all files in it.
 */
function createFileMatcher(pattern: string): (file: TorrentFile) => boolean {
  const matches = createGlob(pattern.replace(/\/+$/, ''));
  if (!pattern.includes('/')) return ({ path }) => path.some((element) => matches([element]));
  return ({ path }) =>
    path.some((_, at) => matches(path.slice(0, at + 1)) || (at > 0 && matches(path.slice(1, at + 1))));
}

function isInRanges(index: number, ranges: readonly FileRange[] | null): boolean {
  return ranges === null || ranges.some(({ first, last }) => first <= index && index <= last);
}

type Token =
  | { readonly kind: 'character'; readonly matches: (character: string) => boolean }
  | { readonly kind: 'star' };

type Element = { readonly kind: 'element'; readonly tokens: readonly Token[] } | { readonly kind: 'globstar' };

/** Whether the pattern matches a path, given as its elements. */
type PathMatcher = (path: readonly string[]) => boolean;

/**
 * A matcher of paths for a glob. `*` stands for any characters of one element, `?` for one character, `[a-z]` and
 * `[!a-z]` for one character of a class, `**` for any number of elements. The character after a backslash stands for
 * itself. Matching takes at most the product of both lengths.
 */
export function createGlob(pattern: string): PathMatcher {
  const elements = pattern
    .split('/')
    .map(
      (element): Element => (element === '**' ? { kind: 'globstar' } : { kind: 'element', tokens: tokenize(element) }),
    );
  return (path) =>
    matchAll(
      elements,
      path,
      (element) => element.kind === 'globstar',
      (element, name) => element.kind === 'element' && matchesName(element.tokens, name),
    );
}

function matchesName(tokens: readonly Token[], name: string): boolean {
  return matchAll(
    tokens,
    [...name],
    (token) => token.kind === 'star',
    (token, character) => token.kind === 'character' && token.matches(character),
  );
}

/**
 * Whether the parts of a pattern fit all the items. Some parts are stars: they stand for any number of items. When a
 * part does not fit, only the last star so far takes one more item: an item that an earlier star could take, the last
 * one can take as well.
 */
function matchAll<Part, Item>(
  parts: readonly Part[],
  items: readonly Item[],
  isStar: (part: Part) => boolean,
  fits: (part: Part, item: Item) => boolean,
): boolean {
  let part = 0;
  let item = 0;
  let star = -1;
  let taken = 0;
  while (item < items.length) {
    const current = parts[part];
    if (current !== undefined && isStar(current)) {
      star = part;
      taken = item;
      part += 1;
    } else if (current !== undefined && fits(current, items[item] as Item)) {
      part += 1;
      item += 1;
    } else if (star !== -1) {
      taken += 1;
      item = taken;
      part = star + 1;
    } else return false;
  }
  return parts.slice(part).every(isStar);
}

function tokenize(element: string): readonly Token[] {
  const tokens: Token[] = [];
  const characters = [...element];
  for (let at = 0; at < characters.length; at += 1) {
    const character = characters[at] as string;
    const end = character === '[' ? classEnd(characters, at) : -1;
    if (character === '*') tokens.push({ kind: 'star' });
    else if (character === '?') tokens.push({ kind: 'character', matches: () => true });
    else if (end !== -1) {
      tokens.push({ kind: 'character', matches: characterClass(characters.slice(at + 1, end)) });
      at = end;
    } else {
      const escaped = character === '\\' ? characters[at + 1] : undefined;
      if (escaped !== undefined) at += 1;
      const literal = escaped ?? character;
      tokens.push({ kind: 'character', matches: (other) => other === literal });
    }
  }
  return tokens;
}

/** Where the class that begins at `begin` ends; -1 when no bracket closes it, so that the bracket stands for itself. */
function classEnd(characters: readonly string[], begin: number): number {
  const negation = characters[begin + 1] === '!' || characters[begin + 1] === '^' ? 1 : 0;
  // A class is never empty, so a closing bracket in first place is a member of it.
  return characters.indexOf(']', begin + 2 + negation);
}

function characterClass(inside: readonly string[]): (character: string) => boolean {
  const negated = inside[0] === '!' || inside[0] === '^';
  const members = negated ? inside.slice(1) : inside;
  const ranges: (readonly [from: string, to: string])[] = [];
  for (let at = 0; at < members.length; at += 1) {
    const from = members[at] as string;
    const to = members[at + 1] === '-' ? members[at + 2] : undefined;
    ranges.push([from, to ?? from]);
    if (to !== undefined) at += 2;
  }
  const code = (character: string) => character.codePointAt(0) ?? 0;
  return (character) =>
    ranges.some(([from, to]) => code(from) <= code(character) && code(character) <= code(to)) !== negated;
}
