import { encodeBencode } from '../bencode/encode.js';
import type { Metainfo } from './metainfo.js';

/** The bytes of a .torrent that says the same. Its info-hash stays what it is: `info` is not written anew. */
export function encodeTorrent(metainfo: Metainfo): Buffer {
  const { info, trackers, webSeeds, nodes, comment, createdBy, createdAt } = metainfo;
  const urls = trackers.flat();
  const field = (key: string, value: Parameters<typeof encodeBencode>[0] | null | undefined): Buffer[] =>
    value === null || value === undefined ? [] : [encodeBencode(key), encodeBencode(value)];
  // Keys stand in the order of their bytes.
  return Buffer.concat([
    Buffer.from('d'),
    ...field('announce', urls[0]),
    ...field('announce-list', urls.length > 1 ? trackers : null),
    ...field('comment', comment),
    ...field('created by', createdBy),
    ...field('creation date', createdAt),
    encodeBencode('info'),
    info,
    ...field('nodes', nodes.length > 0 ? nodes.map(nodePair) : null),
    ...field('url-list', webSeeds.length > 0 ? webSeeds : null),
    Buffer.from('e'),
  ]);
}

/** BEP 5: "A list of [host, port] pairs". */
function nodePair(node: string): [host: string, port: number] {
  const colon = node.lastIndexOf(':');
  return [node.slice(0, colon).replace(/^\[|\]$/g, ''), Number(node.slice(colon + 1))];
}
