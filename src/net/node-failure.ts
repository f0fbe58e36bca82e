import { systemCode } from '../base/failure.js';
import type { ListenOutcome, SocketFailure } from './raw-server.js';

/** Our code for each of the system's reasons why a socket ended. All other reasons are `failed`. */
const SOCKET_CODES: ReadonlyMap<string, SocketFailure['code']> = new Map([
  ['ECONNREFUSED', 'refused'],
  // There is no Unix socket at that path.
  ['ENOENT', 'refused'],
  ['EHOSTUNREACH', 'unreachable'],
  ['ENETUNREACH', 'unreachable'],
  ['EHOSTDOWN', 'unreachable'],
  ['ENETDOWN', 'unreachable'],
  ['EAFNOSUPPORT', 'unreachable'],
  ['ETIMEDOUT', 'unreachable'],
  ['ECONNRESET', 'reset'],
  ['ECONNABORTED', 'reset'],
  ['EPIPE', 'reset'],
]);

/** Why a socket was lost. `error`: what Node threw or told. */
export function socketFailure(error: unknown): SocketFailure {
  const cause = systemCode(error) ?? error;
  return { code: (typeof cause === 'string' ? SOCKET_CODES.get(cause) : undefined) ?? 'failed', cause };
}

/** Why we cannot listen. `error`: what Node threw or told. */
export function listenFailure(error: unknown): ListenOutcome & { readonly ok: false } {
  const cause = systemCode(error) ?? error;
  if (cause === 'EADDRINUSE') return { ok: false, code: 'in-use', cause };
  return { ok: false, code: cause === 'EACCES' || cause === 'EPERM' ? 'forbidden' : 'failed', cause };
}
