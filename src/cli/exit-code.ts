/** The exit codes of the command line. The numbers are aria2's wherever the meaning is the same. */
import { BtgetError, type FailureCode } from '../base/failure.js';
import { redactText } from '../base/redaction.js';
import { machineFailure } from './machine-failure.js';
import { mappedTrace } from './mapped-trace.js';
import { abridged, printable } from './output/escape.js';

const EXIT_CODES: Readonly<Record<FailureCode, number>> = {
  failed: 1,
  'gave-up': 2,
  'source-not-found': 3,
  network: 6,
  interrupted: 7,
  'disk-full': 9,
  'target-busy': 11,
  'foreign-file': 13,
  'cannot-open': 16,
  io: 17,
  'not-bencoded': 25,
  'torrent-invalid': 26,
  'magnet-invalid': 27,
  usage: 28,
  'bytes-missing': 32,
};

/**
 * A bug in btget: any failure that is not a `BtgetError` and that `machineFailure` cannot explain by what the machine
 * lacks.
 */
const BUG = 70;

/** The exit code that stands for `failure`, which may be any value that was thrown. */
export function exitCodeOf(failure: unknown): number {
  const known = knownFailure(failure);
  return known === null ? BUG : EXIT_CODES[known.code];
}

/** The exit code of the first failure, in the order of the sources. Null and undefined are no failure: 0 for these. */
export function firstExitCode(failures: readonly unknown[]): number {
  const first = failures.find((failure) => failure !== null && failure !== undefined);
  return first === undefined ? 0 : exitCodeOf(first);
}

/** The stable word by which scripts know the failure. */
export function failureCode(failure: unknown): FailureCode | 'bug' {
  return knownFailure(failure)?.code ?? 'bug';
}

/** One sentence for people, of bounded length. The text of a bug asks for a report and shows the stack. */
export function failureMessage(failure: unknown): string {
  const known = knownFailure(failure);
  if (known !== null) return abridged(known.message);
  const trace = failure instanceof Error ? (failure.stack ?? failure.message) : String(failure);
  return `this is a bug in btget, please report it with the following lines\n${redactText(mappedTrace(trace))}`;
}

/**
 * The message of a failure for people: one line, whatever it quotes. That of a bug alone has a line for each frame of
 * the stack.
 */
export function failureLines(code: string, message: string): string[] {
  return (code === 'bug' ? message.split('\n') : [message]).map(printable);
}

function knownFailure(failure: unknown): BtgetError | null {
  return machineFailure(failure) ?? (failure instanceof BtgetError ? failure : null);
}
