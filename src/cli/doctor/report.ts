/** The findings of `btget doctor` for people and for scripts. */
import { jsonLine, printable } from '../output/escape.js';
import type { Finding } from './finding.js';

const WIDTH = 'warning'.length;

export function findingLine({ state, message, hint }: Finding): string {
  return printable(`${state.padEnd(WIDTH)}  ${message}${hint === null ? '' : ` (${hint})`}`);
}

/** One object a line. */
export function findingJson({ check, state, message, hint, failure }: Finding): string {
  return jsonLine({ check, state, code: failure, message, hint });
}
