/** Links by which a torrent can be begun: those that name it by the hash that peers and trackers know. */
import { BtgetError } from '../base/failure.js';
import { type MagnetLink, parseInfoHash, parseMagnet, shownLink } from './magnet.js';
import type { InfoHash } from './metainfo.js';

export interface V1MagnetLink extends MagnetLink {
  readonly infoHash: InfoHash;
}

const SAYS_NOTHING: MagnetLink = {
  infoHash: null,
  infoHashV2: null,
  name: null,
  length: null,
  trackers: [],
  webSeeds: [],
  peers: [],
  nodes: [],
  selected: null,
};

/**
 * A magnet link, or an info-hash, which is a link that says nothing else, alone or as `urn:btih:…`. Throws
 * 'magnet-invalid' as `parseMagnet` does, and 'torrent-invalid' when it names a torrent of version 2 alone.
 */
export function parseV1Link(text: string): V1MagnetLink {
  const isHash = /^[0-9a-z]*$/i.test(text);
  const link = isHash ? linkOfHash(text) : parseMagnet(/^urn:/i.test(text) ? `magnet:?xt=${text}` : text);
  const { infoHash } = link;
  if (infoHash !== null) return { ...link, infoHash };
  throw new BtgetError('torrent-invalid', `torrents of version 2 alone are not supported yet: ${shownLink(text)}`);
}

function linkOfHash(text: string): MagnetLink {
  const infoHash = parseInfoHash(text) ?? null;
  if (infoHash !== null || /^[0-9a-f]{64}$/i.test(text)) return { ...SAYS_NOTHING, infoHash };
  throw new BtgetError('magnet-invalid', `neither a magnet link nor an info-hash: ${shownLink(text)}`);
}
