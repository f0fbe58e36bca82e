import { statSync } from 'node:fs';
import { BtgetError } from '../../base/failure.js';
import { OPTIONS } from '../options.js';
import { Deadline, untilInterrupted } from '../run/deadline.js';
import { defineCommand } from './command.js';
import { nodeDeps } from './node-deps.js';
import { runTorrents } from './run-torrents.js';

export const download = defineCommand(
  {
    name: 'download',
    arguments: '[source...]',
    summary: 'Downloads torrents, verifies every byte, and exits.',
    examples: [
      ['btget download debian.torrent -d /data', 'into /data; btget debian.torrent -d /data is the same'],
      ["btget download 'magnet:?xt=urn:btih:…' --stop-timeout 1h", 'by a link; give up after an hour without data'],
      ["btget download box.torrent --select '*.{mkv,srt}' --seed-ratio 1", 'some files, then give back as much'],
    ],
    notes: [
      'SOURCE is a .torrent, an http(s) URL of one, a magnet link, an info-hash, or - for a .torrent on stdin.',
      'Durations are 90s, 30m, 2h, 1d, 1h30m; a bare number is seconds. Rates are bytes a second: 500K, 10M, ' +
        '10MiB/s. Of both, 0 is no limit.',
      'btget help exit-codes says what went wrong by which exit code.',
    ],
    options: OPTIONS,
    tellsEvents: true,
  },
  async (args, values, io) => {
    const deadline = new Deadline(values.timeout, io.timers);
    for (const dir of values.reuse) refuseUnlessFolder(dir);
    const deps = await untilInterrupted(deadline, io, () =>
      deadline.within(nodeDeps(io, values), values.caCertificate),
    );
    return runTorrents('download', args, values, io, deps, deadline);
  },
);

/** A folder whose name is misspelled must not end in a download of what lies in the right one. */
function refuseUnlessFolder(dir: string): void {
  let isFolder = false;
  try {
    isFolder = statSync(dir).isDirectory();
  } catch {
    // It is not there, or nobody may look at it.
  }
  if (!isFolder) throw new BtgetError('usage', `--reuse: '${dir}' is not a folder`);
}
