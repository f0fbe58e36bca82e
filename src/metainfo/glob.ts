/**
 * Globs, by which users mean files. picomatch reads the elements of a path. What it makes of a whole glob would go back
 * over a name again and again: each `*` multiplies the time by the length of the name.
 */
import picomatch from 'picomatch';
import { BtgetError } from '../base/failure.js';

/**
 * Whether a glob means the file or folder at a path, given as its elements. A glob with a slash may also begin with one
 * of `tops`: the elements of a folder in which the path begins.
 */
export type PathMatcher = (path: readonly string[], tops?: readonly (readonly string[])[]) => boolean;

/** UTF-16 units. No path is longer. */
const MAX_LENGTH = 4096;
const MAX_ALTERNATIVES = 1000;

/**
 * A matcher for a glob. A glob without a slash means files and folders of that name anywhere; one with a slash is a
 * path from its first element on, and `./` means nothing. A folder stands for all that is in it. In an element `*`
 * stands for any characters, `?` for one, `[a-z]` and `[!a-z]` for one of a class, and the character after a backslash
 * for itself; `**` stands for any number of elements. `{a,b}` and `{1..12}` stand for each of their alternatives. Names
 * that begin with a dot are as any other. To match a path takes at most the product of the lengths of both. Throws a
 * 'usage' failure for a glob that is too long or has too many alternatives; `option` names it.
 */
export function createGlob(pattern: string, option: string): PathMatcher {
  if (pattern.length > MAX_LENGTH)
    throw new BtgetError('usage', `${option}: a pattern has at most ${MAX_LENGTH} characters`);
  const alternatives = expandBraces(tokensOf(pattern), 0);
  if (alternatives.length > MAX_ALTERNATIVES)
    throw new BtgetError('usage', `${option}: ${pattern} stands for more than ${MAX_ALTERNATIVES} patterns`);
  const matchers = alternatives.map((tokens) => (tokens.includes('/') ? matchPath(tokens) : matchName(tokens)));
  return (path, tops = []) => matchers.some((matches) => matches(path, tops));
}

function matchName(tokens: readonly string[]): PathMatcher {
  const element = readElement(tokens);
  return (path) => path.some((name) => element.test(name));
}

/** Stands for any number of elements. */
const GLOBSTAR = null;

function matchPath(tokens: readonly string[]): PathMatcher {
  const written = splitAt(tokens, '/').filter((element, at) => isMeant(element.join(''), at === 0));
  if (written.at(-1)?.length === 0) written.pop();
  if (written.length === 0) return () => false;
  const elements = written.map((element) => (element.join('') === '**' ? GLOBSTAR : readElement(element)));
  // A folder stands for all that is in it.
  const all = [...elements, GLOBSTAR];
  return (path, tops = []) => fits(all, path) || tops.some((top) => fits(all, [...top, ...path]));
}

/** `.` leads nowhere, and many slashes are as one. In first place no character means an absolute path. */
function isMeant(element: string, isFirst: boolean): boolean {
  return element !== '.' && (element !== '' || isFirst);
}

/**
 * Whether the elements of a glob fit all names of a path. When one does not fit, only the last globstar so far takes
 * one more name: a name that an earlier one could take, the last one can take as well.
 */
function fits(elements: readonly (RegExp | typeof GLOBSTAR)[], path: readonly string[]): boolean {
  let element = 0;
  let afterGlobstar = -1;
  let taken = 0;
  for (let name = 0; name < path.length; ) {
    const current = elements[element];
    if (current === GLOBSTAR) {
      element += 1;
      afterGlobstar = element;
      taken = name;
    } else if (current?.test(path[name] as string) === true) {
      element += 1;
      name += 1;
    } else if (afterGlobstar !== -1) {
      taken += 1;
      name = taken;
      element = afterGlobstar;
    } else return false;
  }
  return elements.slice(element).every((left) => left === GLOBSTAR);
}

/** What picomatch makes of `*`. No user can write it inside of an element, because it has a slash. */
const STAR = '[^/]*?';
const NOTHING = /(?!)/;
/** An element without a character: what is before the first slash of an absolute path. No name is like it. */
const NO_NAME = /^$/;

/**
 * A regular expression for one element. Each `*` but the last one takes as little as it can and gives nothing back: all
 * that stands between two stars has one length, so what a star could take later the next star can take as well.
 */
function readElement(tokens: readonly string[]): RegExp {
  if (tokens.length === 0) return NO_NAME;
  const { source, flags } = picomatch.makeRe(tokens.map(spell).join(''), {
    dot: true,
    fastpaths: false,
    flags: 'su',
    literalBrackets: false,
    noextglob: true,
    noglobstar: true,
    nonegate: true,
    windows: false,
  });
  // picomatch makes this of what no regular expression can say: a range that ends before it begins.
  if (source === '$^') return NOTHING;
  const parts = source.split(STAR);
  if (parts.length > 1 !== tokens.includes('*')) throw new Error('picomatch makes something else of a star');
  const possessive = parts.map((part, at) => {
    if (at === 0) return part;
    return at === parts.length - 1 ? `${STAR}${part}` : `(?=(${STAR}${part}))\\${at}`;
  });
  return new RegExp(possessive.join(''), flags);
}

/** An escaped character, a class, or one character. A closing bracket in first place is a member of its class. */
const TOKENS = /\\.|\[[!^]?[^/][^\]/]*\]|./gsu;

function tokensOf(pattern: string): string[] {
  return pattern.match(TOKENS) ?? [];
}

/**
 * A token for picomatch. It takes more characters for special than we do, and never comes back from four backslashes in
 * a row, so each of these gets its code.
 */
function spell(token: string): string {
  if (token === '*' || token === '?') return token;
  const [, negation, members] = /^\[([!^]?)(.+)\]$/su.exec(token) ?? [];
  if (members !== undefined) return `[${negation === '' ? '' : '^'}${members.replace(/[\\[\]^]/g, code)}]`;
  return (token.length > 1 && token.startsWith('\\') ? token.slice(1) : token).replace(/[\\^$.*+?()[\]{}|!@"]/, code);
}

function code(character: string): string {
  return `\\x${character.charCodeAt(0).toString(16)}`;
}

/** The globs without braces for which this one stands; more than `MAX_ALTERNATIVES` when it is too many. */
function expandBraces(tokens: readonly string[], from: number): readonly (readonly string[])[] {
  for (let open = tokens.indexOf('{', from); open !== -1; open = tokens.indexOf('{', open + 1)) {
    const close = closingBrace(tokens, open);
    const choices = close === -1 ? [] : choicesOf(tokens.slice(open + 1, close));
    if (choices.length === 0) continue;
    const expanded: (readonly string[])[] = [];
    for (const choice of choices) {
      expanded.push(...expandBraces([...tokens.slice(0, open), ...choice, ...tokens.slice(close + 1)], open));
      if (expanded.length > MAX_ALTERNATIVES) break;
    }
    return expanded;
  }
  return [tokens];
}

/** Where the brace that opens at `open` is closed; -1 when nothing closes it, so that it stands for itself. */
function closingBrace(tokens: readonly string[], open: number): number {
  let depth = 0;
  for (let at = open; at < tokens.length; at += 1) {
    if (tokens[at] === '{') depth += 1;
    if (tokens[at] === '}') depth -= 1;
    if (depth === 0) return at;
  }
  return -1;
}

/** What stands between braces: alternatives, or the numbers of a range. Empty when the braces stand for themselves. */
function choicesOf(inside: readonly string[]): readonly (readonly string[])[] {
  const choices = splitAt(inside, ',');
  if (choices.length > 1) return choices;
  const [, first = '', last = ''] = /^(\d{1,9})\.\.(\d{1,9})$/.exec(inside.join('')) ?? [];
  if (first === '' || Number(last) < Number(first)) return [];
  const count = Math.min(Number(last) - Number(first), MAX_ALTERNATIVES) + 1;
  const digits = first.startsWith('0') ? first.length : 1;
  return Array.from({ length: count }, (_, at) => [...String(Number(first) + at).padStart(digits, '0')]);
}

/** The parts of `tokens` between separators that stand in no braces. */
function splitAt(tokens: readonly string[], separator: string): string[][] {
  const parts: string[][] = [[]];
  let depth = 0;
  for (const token of tokens) {
    if (separator === ',' && token === '{') depth += 1;
    if (separator === ',' && token === '}') depth -= 1;
    if (token === separator && depth === 0) parts.push([]);
    else parts.at(-1)?.push(token);
  }
  return parts;
}
