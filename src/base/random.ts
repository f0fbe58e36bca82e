/** Chance for all code that is not an adapter: the operating system's, or a seeded one in tests. */
export interface Random {
  /** A whole number from 0 to `bound` − 1; all are equally likely. `bound` is at least 1 and at most 2^32. */
  below(bound: number): number;
  /** `length` bytes that no other party can guess (for peer ids and tracker keys). */
  bytes(length: number): Buffer;
}

/** Puts the elements of `items` in a random order, in place, and returns `items`. */
export function shuffle<T>(random: Random, items: T[]): T[] {
  for (let last = items.length - 1; last > 0; last -= 1) {
    const other = random.below(last + 1);
    const held = items[last] as T;
    items[last] = items[other] as T;
    items[other] = held;
  }
  return items;
}
