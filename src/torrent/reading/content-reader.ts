import type { BtgetError } from '../../base/failure.js';
import type { ByteRun } from '../../metainfo/padding.js';

export type ReadOutcome =
  /** How many bytes were read; 0 at the end of what the reader reads. */
  { readonly ok: true; readonly length: number } | { readonly ok: false; readonly failure: BtgetError };

/** What a reader needs of its owner. */
export interface ReaderOwner {
  /** The reader wants its next bytes in `room`: the owner calls `answer` when some of them are there. */
  readerWaits(reader: ContentReader): void;
  readerMoved(reader: ContentReader): void;
  readerClosed(reader: ContentReader): void;
}

const NO_ROOM = Buffer.alloc(0);

interface Wait {
  readonly into: Buffer;
  readonly answered: (outcome: ReadOutcome) => void;
}

/**
 * Reads a run of a torrent's bytes, in order, each when it is verified. While it is open, the bytes ahead of it are
 * fetched before all others. A reader that reads nothing for a while lets nothing more be fetched.
 */
export class ContentReader {
  readonly #owner: ReaderOwner;
  /** Offsets in the torrent. */
  readonly #run: ByteRun;
  #position: number;
  #wait: Wait | null = null;
  #closed = false;

  constructor(owner: ReaderOwner, run: ByteRun) {
    this.#owner = owner;
    this.#run = run;
    this.#position = run.begin;
  }

  /** Where the next byte lies in the torrent. */
  get position(): number {
    return this.#position;
  }

  get end(): number {
    return this.#run.end;
  }

  /** Bytes that were read so far. */
  get consumed(): number {
    return this.#position - this.#run.begin;
  }

  /** Whether a read is not answered. */
  get isWaiting(): boolean {
    return this.#wait !== null;
  }

  /** Where the bytes of a read that waits belong, as many as are wanted; empty at the end of the run. */
  get room(): Buffer {
    return this.#wait?.into.subarray(0, this.end - this.#position) ?? NO_ROOM;
  }

  /**
   * Reads the next bytes into `into`, from its first byte on: as many as are here, at least one. Answers once, later,
   * unless the reader is closed. One read at a time. The caller must not touch `into` before the answer. `into` holds a
   * byte or more.
   */
  read(into: Buffer, answered: (outcome: ReadOutcome) => void): void {
    if (this.#wait !== null) throw new Error('a reader reads one thing at a time');
    if (this.#closed) throw new Error('a closed reader is asked to read');
    this.#wait = { into, answered };
    this.#owner.readerWaits(this);
  }

  /** The owner answers the read that waits. */
  answer(outcome: ReadOutcome): void {
    const wait = this.#wait;
    this.#wait = null;
    if (this.#closed || wait === null) return;
    if (outcome.ok) this.#position += outcome.length;
    if (outcome.ok && outcome.length > 0) this.#owner.readerMoved(this);
    wait.answered(outcome);
  }

  /** Nothing more is fetched for this reader. A second call does nothing. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#wait = null;
    this.#owner.readerClosed(this);
  }
}
