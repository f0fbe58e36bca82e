/** `btget serve`: the files of a torrent over HTTP, for players, while they are fetched. */
import { BtgetError } from '../../base/failure.js';
import type { Metainfo } from '../../metainfo/metainfo.js';
import { selectFiles } from '../../metainfo/selection.js';
import type { OutputStream } from '../io.js';
import { SERVE_OPTIONS } from '../options.js';
import { Deadline, untilInterrupted } from '../run/deadline.js';
import type { ReadableTorrent, RunReader } from '../run/reading-run.js';
import { ContentServer, type ServedFile } from '../serve/content-server.js';
import { defineCommand } from './command.js';
import { nodeReadingDeps } from './node-deps.js';
import { runReading } from './run-reading.js';

/** Bytes that are fetched ahead of one player, at most. */
const AHEAD = 32 * 1024 * 1024;
/** Bytes that are fetched ahead of all players, and kept on the disk, at most. */
const KEPT = 128 * 1024 * 1024;

export const serve = defineCommand(
  {
    name: 'serve',
    arguments: '<source>',
    summary: 'Serves the files of a torrent over HTTP to players, while they are fetched.',
    examples: [
      ['btget serve film.torrent', 'prints the URLs to give to a player, until Ctrl-C'],
      ["btget serve box.torrent --select '*.mkv' -d /data", 'some of its files, and keep what is fetched'],
    ],
    notes: [
      'It prints the URL of each file, and of a playlist of several. It serves this machine alone.',
      'At most 128 MiB are kept, in a file without a name in the folder for temporary files (TMPDIR), unless --dir ' +
        'names a folder: then what was fetched stays there, and is not fetched again.',
    ],
    options: SERVE_OPTIONS,
  },
  async (args, values, io) => {
    const [input = ''] = args;
    const { select, exclude, httpPort } = values;
    const deadline = new Deadline(null, io.timers);
    return runReading(
      {
        input,
        select,
        onDemand: { window: AHEAD, kept: KEPT },
        deadline,
        stopTimeout: null,
        createReader: (end) => new Served({ select, exclude, port: httpPort, stdout: io.stdout, end }),
        mayBeInterrupted: true,
      },
      values,
      io,
      await untilInterrupted(deadline, io, () => deadline.within(nodeReadingDeps(io, values), null)),
    );
  },
);

interface ServedParts {
  readonly select: readonly string[];
  readonly exclude: readonly string[];
  readonly port: number;
  readonly stdout: OutputStream;
  readonly end: (failure: unknown) => void;
}

class Served implements RunReader {
  readonly #parts: ServedParts;
  #metainfo: Metainfo | null = null;
  #files: readonly ServedFile[] = [];
  #server: ContentServer | null = null;

  constructor(parts: ServedParts) {
    this.#parts = parts;
  }

  check(metainfo: Metainfo): void {
    const { select, exclude } = this.#parts;
    const selected = selectFiles(metainfo, { select, exclude, ranges: null });
    this.#metainfo = metainfo;
    this.#files = metainfo.files
      .map((file, index) => ({ file, index }))
      .filter(({ file }) => !file.padding)
      .map((each, number) => ({ ...each, number }))
      .filter(({ index, file }) => selected.has(index) && file.symlink === null);
    if (this.#files.length === 0) throw new BtgetError('usage', `${metainfo.name} has no file that can be served`);
  }

  begin(torrent: ReadableTorrent): void {
    if (this.#metainfo === null) throw new Error('a torrent begins whose files are not known');
    this.#server = new ContentServer(torrent, this.#metainfo, this.#files);
    this.#server.listen(this.#parts.port, (outcome) => {
      if (outcome instanceof BtgetError) this.#parts.end(outcome);
      else this.#parts.stdout.write(`${outcome.join('\n')}\n`);
    });
  }

  end(): void {
    this.#server?.close();
  }
}
