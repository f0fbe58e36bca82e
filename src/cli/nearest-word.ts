/** Finds the word that the user may have meant. */

/**
 * The word of `words` that is nearest to `typed`, whatever the case, when a slip or two make the one of the other: a
 * character too many, too few, or another one, or two in the wrong order. Words of four characters and fewer are near
 * by one slip. Null when none is near.
 */
export function nearestWord<T extends string>(typed: string, words: Iterable<T>): T | null {
  let nearest: T | null = null;
  let least = Number.POSITIVE_INFINITY;
  for (const word of words) {
    const most = Math.min(typed.length, word.length) <= 4 ? 1 : 2;
    if (Math.abs(typed.length - word.length) > most) continue;
    const slips = slipsBetween(typed.toLowerCase(), word.toLowerCase());
    if (slips > most || slips >= least) continue;
    nearest = word;
    least = slips;
  }
  return nearest;
}

/** The optimal string alignment distance: as Levenshtein's, and two neighbours in the wrong order are one slip. */
function slipsBetween(a: string, b: string): number {
  let before: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row += 1) {
    const next = [row];
    for (let column = 1; column <= b.length; column += 1) {
      const isSame = a[row - 1] === b[column - 1];
      let slips = Math.min(at(last, column) + 1, at(next, column - 1) + 1, at(last, column - 1) + (isSame ? 0 : 1));
      if (row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1])
        slips = Math.min(slips, at(before, column - 2) + 1);
      next.push(slips);
    }
    before = last;
    last = next;
  }
  return at(last, b.length);
}

function at(row: readonly number[], column: number): number {
  return row[column] as number;
}
