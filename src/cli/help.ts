/** What `btget --help` and `btget help` say: a map of the commands, and the exit codes. */
import { BtgetError, type FailureCode } from '../base/failure.js';
import { exitCodeOf } from './exit-code.js';
import { type HelpRow, layRows, wrapText } from './output/help-layout.js';

/** Every command, in the groups of the map. */
const GROUPS = {
  Get: {
    download: 'download, verify, exit; btget SOURCE... is short for it',
    cat: 'write the verified bytes of a file to stdout',
    serve: 'serve the files over HTTP to players',
  },
  Share: {
    seed: 'check what is on the disk, then serve it',
    create: 'make a .torrent of a file or folder',
  },
  Inspect: {
    show: 'say what a torrent holds',
    verify: 'check what is on the disk, file by file',
  },
  Run: {
    tracker: 'serve announces and scrapes',
    doctor: 'say what works from here and what does not, and why',
    config: 'say what each option is, and where that comes from',
    completion: 'print a script that completes this in bash, zsh or fish',
  },
} as const;

type NamesIn<G> = G extends unknown ? keyof G : never;
export type CommandName = NamesIn<(typeof GROUPS)[keyof typeof GROUPS]>;

const EXAMPLES: readonly HelpRow[] = [
  ['btget debian.torrent', 'download, verify, exit'],
  ["btget 'magnet:?xt=urn:btih:…' -d /data", 'by a magnet link, into /data'],
  ["btget box.torrent --select '*.{mkv,srt}'", 'some of its files'],
  ['btget seed debian.torrent -d /data', 'serve what is in /data'],
  ['btget create photos/ --tracker URL', 'make photos.torrent'],
];

const OPTIONS =
  'Options: -d DIR (where to save), -o NAME (under which name), -i FILE (of sources), --select and --exclude ' +
  'PATTERN, --seed (go on when done), --max-download and --max-upload RATE, --json, -q (errors only), -v (more).';
const MORE = 'More: btget help COMMAND, btget help exit-codes, btget version, docs/manual.md.';

/** The map. It has at most 24 lines where there are 80 columns. */
export function mapText(width: number): string {
  const commands = Object.entries(GROUPS).flatMap(([group, names]) =>
    Object.entries(names).map(([name, does], at): HelpRow => [`${(at === 0 ? group : '').padEnd(9)}${name}`, does]),
  );
  return text([
    ...wrapText('btget downloads torrents, verifies every byte, and exits.', width),
    '',
    ...layRows(EXAMPLES, width),
    '',
    ...layRows(commands, width),
    '',
    ...wrapText(OPTIONS, width, INDENT),
    ...wrapText(MORE, width, INDENT),
  ]);
}

const INDENT = 2;

const MEANINGS: Readonly<Record<FailureCode, string>> = {
  failed: 'failed, for a reason without a code of its own',
  'gave-up': 'gave up: --stop-timeout or --timeout',
  'source-not-found': 'the source was not found',
  network: 'the network failed: cannot listen, cannot fetch',
  interrupted: 'interrupted before it was done',
  'disk-full': 'the disk is full',
  'target-busy': 'another btget is working on the same target',
  'foreign-file': "a file of that name exists and is not this torrent's or tracker's",
  'cannot-open': 'a file could not be created or opened',
  io: 'reading or writing failed',
  'not-bencoded': 'the source is not bencoded',
  'torrent-invalid': 'the torrent is not valid',
  'magnet-invalid': 'the magnet link is not valid',
  usage: 'wrong usage: an unknown option, a bad value',
  'bytes-missing': 'verify found bytes missing or wrong; seed found nothing to serve',
};

/** `btget help exit-codes`. */
export function exitCodesText(width: number): string {
  const rows = Object.entries(MEANINGS).map(([code, meaning]): HelpRow => {
    return [rowTerm(exitCodeOf(new BtgetError(code as FailureCode, ''))), meaning];
  });
  return text([
    ...wrapText('What the exit code of btget says:', width),
    '',
    ...layRows(
      [
        [rowTerm(0), 'everything asked for is done'],
        ...rows,
        [rowTerm(exitCodeOf(new Error())), 'a bug in btget; please report it'],
      ],
      width,
    ),
    '',
    ...wrapText('With several sources: the code of the first one, in the order given, that failed.', width),
  ]);
}

function rowTerm(code: number): string {
  return String(code).padStart(2);
}

function text(lines: readonly string[]): string {
  return `${lines.join('\n')}\n`;
}
