import { BLOCK_LENGTH } from '../metainfo/piece-layout.js';

/**
 * Four mebibytes of blocks: a peer to which these come wrong asks for one piece again, not for the same one for ever.
 */
const COUNT = 256;

/** Which blocks went to one peer last: the latest of those that share a place. Nothing is made for a block. */
export class RecentBlocks {
  readonly #positions = new Float64Array(COUNT).fill(-1);

  /** `position`: a number for each byte of the torrent. */
  add(position: number): void {
    this.#positions[placeOf(position)] = position;
  }

  has(position: number): boolean {
    return this.#positions[placeOf(position)] === position;
  }
}

function placeOf(position: number): number {
  return Math.floor(position / BLOCK_LENGTH) % COUNT;
}
