/** Why a socket was lost or could not send. `cause` is the system's own word where there is one (`ECONNREFUSED`). */
export interface SocketFailure {
  readonly code: 'refused' | 'unreachable' | 'forbidden' | 'reset' | 'ended' | 'idle' | 'failed';
  readonly cause?: unknown;
}
