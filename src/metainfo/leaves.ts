import { writeSha256 } from '../base/digest.js';
import { NODE_LENGTH } from './merkle.js';
import { BLOCK_LENGTH } from './piece-layout.js';

/** SHA-256 of each block of `content`, 32 bytes each. The last block may be shorter than 16 KiB. */
export function leavesOf(content: Uint8Array): Buffer {
  // Buffers that are sent to another thread need memory of their own.
  const leaves = Buffer.allocUnsafeSlow(Math.ceil(content.length / BLOCK_LENGTH) * NODE_LENGTH);
  for (let begin = 0, at = 0; begin < content.length; begin += BLOCK_LENGTH, at += NODE_LENGTH)
    writeSha256(content.subarray(begin, begin + BLOCK_LENGTH), leaves, at);
  return leaves;
}
