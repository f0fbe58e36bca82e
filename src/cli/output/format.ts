/** Sizes, rates and durations for people. Scripts read bytes and seconds in JSON instead. */

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'] as const;

/** `1.4 GiB`, `16 KiB`: with one decimal below a hundred, unless the decimal is zero. */
export function formatSize(bytes: number): string {
  let value = bytes;
  let unit = 0;
  // 1023.5 would be rounded to 1024, which is one of the next unit.
  while (value >= 1023.5 && unit < UNITS.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${value.toFixed(value >= 99.95 ? 0 : 1).replace(/\.0$/, '')} ${UNITS[unit] ?? 'B'}`;
}

export function formatRate(bytesPerSecond: number): string {
  return `${formatSize(bytesPerSecond)}/s`;
}

/** `45s`, `2m10s`, `3h05m`, `1d04h`: the two largest units. It rounds `seconds` up, so that 0s means done. */
export function formatDuration(seconds: number): string {
  const whole = Math.ceil(seconds);
  const two = (number: number): string => String(number).padStart(2, '0');
  if (whole < 60) return `${whole}s`;
  if (whole < 3600) return `${Math.floor(whole / 60)}m${two(whole % 60)}s`;
  if (whole < 86_400) return `${Math.floor(whole / 3600)}h${two(Math.floor((whole % 3600) / 60))}m`;
  return `${Math.floor(whole / 86_400)}d${two(Math.floor((whole % 86_400) / 3600))}h`;
}

/** Whole percent, rounded down, so that 100% means that nothing is missing. */
export function formatPercent(part: number, whole: number): string {
  return `${whole === 0 ? 100 : Math.floor((part / whole) * 100)}%`;
}

/** `1 peer`, `2 peers`, `12,345 pieces`. */
export function formatCount(count: number, noun: string): string {
  return `${count.toLocaleString('en-US')} ${noun}${count === 1 ? '' : 's'}`;
}

/** `0.35`, `12.3`, `123`, `45k`: at most four characters. It rounds down, so that a goal shows once it is reached. */
export function formatRatio(ratio: number): string {
  const decimals = ratio < 10 ? 2 : ratio < 100 ? 1 : 0;
  if (ratio >= 1000) return `${Math.min(999, Math.floor(ratio / 1000))}k`;
  const unit = 10 ** decimals;
  // 0.29 × 100 is a little less than 29.
  return (Math.floor(ratio * unit + 1e-9) / unit).toFixed(decimals);
}

/** `2`, `1.5`, `0.75`: as the user gave it, with two decimals at most. */
export function formatRatioGoal(ratio: number): string {
  return String(Number(ratio.toFixed(2)));
}
