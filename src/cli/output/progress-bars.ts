/** The progress of a run on a terminal. */
import { clearScreenDown, moveCursor } from 'node:readline';
import { Writable } from 'node:stream';
import { MultiBar, type SingleBar } from 'cli-progress';
import type { CliIo, OutputStream } from '../io.js';
import { columnsOf } from './escape.js';
import type { Output, RunEvent } from './events.js';
import { type DisplayRoom, ProgressList } from './progress-list.js';
import { sentencesFor, type Verbosity } from './sentences.js';
import { columnsFor, HIDE_CURSOR, SHOW_CURSOR } from './terminal.js';

/** Progress on a terminal: a bar for each torrent, and above the bars a line for each event that matters. */
export class ProgressBars implements Output {
  readonly #stream: OutputStream;
  readonly #verbosity: Verbosity;
  readonly #bars: MultiBar;
  readonly #rows: SingleBar[] = [];
  readonly #list = new ProgressList();
  /** The columns of each line that stands on the terminal. */
  #drawn: number[] = [];
  readonly #resized = (): void => this.#redrawResized();
  readonly #forgetSuspend: () => void;
  /** True once a bar was drawn: from then until `close` the cursor is hidden. */
  #isUp = false;
  #closed = false;

  constructor(io: Pick<CliIo, 'stderr' | 'onSuspend'>, verbosity: Verbosity) {
    const stream = io.stderr;
    this.#stream = stream;
    this.#verbosity = verbosity;
    this.#bars = new MultiBar({
      stream: withoutWidth(stream),
      clearOnComplete: true,
      hideCursor: true,
      // A sentence above the bars may be longer than a row. The bars are cut to the width before they come here.
      linewrap: true,
      forceRedraw: true,
      fps: 5,
      format: (_options, _parameters, payload: { line: string }) => {
        this.#drawn.push(columnsOf(payload.line));
        return payload.line;
      },
    });
    this.#bars.on('update-pre', () => this.#fill());
    // A sentence takes the row of a bar, and the bar's rest must not stand behind it.
    this.#bars.on('redraw-pre', () => {
      this.#drawn = [];
      clearScreenDown(stream);
    });
    stream.on('resize', this.#resized);
    this.#forgetSuspend = io.onSuspend(
      () => this.#isUp && stream.write(SHOW_CURSOR),
      () => this.#isUp && stream.write(HIDE_CURSOR),
    );
  }

  tell(event: RunEvent): void {
    if (event.type === 'progress') this.#list.tell(event.about.infoHash, event.about.name, event.status);
    // The lines of the summary are the last ones. They must stay on the screen when the bars have gone.
    if (event.type === 'summary') this.close();
    if (event.type === 'over') this.#list.over(event.about.infoHash);
    this.#fitRows();
    for (const line of sentencesFor(event, this.#verbosity, 'rows')) this.#write(`${line}\n`);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#stream.off('resize', this.#resized);
    this.#forgetSuspend();
    // Where no bar was drawn, the line at the cursor is not ours: it may be the end of what `cat` has written.
    if (!this.#isUp) return;
    // The last lines may wait for a redraw, and `stop` does not wait for one.
    this.#bars.update();
    this.#bars.stop();
  }

  // A logged line waits for the next redraw, and before the first bar there is none. Redraws go on after the last bar,
  // and would remove a line that is written past them.
  #write(text: string): void {
    if (this.#isUp && !this.#closed) this.#bars.log(text);
    else this.#stream.write(text);
  }

  /** Fewer rows than the terminal has, because otherwise each redraw would scroll the terminal. */
  get #room(): DisplayRoom {
    return { columns: columnsFor(this.#stream), rows: Math.max(1, (this.#stream.rows ?? 24) - 1) };
  }

  /** As many bars as there are lines. Their text comes with the next redraw. */
  #fitRows(): void {
    if (this.#closed) return;
    const count = this.#list.lineCount(this.#room.rows);
    while (this.#rows.length > count) {
      const row = this.#rows.pop();
      if (row !== undefined) this.#bars.remove(row);
    }
    while (this.#rows.length < count) {
      this.#isUp = true;
      this.#rows.push(this.#bars.create(1, 0, { line: '' }));
    }
  }

  #fill(): void {
    for (const [index, line] of this.#list.lines(this.#room).entries()) this.#rows[index]?.update({ line });
  }

  /**
   * Most terminals break the lines on them anew when they become narrower, so that a bar takes several rows. The redraw
   * begins where the first of them begins then.
   */
  #redrawResized(): void {
    if (this.#closed || this.#rows.length === 0) return;
    const columns = Math.max(1, this.#stream.columns ?? 80);
    const broken = this.#drawn.reduce((rows, width) => rows + Math.max(0, Math.ceil(width / columns) - 1), 0);
    if (broken > 0) moveCursor(this.#stream, 0, -broken);
    this.#fitRows();
    this.#bars.update();
  }
}

/**
 * `stream` as a terminal of any width: cli-progress would cut a line to as many UTF-16 units as there are columns, and
 * an emoji of two columns may have eleven.
 */
function withoutWidth(stream: OutputStream): Writable {
  const write = (text: string | Buffer, _encoding: string, done: () => void): void => {
    stream.write(text);
    done();
  };
  return Object.assign(new Writable({ decodeStrings: false, write }), {
    isTTY: true,
    columns: Number.POSITIVE_INFINITY,
  });
}
