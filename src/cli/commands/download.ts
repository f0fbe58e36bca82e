import { statSync } from 'node:fs';
import { BtgetError } from '../../base/failure.js';
import { OPTIONS } from '../options.js';
import { defineCommand } from './command.js';
import { nodeDeps } from './node-deps.js';
import { runTorrents } from './run-torrents.js';

const FOOTER = `Commands:
  btget SOURCE...              short for btget download
  btget download SOURCE...     download, verify, exit
  btget seed SOURCE...         check what is on disk, then serve it
  btget create PATH            make a .torrent of a file or folder
  btget show SOURCE...         say what a torrent holds
  btget verify SOURCE...       check what is on disk, file by file
  btget cat SOURCE [FILE]      verified bytes, in order, to stdout
  btget serve SOURCE           the files over HTTP, for players
  btget tracker                serve announces and scrapes
btget COMMAND --help says what a command takes; btget --version what this is.

SOURCE is a .torrent, an http(s) URL of one, a magnet link, an info-hash, or - for a .torrent on stdin.
Durations are 90s, 30m, 2h, 1d, 1h30m; a bare number is seconds. Rates are bytes a second: 500K, 10M, 10MiB/s.
Of both, 0 is no limit.

Exit codes:
   0  done: everything is on disk, every byte checked      16  a file could not be created or opened
   1  failed, for a reason without a code                  17  reading or writing failed
   2  gave up: --stop-timeout or --timeout                 25  the source is not bencoded
   3  the source was not found                             26  the torrent is not valid
   6  the network failed                                   27  the magnet link is not valid
   7  interrupted before it was done                       28  wrong usage
   9  the disk is full                                     32  verify: bytes are missing or wrong
  11  another btget works on the same target               70  a bug in btget
  13  a file of that name is not this torrent's
`;

export const download = defineCommand(
  {
    name: 'download',
    arguments: '[source...]',
    summary: 'Downloads torrents, verifies every byte, and exits.',
    footer: FOOTER,
    options: OPTIONS,
  },
  async (args, values, io) => {
    for (const dir of values.reuse) refuseUnlessFolder(dir);
    return runTorrents('download', args, values, io, await nodeDeps(io, values));
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
