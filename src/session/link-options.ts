import type { V1MagnetLink } from '../metainfo/magnet.js';
import type { PeerAddress } from '../net/raw-server.js';
import type { TorrentOptions } from '../torrent/torrent-options.js';

/** What a link says besides which torrent it is: its peers, looked up, and its files unless the user has said which. */
export function optionsForLink(
  { selected }: V1MagnetLink,
  peers: readonly PeerAddress[],
  options: TorrentOptions,
): TorrentOptions {
  const { select, exclude } = options.selection;
  const ranges = select.length > 0 || exclude.length > 0 ? null : selected;
  return { ...options, linkPeers: peers, selection: { select, exclude, ranges } };
}
