import type { Millis } from '../../base/clock.js';
import { BtgetError } from '../../base/failure.js';
import type { ReadBlocklist } from '../../session/node-blocklists.js';
import { failureMessage } from '../exit-code.js';
import type { Output } from '../output/events.js';
import { formatCount } from '../output/format.js';

/** Every packet may change the counts, and no one reads them more often. */
const COUNTS_EVERY: Millis = 60_000;

/** Reads the blocklist of a run again when the user wants it, and tells the outputs what the list has and does. */
export class BlocklistNews {
  readonly #blocklist: ReadBlocklist;
  readonly #output: Pick<Output, 'tell'>;
  #toldRefusals = 0;
  #toldAt: Millis | null = null;
  #isReading = false;
  #isDue = false;
  #isOver = false;

  constructor(blocklist: ReadBlocklist, output: Pick<Output, 'tell'>) {
    this.#blocklist = blocklist;
    this.#output = output;
  }

  wasRead(news: 'read' | 'read-again'): void {
    this.#tell(news);
    const { badLines, firstBad } = this.#blocklist.report;
    if (firstBad === null) return;
    const { list, line } = firstBad;
    const many = `${formatCount(badLines, 'line')} make no sense, the first is line ${line}`;
    this.#warn('blocklist-lines', `blocklist ${list}: ${badLines === 1 ? `line ${line} makes no sense` : many}`);
  }

  /** Reads the list again. A list that cannot be used now changes nothing. */
  reload(): void {
    this.#isDue = true;
    if (!this.#isReading) void this.#reloadWhileDue();
  }

  /** Tells the counts, if there is something new and they were not told lately. */
  look(now: Millis): void {
    this.#toldAt ??= now;
    if (now - this.#toldAt < COUNTS_EVERY || !this.#hasNews()) return;
    this.#toldAt = now;
    this.#tell('counted');
  }

  /** The run ends. A list that is being read keeps it no longer. */
  lookAtLast(): void {
    this.#isOver = true;
    this.#blocklist.stop();
    if (this.#hasNews()) this.#tell('counted');
  }

  async #reloadWhileDue(): Promise<void> {
    this.#isReading = true;
    while (this.#isDue && !this.#isOver) {
      this.#isDue = false;
      try {
        await this.#blocklist.reload();
        this.wasRead('read-again');
      } catch (error) {
        if (!(error instanceof BtgetError)) throw error;
        if (this.#isOver) return;
        this.#warn('blocklist-kept', `${failureMessage(error)}; the list that was read before goes on to count`);
      }
    }
    this.#isReading = false;
  }

  #hasNews(): boolean {
    const { refusedIn, refusedOut } = this.#blocklist.status;
    return refusedIn + refusedOut !== this.#toldRefusals;
  }

  #tell(news: 'read' | 'read-again' | 'counted'): void {
    const { status } = this.#blocklist;
    this.#toldRefusals = status.refusedIn + status.refusedOut;
    this.#output.tell({ type: 'blocklist', news, status });
  }

  #warn(code: string, message: string): void {
    this.#output.tell({ type: 'warning', about: null, input: null, code, message });
  }
}
