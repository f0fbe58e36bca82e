import { BtgetError } from '../base/failure.js';
import type { MagnetLink } from './magnet.js';
import { invalid, type Metainfo } from './metainfo.js';
import { type ParseOutcome, type ParseTorrent, type Parsing, tryTo } from './parsing.js';

const BEFORE_INFO = Buffer.from('d4:info');
const AFTER_INFO = Buffer.from('e');

/**
 * Makes a metainfo of a magnet link and of `info`, the info dictionary that the link names. Each tracker of the link
 * becomes a tier of its own. Fails with 'torrent-invalid' as `parseMetainfo` does, and also when the bytes are not
 * bencoded: their hash is right, so the maker of the torrent made it so.
 */
export function parseMetadata(
  parse: ParseTorrent,
  info: Buffer,
  link: Pick<MagnetLink, 'trackers' | 'webSeeds' | 'nodes'>,
  answered: (outcome: ParseOutcome) => void,
): Parsing {
  return parse(Buffer.concat([BEFORE_INFO, info, AFTER_INFO]), (outcome) => {
    if (outcome.ok) answered(tryTo(() => joinLink(outcome.metainfo, info, link)));
    else answered({ ok: false, failure: asInvalid(outcome.failure) });
  });
}

function joinLink(
  metainfo: Metainfo,
  info: Buffer,
  link: Pick<MagnetLink, 'trackers' | 'webSeeds' | 'nodes'>,
): Metainfo {
  // Bytes after the end of the dictionary would pass for keys of the .torrent.
  if (metainfo.info.length !== info.length) throw invalid('info', 'ends before its bytes do');
  return {
    ...metainfo,
    trackers: link.trackers.map((url) => [url]),
    webSeeds: link.webSeeds.map((url) => (!metainfo.isFolder || url.endsWith('/') ? url : `${url}/`)),
    nodes: link.nodes,
  };
}

function asInvalid(failure: Error): Error {
  if (!(failure instanceof BtgetError) || failure.code === 'torrent-invalid') return failure;
  return new BtgetError('torrent-invalid', `the metadata is not valid: ${failure.message}`, { cause: failure });
}
