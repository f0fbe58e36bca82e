import type { PieceBlocks } from './piece-blocks.js';
import type { PiecePicker } from './piece-picker.js';

/** Throws when the blocks of a started piece, the picker and the requests of the peers do not agree. For tests. */
export function checkStartedPiece<Asker extends object>(
  blocks: PieceBlocks<Asker>,
  picker: PiecePicker,
  isOnParole: boolean,
  isAskedOf: (asker: Asker, block: number) => boolean,
): void {
  const { piece, holder } = blocks;
  if (picker.isUntouched(piece)) throw new Error(`piece ${piece} is started and untouched`);
  if (blocks.arrivedCount === 0 && blocks.askedCount === 0) throw new Error(`nothing is asked of piece ${piece}`);
  if (holder !== undefined && !isOnParole) throw new Error(`piece ${piece} is held off parole`);
  let free = 0;
  for (let block = 0; block < blocks.blockCount; block += 1) {
    const askers = blocks.askersOf(block);
    if (askers.length !== blocks.askerCount(block)) throw new Error(`block ${block} of ${piece} miscounts its askers`);
    if (askers.length === 0 && !blocks.hasArrived(block)) free += 1;
    for (const asker of askers) {
      if (isAskedOf(asker, block)) continue;
      throw new Error(`block ${block} of ${piece} is asked of somebody who does not know`);
    }
  }
  if (free !== blocks.freeCount) throw new Error(`piece ${piece} miscounts its free blocks`);
  if (picker.isOffered(piece) !== (blocks.mayBeOffered(isOnParole) && picker.isWanted(piece))) {
    throw new Error(`piece ${piece} is offered wrongly`);
  }
}
