import { Writable } from 'node:stream';
import type { BtgetError } from '../../../../src/base/failure.js';
import type { CliIo } from '../../../../src/cli/io.js';
import { Timeline } from '../../../support/simulation/timeline.js';

export interface Terminal {
  readonly columns: number;
  readonly rows: number;
}

/** An output that keeps what a command writes. */
export class Capture extends Writable {
  text = '';
  readonly isTTY: boolean;
  columns: number;
  rows: number;

  constructor(terminal: Terminal | null) {
    super();
    this.isTTY = terminal !== null;
    this.columns = terminal?.columns ?? 80;
    this.rows = terminal?.rows ?? 24;
  }

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.text += chunk.toString();
    done();
  }

  get lines(): string[] {
    return this.text.split('\n').slice(0, -1);
  }
}

/** A process for a command, without a real one: it keeps the output, simulates time, and a call presses Ctrl-C. */
export class FakeIo implements CliIo {
  readonly stdout = new Capture(null);
  readonly stderr: Capture;
  readonly env: Record<string, string> = { TERM: 'xterm' };
  readonly timers = new Timeline();
  readonly exits: number[] = [];
  /** Exits that wait until stdout has taken everything. */
  readonly patientExits: number[] = [];
  /** The handler that gets uncaught exceptions. */
  bug: (error: unknown) => void = () => undefined;
  /** The handler that hears that stdout cannot be written. */
  stdoutFailed: ((failure: BtgetError) => void) | null = null;
  /** The handlers that hear of Ctrl-Z and of the continuation after it. */
  suspension: { suspended: () => void; resumed: () => void } | null = null;
  readonly #handlers = new Set<() => void>();
  readonly #reloads = new Set<() => void>();
  readonly #stdin: Buffer;

  constructor(parts: { readonly terminal?: Terminal; readonly stdin?: Buffer } = {}) {
    this.stderr = new Capture(parts.terminal ?? null);
    this.#stdin = parts.stdin ?? Buffer.alloc(0);
  }

  get stdin(): AsyncIterable<Buffer> {
    const bytes = this.#stdin;
    return (async function* () {
      yield bytes;
    })();
  }

  today(): Date {
    return new Date(Date.UTC(2024, 1, 29) + this.timers.now());
  }

  onReload(reload: () => void): () => void {
    this.#reloads.add(reload);
    return () => this.#reloads.delete(reload);
  }

  /** Returns how many hear of it. */
  hangUp(): number {
    for (const reload of this.#reloads) reload();
    return this.#reloads.size;
  }

  onSuspend(suspended: () => void, resumed: () => void): () => void {
    this.suspension = { suspended, resumed };
    return () => {
      this.suspension = null;
    };
  }

  onInterrupt(interrupted: () => void): () => void {
    this.#handlers.add(interrupted);
    return () => this.#handlers.delete(interrupted);
  }

  onBug(broke: (error: unknown) => void): void {
    this.bug = broke;
  }

  exitNow(code: number): void {
    this.exits.push(code);
  }

  exitWhenWritten(code: number): void {
    this.patientExits.push(code);
  }

  onStdoutFailure(failed: (failure: BtgetError) => void): () => void {
    this.stdoutFailed = failed;
    return () => {
      this.stdoutFailed = null;
    };
  }

  exitWithin(limit: number, code: () => number): void {
    this.timers.addTask(() => this.exits.push(code()), limit);
  }

  pressCtrlC(): void {
    for (const handler of this.#handlers) handler();
  }

  get isListeningForCtrlC(): boolean {
    return this.#handlers.size > 0;
  }
}
