/** What one attack did, for the table that `npm run test:hostile -- --report` prints. */
import { appendFileSync } from 'node:fs';

export interface AttackRow {
  /** Who attacks what, by which means: a short sentence. */
  readonly attack: string;
  /** What was measured, with its unit: `wall, s`, `longest hold of the loop, ms`. */
  readonly figure: string;
  /** What was measured without the attack; null where nothing was. */
  readonly clean: number | null;
  readonly underAttack: number;
  /** What the figure may be at most: the same number that the test asserts. */
  readonly limit: number;
}

/** Adds `row`, its figures to two decimals, to the file that HOSTILE_REPORT names; without that name it does nothing. */
export function reportAttack(row: AttackRow): void {
  const file = process.env['HOSTILE_REPORT'];
  const rounded = (_key: string, value: unknown): unknown =>
    typeof value === 'number' ? Math.round(value * 100) / 100 : value;
  if (file !== undefined) appendFileSync(file, `${JSON.stringify(row, rounded)}\n`);
}
