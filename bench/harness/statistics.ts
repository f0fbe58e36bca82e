/** The middle value by size, or the mean of the two in the middle; NaN when there are no values. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const above = sorted[sorted.length >> 1] ?? Number.NaN;
  return sorted.length % 2 === 1 ? above : ((sorted[(sorted.length >> 1) - 1] ?? Number.NaN) + above) / 2;
}

/**
 * The median of the ratios, run by run, so that other load of the machine falls on both sides of a ratio. A run that
 * one side lacks gives no ratio; NaN when there is no ratio.
 */
export function medianRatio(over: readonly number[], under: readonly number[]): number {
  return median(
    over.flatMap((figure, run) => {
      const other = under[run];
      return other === undefined ? [] : [figure / other];
    }),
  );
}
