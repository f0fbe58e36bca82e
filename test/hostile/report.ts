/** What one attack did, for the table that `npm run test:hostile -- --report` prints. */
import { appendFileSync } from 'node:fs';

export interface AttackRow {
  /** Who attacks what, by which means: a short sentence. */
  readonly attack: string;
  /** What was measured, with its unit: `wall, s`, `longest hold of the loop, ms`. */
  readonly figure: string;
  /** Without the attack; null where there is nothing to compare with. */
  readonly clean: number | null;
  readonly underAttack: number;
  /** What the figure may be at most: the same number that the test asserts. */
  readonly limit: number;
}

/** Adds `row` to the file that HOSTILE_REPORT names; without one nobody asked for a table. */
export function reportAttack(row: AttackRow): void {
  const file = process.env['HOSTILE_REPORT'];
  if (file !== undefined) appendFileSync(file, `${JSON.stringify(row)}\n`);
}
