/** What one check of `btget doctor` found. */
import { BtgetError, type FailureCode } from '../../base/failure.js';
import { jsonLine, printable } from '../output/escape.js';

export interface Finding {
  /** A stable word for scripts. */
  readonly check:
    | 'listen'
    | 'ipv4'
    | 'ipv6'
    | 'udp'
    | 'dht'
    | 'port-mapping'
    | 'tracker'
    | 'source'
    | 'disk'
    | 'descriptors';
  /**
   * 'ok': it works. 'warning': it works less well than it could. 'failed': transfers suffer or cannot be. 'skipped':
   * not looked at, because the options say so.
   */
  readonly state: 'ok' | 'warning' | 'failed' | 'skipped';
  /** One sentence: what was seen. */
  readonly message: string;
  /** What to do about it, or null. */
  readonly hint: string | null;
  /** Of what failed, for the exit code; null for the rest. */
  readonly failure: FailureCode | null;
}

type Check = Finding['check'];

export function fine(check: Check, message: string): Finding {
  return { check, state: 'ok', message, hint: null, failure: null };
}

export function warning(check: Check, message: string, hint: string | null): Finding {
  return { check, state: 'warning', message, hint, failure: null };
}

export function failed(check: Check, message: string, hint: string | null, failure: FailureCode = 'network'): Finding {
  return { check, state: 'failed', message, hint, failure };
}

export function skipped(check: Check, message: string): Finding {
  return { check, state: 'skipped', message, hint: null, failure: null };
}

/** As the exit code is made of; null when nothing failed. */
export function failureOf({ failure, message }: Finding): BtgetError | null {
  return failure === null ? null : new BtgetError(failure, message);
}

const WIDTH = 'warning'.length;

/** The findings of `btget doctor` for people and for scripts. */
export function findingLine({ state, message, hint }: Finding): string {
  return printable(`${state.padEnd(WIDTH)}  ${message}${hint === null ? '' : ` (${hint})`}`);
}

/** One object a line. */
export function findingJson({ check, state, message, hint, failure }: Finding): string {
  return jsonLine({ check, state, code: failure, message, hint });
}
