import type { Encoder } from '../swarm/connections/encoder.js';
import type { TorrentOptions } from './torrent-options.js';

/**
 * Dials the peers that the user names, and those of the link. The link may be a stranger's: `noted` is told once of its
 * peers that lead where no link may lead us, and what to do about it.
 */
export function dialNamed(
  encoder: Encoder,
  { peers, linkPeers }: Pick<TorrentOptions, 'peers' | 'linkPeers'>,
  noted: (message: string) => void,
): void {
  for (const address of peers) encoder.startConnection(address, { kind: 'user' }, null);
  const refused = linkPeers.filter((address) => !encoder.startConnection(address, { kind: 'link' }, null));
  const [first] = refused;
  if (first === undefined) return;
  const address = `${first.host.includes(':') ? `[${first.host}]` : first.host}:${first.port}`;
  const others = refused.length === 1 ? '' : ` and ${refused.length - 1} more`;
  noted(
    `the link names a peer at ${address}${others}, where no link may lead; --peer ${address} dials it all the same`,
  );
}
