import type { ListenOutcome, SocketFailure } from './raw-server.js';

/** The system's words for why a socket ended. Whatever is missing here is `failed`. */
const SOCKET_CODES: ReadonlyMap<string, SocketFailure['code']> = new Map([
  ['ECONNREFUSED', 'refused'],
  // A Unix socket that nobody has made.
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

export function socketFailure(error: unknown): SocketFailure {
  const cause = codeOf(error) ?? error;
  return { code: (typeof cause === 'string' ? SOCKET_CODES.get(cause) : undefined) ?? 'failed', cause };
}

export function listenFailure(error: unknown): ListenOutcome & { readonly ok: false } {
  const cause = codeOf(error) ?? error;
  if (cause === 'EADDRINUSE') return { ok: false, code: 'in-use', cause };
  return { ok: false, code: cause === 'EACCES' || cause === 'EPERM' ? 'forbidden' : 'failed', cause };
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}
