/**
 * Progress where there is no terminal: whole lines, one a torrent every so often, and one for each event that matters.
 */
import type { Millis, Task, Timers } from '../../base/clock.js';
import type { TorrentStatus } from '../../torrent/status.js';
import type { Output, RunEvent } from './events.js';
import { progressSentence } from './progress-line.js';
import { sentencesFor, type Verbosity } from './sentences.js';

export interface PlainOptions {
  readonly verbosity: Verbosity;
  /** Between two progress lines of one torrent; 0 for never. */
  readonly interval: Millis;
}

export class PlainProgress implements Output {
  readonly #write: (text: string) => void;
  readonly #timers: Timers;
  readonly #options: PlainOptions;
  readonly #latest = new Map<string, { readonly name: string; readonly status: TorrentStatus }>();
  #task: Task | undefined;

  constructor(write: (text: string) => void, timers: Timers, options: PlainOptions) {
    this.#write = write;
    this.#timers = timers;
    this.#options = options;
    if (options.interval > 0 && options.verbosity !== 'quiet') this.#waitForNext();
  }

  tell(event: RunEvent): void {
    if (event.type === 'progress')
      this.#latest.set(event.about.infoHash, { name: event.about.name, status: event.status });
    if (event.type === 'over') this.#latest.delete(event.about.infoHash);
    for (const line of sentencesFor(event, this.#options.verbosity)) this.#write(`${line}\n`);
  }

  close(): void {
    this.#task?.cancel();
  }

  #waitForNext(): void {
    this.#task = this.#timers.addTask(() => {
      for (const { name, status } of this.#latest.values()) {
        this.#write(`${progressSentence(name, status)}\n`);
      }
      this.#waitForNext();
    }, this.#options.interval);
  }
}
