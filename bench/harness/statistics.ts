/** The middle one, or the mean of the two in the middle; NaN of nothing. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const above = sorted[sorted.length >> 1] ?? Number.NaN;
  return sorted.length % 2 === 1 ? above : ((sorted[(sorted.length >> 1) - 1] ?? Number.NaN) + above) / 2;
}

/**
 * The median of the ratios run by run: what else the machine did at the time falls on both sides of a pair. Runs that one
 * side lacks make no pair; NaN when there is none.
 */
export function medianRatio(over: readonly number[], under: readonly number[]): number {
  return median(
    over.flatMap((figure, run) => {
      const other = under[run];
      return other === undefined ? [] : [figure / other];
    }),
  );
}
