/**
 * How many peers are served at once when nobody has said a number: few at a low upload limit, so that each gets enough
 * to be worth its while, and more with the square root of the limit above that. `rate` is the limit in bytes a second,
 * or null for none.
 */
export function uploadSlotsForRate(rate: number | null): number {
  if (rate === null) return 7;
  const kilobytes = rate / 1000;
  if (kilobytes < 9) return 2;
  if (kilobytes < 15) return 3;
  if (kilobytes < 42) return 4;
  return Math.floor(Math.sqrt(kilobytes * 0.6));
}
