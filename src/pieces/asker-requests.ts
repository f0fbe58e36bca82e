import type { BlockSpan } from '../disk/storage.js';
import type { PieceBlocks } from './piece-blocks.js';

/** How many lapsed requests are remembered of one peer, the latest ones: as many as it is ever asked for at once. */
const LAPSED_LIMIT = 2_048;

/**
 * What one peer is asked for. The keys are block numbers in the torrent.
 *
 * A request lapses when nobody waits for the answer any more. The answer can be under way all the same, and is then no
 * fault of the peer, so lapsed requests are remembered.
 */
export class AskerRequests<Asker extends object> {
  readonly #asked = new Map<number, BlockSpan>();
  readonly #lapsed = new Map<number, BlockSpan>();
  /** The piece whose block it was asked for last: it goes on with that one. */
  current: PieceBlocks<Asker> | undefined = undefined;

  get count(): number {
    return this.#asked.size;
  }

  /** What it is asked for now, the oldest first. What is taken out on the way does not disturb the walk. */
  entries(): IterableIterator<[number, BlockSpan]> {
    return this.#asked.entries();
  }

  /** What it is asked for under this key, or undefined. */
  asked(key: number): BlockSpan | undefined {
    return this.#asked.get(key);
  }

  ask(key: number, span: BlockSpan): void {
    this.#asked.set(key, span);
    this.#lapsed.delete(key);
  }

  /** The request is answered: what was asked for, or undefined when it was not. */
  answer(key: number): BlockSpan | undefined {
    const span = this.#asked.get(key);
    if (span !== undefined) this.#asked.delete(key);
    return span;
  }

  /** Nobody waits for the answer to this request any more. */
  lapse(key: number): void {
    const span = this.answer(key);
    if (span === undefined) return;
    this.#lapsed.set(key, span);
    if (this.#lapsed.size <= LAPSED_LIMIT) return;
    for (const oldest of this.#lapsed.keys()) {
      this.#lapsed.delete(oldest);
      break;
    }
  }

  /** A late answer came: what was asked for, or undefined. A second answer counts as never asked for. */
  answerLapsed(key: number): BlockSpan | undefined {
    const span = this.#lapsed.get(key);
    if (span !== undefined) this.#lapsed.delete(key);
    return span;
  }
}
