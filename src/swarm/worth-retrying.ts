import type { Ending } from './connection.js';

/** Whether the same address may do better later. What a peer did wrong once, it does wrong again. */
export function isWorthRetrying(ending: Ending): boolean {
  if (ending.by === 'peer') return ending.failure.code !== 'forbidden';
  const { code } = ending.reason;
  return code === 'connect-timeout' || code === 'handshake-timeout' || code === 'idle';
}

/** Whether whoever names the address again is to be ignored: we found ourselves, or somebody who speaks something else. */
export function isHopeless(ending: Ending): boolean {
  return ending.by === 'us' && (ending.reason.code === 'own-peer-id' || ending.reason.code === 'not-bittorrent');
}
