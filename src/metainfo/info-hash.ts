/** The names of a torrent: hashes over the original bytes of its `info`, never over a re-encoding. */
import { sha1, sha256 } from '../base/digest.js';
import type { InfoHash } from './metainfo.js';

/** BEP 3: the 20 bytes by which trackers and peers know a v1 or hybrid torrent. */
export function infoHashV1(info: Buffer): InfoHash {
  return sha1(info);
}

/** BEP 52: the 32 bytes that name a v2 or hybrid torrent. */
export function infoHashV2(info: Buffer): Buffer {
  return sha256(info);
}
