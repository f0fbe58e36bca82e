import { BtgetError } from '../base/failure.js';
import { invalid } from './invalid.js';
import type { MagnetLink } from './magnet.js';
import type { Metainfo } from './metainfo.js';
import { parseMetainfo } from './parse-metainfo.js';

const BEFORE_INFO = Buffer.from('d4:info');
const AFTER_INFO = Buffer.from('e');

/**
 * What `info`, the info dictionary that a magnet link leads to, says together with the link. Each tracker of the link is a
 * tier of its own. Throws 'torrent-invalid' as `parseMetainfo` does, and also where the bytes are not bencoded: their hash
 * is right, so whoever made the torrent made it so.
 */
export function parseMetadata(info: Buffer, link: Pick<MagnetLink, 'trackers' | 'webSeeds' | 'nodes'>): Metainfo {
  const metainfo = parseInfo(info);
  return {
    ...metainfo,
    trackers: link.trackers.map((url) => [url]),
    webSeeds: link.webSeeds.map((url) => (!metainfo.isFolder || url.endsWith('/') ? url : `${url}/`)),
    nodes: link.nodes,
  };
}

function parseInfo(info: Buffer): Metainfo {
  try {
    const metainfo = parseMetainfo(Buffer.concat([BEFORE_INFO, info, AFTER_INFO]));
    // Bytes that go on behind the dictionary would pass for keys of the .torrent.
    if (metainfo.info.length !== info.length) throw invalid('info', 'ends before its bytes do');
    return metainfo;
  } catch (error) {
    if (!(error instanceof BtgetError) || error.code === 'torrent-invalid') throw error;
    throw new BtgetError('torrent-invalid', `the metadata is not valid: ${error.message}`, { cause: error });
  }
}
