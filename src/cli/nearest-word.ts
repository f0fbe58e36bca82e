/** Of `words` the one that `typed` is most like; null when none is so near that it may be meant. */
export function nearestWord(typed: string, words: Iterable<string>): string | null {
  let nearest: string | null = null;
  let least = Math.max(2, Math.floor(typed.length / 3)) + 1;
  for (const word of words) {
    const distance = editDistance(typed, word);
    // A word of two letters is two edits from any other.
    if (distance >= least || distance >= word.length) continue;
    nearest = word;
    least = distance;
  }
  return nearest;
}

// Longer than any word of ours. The work grows with the square of the length.
const LONGEST = 60;

/** How many letters must be put in, left out, changed or swapped with the next one to make `b` of `a`. */
function editDistance(a: string, b: string): number {
  if (a.length > LONGEST || b.length > LONGEST) return LONGEST;
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i += 1) {
    const row = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const isSame = a[i - 1] === b[j - 1];
      let edits = Math.min((last[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, (last[j - 1] ?? 0) + (isSame ? 0 : 1));
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        edits = Math.min(edits, (beforeLast[j - 2] ?? 0) + 1);
      row.push(edits);
    }
    beforeLast = last;
    last = row;
  }
  return last[b.length] ?? 0;
}
