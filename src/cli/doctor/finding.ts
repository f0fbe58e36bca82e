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
    | 'peers'
    | 'source'
    | 'blocklist'
    | 'proxy'
    | 'proxy-udp'
    | 'disk'
    | 'descriptors';
  /**
   * 'ok': it works. 'warning': it works less well than it could. 'failed': transfers are slow or impossible. 'skipped':
   * not checked, because the options or the system do not allow it.
   */
  readonly state: 'ok' | 'warning' | 'failed' | 'skipped';
  /** What the check saw, in one sentence. */
  readonly message: string;
  /** What the user can do about it, or null. */
  readonly hint: string | null;
  /** The failure that gives the exit code; null when `state` is not 'failed'. */
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

/** The failure of which the exit code is made; null when the check did not fail. */
export function failureOf({ failure, message }: Finding): BtgetError | null {
  return failure === null ? null : new BtgetError(failure, message);
}

const WIDTH = 'warning'.length;

/** A finding for people, in one line. */
export function findingLine({ state, message, hint }: Finding): string {
  return printable(`${state.padEnd(WIDTH)}  ${message}${hint === null ? '' : ` (${hint})`}`);
}

/** A finding for scripts: a JSON object in one line. */
export function findingJson({ check, state, message, hint, failure }: Finding): string {
  return jsonLine({ check, state, code: failure, message, hint });
}
