import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { Metainfo } from '../../src/metainfo/metainfo.js';
import { parseMetainfo } from '../../src/metainfo/parse-metainfo.js';
import { btgetEnds } from '../live/support.js';
import { scratch } from '../support/disk/scratch.js';
import { writeNoise } from '../support/noise.js';

/** One file of noise, which a seed has, and its torrent. */
export interface Content {
  /** A folder of the test's own. */
  readonly dir: string;
  /** The folder in it that holds the file. */
  readonly seed: string;
  readonly torrent: string;
  readonly metainfo: Metainfo;
}

export const CONTENT_NAME = 'data.bin';

/** `options`: of `btget create`. */
export async function createContent(t: TestContext, length: number, ...options: string[]): Promise<Content> {
  const dir = scratch(t);
  const seed = join(dir, 'seed');
  const torrent = join(dir, 'data.torrent');
  writeNoise(seed, { [CONTENT_NAME]: length });
  await btgetEnds(t, 0, 'create', join(seed, CONTENT_NAME), '-o', torrent, ...options);
  return { dir, seed, torrent, metainfo: parseMetainfo(readFileSync(torrent)) };
}
