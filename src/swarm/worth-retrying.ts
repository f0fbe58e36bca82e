import type { Millis } from '../base/clock.js';
import type { Connection, Ending } from './connection.js';
import type { Spares } from './spares.js';

/** Keeps of a connection that we dialled what its end says of its address. It was good when it lasted `goodAfter`. */
export function rememberEnding(
  spares: Spares,
  { address, completeSince }: Connection,
  ending: Ending,
  now: Millis,
  goodAfter: Millis,
): void {
  if (completeSince !== null && now - completeSince >= goodAfter) spares.proved(address);
  if (isWorthRetrying(ending)) spares.failed(address, now);
  else if (isHopeless(ending)) spares.condemn(address);
}

/** Whether the same address may do better later. What a peer did wrong once, it does wrong again. */
function isWorthRetrying(ending: Ending): boolean {
  if (ending.by === 'peer') return ending.failure.code !== 'forbidden';
  const { code } = ending.reason;
  return code === 'connect-timeout' || code === 'handshake-timeout' || code === 'idle';
}

/** Whether whoever names the address again is to be ignored: we found ourselves, or somebody who speaks something else. */
function isHopeless(ending: Ending): boolean {
  return ending.by === 'us' && (ending.reason.code === 'own-peer-id' || ending.reason.code === 'not-bittorrent');
}
