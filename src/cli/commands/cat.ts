/** `btget cat`: verified bytes of one file, in order, to stdout. */
import { BtgetError } from '../../base/failure.js';
import type { Metainfo } from '../../metainfo/metainfo.js';
import type { SelectionRequest } from '../../metainfo/selection.js';
import { chosenFile } from '../content/chosen-file.js';
import type { OutputStream } from '../io.js';
import { CAT_OPTIONS } from '../options.js';
import { Deadline, untilInterrupted } from '../run/deadline.js';
import type { ReadableTorrent, RunReader } from '../run/reading-run.js';
import { defineCommand } from './command.js';
import { nodeReadingDeps } from './node-deps.js';
import { runReading } from './run-reading.js';

/** Bytes that are fetched ahead of the reader, and kept on the disk, at most. */
const AHEAD = 64 * 1024 * 1024;
/** Bytes that are read and written at a time. */
const CHUNK = 256 * 1024;

export const cat = defineCommand(
  {
    name: 'cat',
    arguments: '<source> [file]',
    summary: 'Writes the verified bytes of one file to stdout, in order, while they are fetched.',
    examples: [
      ['btget cat debian.torrent | sha256sum', 'the only file of a torrent'],
      ["btget cat box.torrent '*.csv' | head -n 5", 'the one file that the glob means'],
      ['btget cat box.torrent 3 --offset 10M --length 1M > part', 'some bytes of the third file'],
    ],
    notes: [
      'FILE is a number from btget show, or a glob that means one file. Without it, one file must be selected.',
      'At most 64 MiB are fetched ahead of the reader. They lie in a file without a name in the folder for temporary ' +
        'files (TMPDIR), unless --dir names a folder: then what was fetched stays there, and is not fetched again.',
    ],
    options: CAT_OPTIONS,
  },
  async (args, values, io) => {
    const deadline = new Deadline(values.timeout, io.timers);
    const [input = '', pattern = null] = args;
    const { offset, length, select, exclude } = values;
    return runReading(
      {
        input,
        select: select.length === 0 && pattern !== null ? [pattern] : select,
        onDemand: { window: AHEAD, kept: AHEAD },
        deadline,
        stopTimeout: values.stopTimeout,
        createReader: (end) =>
          new FileToStream({
            ...{ pattern, offset, length, end, stream: io.stdout },
            selection: { select, exclude, ranges: null },
          }),
        mayBeInterrupted: false,
      },
      values,
      io,
      await untilInterrupted(deadline, io, () => deadline.within(nodeReadingDeps(io, values), values.caCertificate)),
    );
  },
);

export interface FileToStreamParts {
  /** Which file; null for the only one. */
  readonly pattern: string | null;
  readonly selection: SelectionRequest;
  /** Bytes of the file that are passed over. */
  readonly offset: number;
  /** Bytes that are written at the most; null for all. */
  readonly length: number | null;
  readonly stream: OutputStream;
  /** All is written, or nobody reads the stream any more (null); or it failed. */
  readonly end: (failure: unknown) => void;
}

/** Writes bytes of a file to a stream. The next bytes are read when the stream has passed on the ones before. */
export class FileToStream implements RunReader {
  readonly #parts: FileToStreamParts;
  #file = { index: 0, begin: 0, end: 0 };
  #reader: ReturnType<ReadableTorrent['openReader']> | null = null;
  #ended = false;

  constructor(parts: FileToStreamParts) {
    this.#parts = parts;
  }

  check(metainfo: Metainfo): void {
    const { pattern, selection, offset, length } = this.#parts;
    const { index, file } = chosenFile(metainfo, pattern, selection);
    if (offset > file.length) {
      const message = `--offset: ${file.path.join('/')} has ${file.length} bytes, and no byte ${offset}`;
      throw new BtgetError('usage', message);
    }
    this.#file = { index, begin: offset, end: Math.min(file.length, offset + (length ?? file.length)) };
  }

  begin(torrent: ReadableTorrent): void {
    const { index, ...run } = this.#file;
    const reader = torrent.openReader(index, run, false);
    this.#reader = reader;
    const chunk = Buffer.allocUnsafe(CHUNK);
    const next = (): void =>
      reader.read(chunk, (outcome) => {
        if (!outcome.ok) this.#parts.end(outcome.failure);
        else if (outcome.length === 0) this.#parts.end(null);
        else
          this.#parts.stream.write(chunk.subarray(0, outcome.length), (error) => {
            if (this.#ended) return;
            if (error === null || error === undefined) next();
            // Whoever reads the pipe has enough. Any other failure of stdout is told where all of them are heard of.
            else if ('code' in error && error.code === 'EPIPE') this.#parts.end(null);
          });
      });
    next();
  }

  end(): void {
    this.#ended = true;
    this.#reader?.close();
  }
}
