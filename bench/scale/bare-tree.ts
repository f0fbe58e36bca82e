import { hash } from 'node:crypto';

/** The length of the pieces that bare programs hash, in bytes. */
export const PIECE = 1024 * 1024;
const BLOCK = 16 * 1024;
const NODE = 32;

const nodes = Buffer.allocUnsafeSlow((PIECE / BLOCK) * NODE);

/** Makes the hash tree of a piece by version 2. */
export function hashTree(piece: Buffer): void {
  nodes.fill(0);
  for (let block = 0; block * BLOCK < piece.length; block += 1)
    put(piece.subarray(block * BLOCK, Math.min(piece.length, (block + 1) * BLOCK)), block);
  for (let width = PIECE / BLOCK; width > 1; width /= 2)
    for (let pair = 0; pair < width; pair += 2) put(nodes.subarray(pair * NODE, (pair + 2) * NODE), pair / 2);
}

function put(bytes: Buffer, node: number): void {
  nodes.write(hash('sha256', bytes, 'binary'), node * NODE, 'latin1');
}
