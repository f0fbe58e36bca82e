/** The progress of a run for people: as bars on a terminal, and as whole lines in a log. */
import { clearScreenDown } from 'node:readline';
import { MultiBar, type SingleBar } from 'cli-progress';
import type { Millis, Task, Timers } from '../../base/clock.js';
import type { TorrentStatus } from '../../torrent/status.js';
import type { CliIo, OutputStream } from '../io.js';
import type { Output, RunEvent } from './events.js';
import { formatCount } from './format.js';
import { progressBarLine, progressSentence } from './progress-line.js';
import { sentencesFor, type Verbosity } from './sentences.js';
import { columnsFor, HIDE_CURSOR, SHOW_CURSOR } from './terminal.js';

/** The last progress that a torrent has told. */
interface Shown {
  readonly name: string;
  readonly status: TorrentStatus;
}

/** Progress on a terminal: a bar for each torrent, and above the bars a line for each event that matters. */
export class ProgressBars implements Output {
  readonly #stream: OutputStream;
  readonly #verbosity: Verbosity;
  readonly #bars: MultiBar;
  readonly #rows: SingleBar[] = [];
  readonly #latest = new Map<string, Shown>();
  readonly #resized = (): void => this.#draw();
  readonly #forgetSuspend: () => void;
  /** True once a bar was drawn: from then until `close` the cursor is hidden. */
  #isUp = false;
  #closed = false;

  constructor(io: Pick<CliIo, 'stderr' | 'onSuspend'>, verbosity: Verbosity) {
    const stream = io.stderr;
    this.#stream = stream;
    this.#verbosity = verbosity;
    this.#bars = new MultiBar({
      stream,
      clearOnComplete: true,
      hideCursor: true,
      // A sentence above the bars may be longer than a row. The bars are cut to the width by `progressBarLine`.
      linewrap: true,
      forceRedraw: true,
      fps: 5,
      format: (_options, _parameters, payload: { line: string }) => payload.line,
    });
    // A sentence takes the row of a bar, and the bar's rest must not stand behind it.
    this.#bars.on('redraw-pre', () => clearScreenDown(stream));
    stream.on('resize', this.#resized);
    this.#forgetSuspend = io.onSuspend(
      () => this.#isUp && stream.write(SHOW_CURSOR),
      () => this.#isUp && stream.write(HIDE_CURSOR),
    );
  }

  tell(event: RunEvent): void {
    if (event.type === 'progress') {
      this.#latest.set(event.about.infoHash, { name: event.about.name, status: event.status });
      this.#draw();
    }
    // The lines of the summary are the last ones. They must stay on the screen when the bars have gone.
    if (event.type === 'summary') this.close();
    if (event.type === 'over' && this.#latest.delete(event.about.infoHash)) this.#draw();
    for (const line of sentencesFor(event, this.#verbosity, 'rows')) this.#write(`${line}\n`);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#stream.off('resize', this.#resized);
    this.#forgetSuspend();
    // The last lines may wait for a redraw, and `stop` does not wait for one.
    if (this.#rows.length > 0) this.#bars.update();
    this.#bars.stop();
  }

  // A logged line waits for the next redraw, and without a bar there is none.
  #write(text: string): void {
    if (this.#rows.length > 0 && !this.#closed) this.#bars.log(text);
    else this.#stream.write(text);
  }

  #draw(): void {
    if (this.#closed) return;
    const lines = this.#lines();
    while (this.#rows.length > lines.length) {
      const row = this.#rows.pop();
      if (row !== undefined) this.#bars.remove(row);
    }
    for (const [index, line] of lines.entries()) {
      const row = this.#rows[index];
      if (row === undefined) {
        this.#isUp = true;
        this.#rows.push(this.#bars.create(1, 0, { line }));
      } else row.update({ line });
    }
  }

  /** Fewer lines than the terminal has rows, because otherwise each redraw would scroll the terminal. */
  #lines(): string[] {
    const columns = columnsFor(this.#stream);
    const rows = Math.max(1, (this.#stream.rows ?? 24) - 1);
    const all = [...this.#latest.values()];
    const shown = all.length <= rows ? all : all.slice(0, rows - 1);
    const lines = shown.map(({ name, status }) => progressBarLine(name, status, columns));
    if (shown.length < all.length) lines.push(`and ${formatCount(all.length - shown.length, 'torrent')} more`);
    return lines;
  }
}

interface PlainOptions {
  readonly verbosity: Verbosity;
  /** The time between two progress lines of one torrent; 0 for no such lines. */
  readonly interval: Millis;
}

/** Progress in a log: a line for each torrent at each interval, and a line for each event that matters. */
export class PlainProgress implements Output {
  readonly #write: (text: string) => void;
  readonly #timers: Timers;
  readonly #options: PlainOptions;
  readonly #latest = new Map<string, Shown>();
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
