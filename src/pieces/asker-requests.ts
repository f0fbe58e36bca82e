import type { BlockSpan } from '../disk/storage.js';
import type { PieceBlocks } from './piece-blocks.js';

/** How many lapsed requests are remembered of one peer, the latest ones. */
const LAPSED_LIMIT = 512;

/**
 * What one peer is asked for. The keys are block numbers in the torrent.
 *
 * A request lapses when nobody waits for the answer any more. The answer can be under way all the same, and is then no
 * fault of the peer, so lapsed requests are remembered.
 */
export class AskerRequests<Asker extends object> {
  readonly #asked = new Map<number, BlockSpan>();
  readonly #lapsed = new Set<number>();
  /** The piece whose block it was asked for last: it goes on with that one. */
  current: PieceBlocks<Asker> | undefined = undefined;

  get count(): number {
    return this.#asked.size;
  }

  /** What it is asked for now, the oldest first. What is taken out on the way does not disturb the walk. */
  entries(): IterableIterator<[number, BlockSpan]> {
    return this.#asked.entries();
  }

  isAsked(key: number): boolean {
    return this.#asked.has(key);
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
    this.#asked.delete(key);
    this.#lapsed.add(key);
    if (this.#lapsed.size <= LAPSED_LIMIT) return;
    for (const oldest of this.#lapsed) {
      this.#lapsed.delete(oldest);
      break;
    }
  }

  /** A late answer came: true when there was such a request. A second one counts as never asked for. */
  answerLapsed(key: number): boolean {
    return this.#lapsed.delete(key);
  }
}
