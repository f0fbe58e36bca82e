/** What the process under test and its peers must agree on. */
import { join } from 'node:path';
import { createMetainfo } from '../../src/metainfo/create-metainfo.js';
import type { Metainfo } from '../../src/metainfo/metainfo.js';
import { parseMetainfo } from '../../src/metainfo/parse-metainfo.js';
import { DEFAULT_CREATE_TORRENT_OPTIONS } from '../../src/session/create-torrent.js';
import { pieceHashes } from '../support/pieces.js';
import { seededRandom } from '../support/simulation/seeded-random.js';

export const SUBJECT = { host: '10.9.0.2', port: 7881 } as const;
export const HONEST_HOSTS = Array.from({ length: 24 }, (_, index) => `10.9.0.${3 + index}`);
export const HOSTILE_HOSTS = Array.from({ length: 12 }, (_, index) => `10.9.0.${28 + index}`);
export const SEED_PORT = 7000;
const PIECE_LENGTH = 256 * 1024;

export interface SoakTorrent {
  readonly metainfo: Metainfo;
  readonly content: Buffer;
  /** Whether the process under test seeds it; else it downloads it, again and again. */
  readonly isSeeded: boolean;
}

/** Twenty torrents, the same ones each time: ten that are seeded, ten that are downloaded. */
export function soakTorrents(): readonly SoakTorrent[] {
  return Array.from({ length: 20 }, (_, index) => {
    const isSeeded = index < 10;
    const content = seededRandom(index + 1).bytes(isSeeded ? 4 << 20 : (8 << 20) + 12_345);
    const bytes = createMetainfo({
      ...DEFAULT_CREATE_TORRENT_OPTIONS,
      name: `soak-${index}`,
      content: { length: content.length, executable: false },
      pieceLength: PIECE_LENGTH,
      pieces: pieceHashes(content, PIECE_LENGTH),
      pieceRoots: null,
    });
    return { metainfo: parseMetainfo(bytes), content, isSeeded };
  });
}

export function contentPath(dir: string, { metainfo }: SoakTorrent): string {
  return join(dir, metainfo.name);
}
