import { BtgetError } from '../base/failure.js';
import { wireForm } from './info-hash.js';
import type { MagnetLink } from './magnet.js';
import { invalid, type Metainfo } from './metainfo.js';
import { type ParseOutcome, type ParseTorrent, type Parsing, tryTo } from './parsing.js';

const BEFORE_INFO = Buffer.from('d4:info');
const AFTER_INFO = Buffer.from('e');

/** What a metainfo takes from a link. */
export type MetadataLink = Pick<MagnetLink, 'infoHash' | 'trackers' | 'webSeeds' | 'nodes'>;

/**
 * Makes a metainfo of a magnet link and of `info`, the info dictionary that the link names (`isInfoOf`). Each
 * tracker of the link becomes a tier of its own. Piece layers are no part of `info`: files of version 2 that need them
 * are in `missingLayers`. Fails with 'torrent-invalid' as `parseMetainfo` does, and also when the bytes are not
 * bencoded: their hash is right, so the maker of the torrent made it so.
 */
export function parseMetadata(
  parse: ParseTorrent,
  info: Buffer,
  link: MetadataLink,
  answered: (outcome: ParseOutcome) => void,
): Parsing {
  return parse(Buffer.concat([BEFORE_INFO, info, AFTER_INFO]), (outcome) => {
    if (outcome.ok) answered(tryTo(() => joinLink(outcome.metainfo, info, link)));
    else answered({ ok: false, failure: asInvalid(outcome.failure) });
  });
}

function joinLink(metainfo: Metainfo, info: Buffer, link: MetadataLink): Metainfo {
  // Bytes after the end of the dictionary would pass for keys of the .torrent.
  if (metainfo.info.length !== info.length) throw invalid('info', 'ends before its bytes do');
  return withLink(metainfo, link);
}

/**
 * The metainfo with the sources of the link in place of its own. Throws 'torrent-invalid' when the link names it by a
 * hash of another version.
 */
export function withLink(metainfo: Metainfo, link: MetadataLink): Metainfo {
  // A SHA-1 of metadata of version 2 names no torrent, and neither does a SHA-256 of metadata of version 1.
  const { infoHashV1: v1, infoHashV2: v2 } = metainfo;
  const names = [v1, v2].some((hash) => hash !== null && wireForm(hash).equals(link.infoHash));
  if (!names) throw invalid('meta version', 'is of another version than the hash in the link');
  return {
    ...metainfo,
    trackers: link.trackers.map((url) => [url]),
    webSeeds: link.webSeeds.map((url) => (!metainfo.isFolder || url.endsWith('/') ? url : `${url}/`)),
    httpSeeds: [],
    nodes: link.nodes,
  };
}

function asInvalid(failure: Error): Error {
  if (!(failure instanceof BtgetError) || failure.code === 'torrent-invalid') return failure;
  return new BtgetError('torrent-invalid', `the metadata is not valid: ${failure.message}`, { cause: failure });
}
