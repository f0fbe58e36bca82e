import { OPTIONS, SEED_OPTIONS } from '../options.js';
import { Deadline, untilInterrupted } from '../run/deadline.js';
import { defineCommand } from './command.js';
import { nodeDeps } from './node-deps.js';
import { runTorrents } from './run-torrents.js';

/** The options of `download` that `seed` does not have, at their defaults. */
const INITIAL = {
  overwrite: OPTIONS.overwrite.initial,
  preallocate: OPTIONS.preallocate.initial,
  noPart: OPTIONS.noPart.initial,
  sequential: OPTIONS.sequential.initial,
  reuse: OPTIONS.reuse.initial,
  onComplete: OPTIONS.onComplete.initial,
  seed: OPTIONS.seed.initial,
  maxDownload: OPTIONS.maxDownload.initial,
  webSeeds: OPTIONS.webSeeds.initial,
  noWebSeeds: OPTIONS.noWebSeeds.initial,
  stopTimeout: OPTIONS.stopTimeout.initial,
  printPaths: OPTIONS.printPaths.initial,
  print0: OPTIONS.print0.initial,
} as const;

export const seed = defineCommand(
  {
    name: 'seed',
    arguments: '[source...]',
    summary: 'Checks what is on disk, then serves it until told to stop.',
    examples: [
      ['btget seed debian.torrent -d /data', 'serve what is in /data, until Ctrl-C'],
      ['btget seed *.torrent -d /data --max-upload 5M', 'several at once, with a limit for all'],
      ['btget seed photos.torrent --super-seed --seed-ratio 2', 'as the first seed, until two copies are sent'],
    ],
    notes: ['Nothing is downloaded and no file is written. -d names the folder that holds the content.'],
    options: SEED_OPTIONS,
    tellsEvents: true,
  },
  async (args, values, io) => {
    const deadline = new Deadline(values.timeout, io.timers);
    const deps = await untilInterrupted(deadline, io, () =>
      deadline.within(nodeDeps(io, values), values.caCertificate),
    );
    return runTorrents('seed', args, { ...INITIAL, ...values }, io, deps, deadline);
  },
);
