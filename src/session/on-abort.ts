/**
 * Calls `aborted` when `signal` is aborted, and at once when it has been. The function that this returns ends the
 * waiting: a signal may live as long as its program, and must not keep what is over.
 */
export function onAbort(signal: AbortSignal | null, aborted: () => void): () => void {
  if (signal?.aborted === true) aborted();
  else signal?.addEventListener('abort', aborted, { once: true });
  return () => signal?.removeEventListener('abort', aborted);
}
