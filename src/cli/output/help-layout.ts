/** Lays out help in the columns that there are. No line is longer, and no word is broken. */

/** An example or an option, and what it does. */
export type HelpRow = readonly [term: string, sentence: string];

const INDENT = 2;
const GAP = 2;
/** Where sentences have fewer columns, each stands below its term instead. */
const LEAST_SENTENCE = 28;
const BELOW = 6;

/** The words of `text` in lines of at most `width` columns. All lines but the first begin with `indent` blanks. */
export function wrapText(text: string, width: number, indent = 0): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    const longer = line === '' ? word : `${line} ${word}`;
    if (line !== '' && longer.length > width) {
      lines.push(line);
      line = `${' '.repeat(indent)}${word}`;
    } else line = longer;
  }
  return [...lines, line];
}

/** Terms to the left, what they do to the right. Where that is too narrow, what they do stands below them. */
export function layRows(rows: readonly HelpRow[], width: number): string[] {
  return layAt(columnOf(rows), rows, width);
}

/** The lines of each group, below its title. The sentences of all groups begin in one column. */
export function layGroups(
  groups: readonly { readonly title: string; readonly rows: readonly HelpRow[] }[],
  width: number,
): string[][] {
  const column = columnOf(groups.flatMap(({ rows }) => rows));
  return groups.map(({ title, rows }) => [title, ...layAt(column, rows, width)]);
}

function columnOf(rows: readonly HelpRow[]): number {
  return INDENT + Math.max(0, ...rows.map(([term]) => term.length)) + GAP;
}

function layAt(column: number, rows: readonly HelpRow[], width: number): string[] {
  if (width - column < LEAST_SENTENCE) return rows.flatMap(([term, sentence]) => rowBelow(term, sentence, width));
  return rows.flatMap(([term, sentence]) => {
    const [first = '', ...others] = wrapText(sentence, width - column);
    const head = `${' '.repeat(INDENT)}${term.padEnd(column - INDENT)}${first}`;
    return [head.trimEnd(), ...others.map((line) => `${' '.repeat(column)}${line}`)];
  });
}

function rowBelow(term: string, sentence: string, width: number): string[] {
  const [first = '', ...others] = wrapText(sentence, width - BELOW).map((line) => `${' '.repeat(BELOW)}${line}`);
  return [...wrapTerm(term, width), ...(first.trim() === '' ? [] : [first]), ...others];
}

/** A command that needs several lines ends all but the last with a backslash, so that a shell takes them as one. */
function wrapTerm(term: string, width: number): string[] {
  const end = ' \\';
  const whole = `${' '.repeat(INDENT)}${term}`;
  if (whole.length <= width) return [whole];
  const lines = wrapText(term, width - INDENT - end.length, INDENT).map((line) => `${' '.repeat(INDENT)}${line}`);
  return lines.map((line, at) => (at === lines.length - 1 ? line : `${line}${end}`));
}

/** What `stdout` shows in a line; 80 when it is no terminal. */
export function helpWidth(stdout: { readonly isTTY?: boolean; readonly columns?: number }): number {
  return stdout.isTTY === true && stdout.columns ? stdout.columns : 80;
}
