/** `btget verify`: checks what is on the disk against a torrent, file by file. */
import { join } from 'node:path';
import { toHex } from '../../base/bytes.js';
import { BtgetError } from '../../base/failure.js';
import type { FileDisk } from '../../disk/files/file-disk.js';
import { withoutV2 } from '../../metainfo/layers.js';
import type { Metainfo } from '../../metainfo/metainfo.js';
import { PieceLayout } from '../../metainfo/piece-layout.js';
import { WantedContent } from '../../torrent/content/wanted-content.js';
import { lookForContentAbove, topFolder } from '../../torrent/content-above.js';
import { type ContentVerdict, type FileVerdict, type VerifyOutcome, verifyContent } from '../content/verify-content.js';
import { failureCode, failureMessage, firstExitCode } from '../exit-code.js';
import { type CliIo, onInterrupt } from '../io.js';
import { type OPTIONS, type Values, VERIFY_OPTIONS } from '../options.js';
import { jsonLine, printable } from '../output/escape.js';
import { formatCount, formatPercent, formatSize } from '../output/format.js';
import { createTaskProgress } from '../output/task-progress.js';
import { Deadline, untilInterrupted } from '../run/deadline.js';
import { loadTorrentWithin } from '../source/load-source.js';
import { listSourcesWithin } from '../source/source-list.js';
import { shownSource } from '../source/source-text.js';
import { readWayOut } from '../way-out.js';
import { type CliCommand, defineCommand } from './command.js';
import { sourceReaders } from './node-deps.js';

export const verify = (disk: FileDisk): CliCommand =>
  defineCommand(
    {
      name: 'verify',
      arguments: '[source...]',
      summary: 'Checks what is on disk against a torrent, file by file. Writes nothing.',
      examples: [
        ['btget verify debian.torrent -d /data', 'exit code 0 when every byte is right'],
        ["btget verify box.torrent --select '*.mkv' --json", 'some files, with the bad bytes of each'],
      ],
      notes: [
        'Exit code 32 when bytes are missing, wrong or cannot be read. Each file is read as NAME or as NAME.part.',
      ],
      options: VERIFY_OPTIONS,
    },
    (args, values, io) => {
      const deadline = new Deadline(null, io.timers);
      return untilInterrupted(deadline, io, () => verifyAll(args, values, disk, io, deadline));
    },
  );

async function verifyAll(
  args: readonly string[],
  values: Values<typeof VERIFY_OPTIONS>,
  disk: FileDisk,
  io: CliIo,
  deadline: Deadline,
): Promise<number> {
  const inputs = await listSourcesWithin(deadline, args, values.inputFile, io.stdin);
  if (values.output !== null && inputs.length > 1)
    throw new BtgetError('usage', '--output names one torrent, but several sources are given');
  const readers = sourceReaders(io, await deadline.within(readWayOut(values, io.env), values.caCertificate));
  const failures: unknown[] = [];
  const fail = (input: string, failure: BtgetError): void => {
    failures.push(failure);
    io.stderr.write(`btget: ${printable(failureMessage(failure))}\n`);
    const [code, message] = [failureCode(failure), failureMessage(failure)];
    if (values.json) io.stdout.write(`${jsonLine({ input: shownSource(input), error: { code, message } })}\n`);
  };
  for (const input of inputs) {
    const source = await loadTorrentWithin(deadline, input, readers, 'verify needs a .torrent, not a link');
    if (!source.ok) {
      fail(input, source.failure);
      if (source.failure.code === 'interrupted') break;
      continue;
    }
    const metainfo = provable(source.metainfo);
    const layout = new PieceLayout(metainfo);
    const content = choose(metainfo, layout, values);
    if (content instanceof BtgetError) {
      fail(input, content);
      continue;
    }
    const outcome = await check(metainfo, layout, content, values, disk, io);
    if (!outcome.ok) {
      fail(input, outcome.failure);
      if (outcome.failure.code === 'interrupted') break;
      continue;
    }
    const verdict = named(outcome.verdict, values.output);
    if (values.json) {
      const infoHash = toHex(metainfo.infoHash);
      const infoHashV2 = metainfo.infoHashV2 === null ? null : toHex(metainfo.infoHashV2);
      io.stdout.write(`${jsonLine({ input: shownSource(input), infoHash, infoHashV2, ...verdict })}\n`);
    } else if (!values.quiet || !verdict.ok) {
      for (const line of report(metainfo, verdict, values.verbose)) io.stdout.write(`${line}\n`);
    }
    if (!verdict.ok) failures.push(new BtgetError('bytes-missing', `${input}: bytes are missing or wrong`));
    if (verdict.files.every(({ state }) => state === 'missing')) {
      const hint = await misplacedHint(metainfo, layout, values, disk);
      if (hint !== null) io.stderr.write(`btget: ${printable(hint)}\n`);
    }
  }
  const exitCode = firstExitCode(failures);
  // A fetch that was given up goes on, and would keep the process alive.
  if (deadline.hasGivenUp) io.exitWhenWritten(exitCode);
  return exitCode;
}

/**
 * The torrent by what it can prove. Where a piece layer is missing, the version 2 of a hybrid proves whole files alone,
 * but its version 1 proves each piece.
 */
function provable(metainfo: Metainfo): Metainfo {
  if (metainfo.version !== 'hybrid' || metainfo.missingLayers.length === 0) return metainfo;
  return withoutV2(metainfo);
}

/** The content that the user selects, or the failure when the selection does not fit the torrent. */
function choose(
  metainfo: Metainfo,
  layout: PieceLayout,
  { select, exclude }: Pick<Values<typeof OPTIONS>, 'select' | 'exclude'>,
): WantedContent | BtgetError {
  try {
    return new WantedContent(metainfo, layout, { select, exclude, ranges: null });
  } catch (error) {
    if (error instanceof BtgetError) return error;
    throw error;
  }
}

function check(
  metainfo: Metainfo,
  layout: PieceLayout,
  content: WantedContent,
  { dir, output, quiet }: Pick<Values<typeof OPTIONS>, 'dir' | 'output' | 'quiet'>,
  disk: FileDisk,
  io: CliIo,
): Promise<VerifyOutcome> {
  const selected = content.isAll ? null : content.files;
  const where = { dir, output, partNames: true, overwrite: false, selected };
  const storage = disk.openStorage({ timers: null, metainfo, layout, ...where });
  const progress = createTaskProgress(io, `checking ${metainfo.name}`, quiet);
  return new Promise((resolve) => {
    const verification = verifyContent(metainfo, layout, content, storage, progress.tell, (outcome) => {
      progress.close();
      forget();
      storage.close(() => resolve(outcome));
    });
    const forget = onInterrupt(
      io,
      () => {
        disk.stopHashing();
        verification.stop();
      },
      () => 7,
    );
  });
}

/** For a torrent with no file on the disk: a hint when its content lies one folder too high; else null. */
function misplacedHint(
  metainfo: Metainfo,
  layout: PieceLayout,
  { dir, output }: Pick<Values<typeof OPTIONS>, 'dir' | 'output'>,
  disk: FileDisk,
): Promise<string | null> {
  const folderName = disk.folderName(dir);
  if (output !== null || folderName === null || topFolder(metainfo) === null) return Promise.resolve(null);
  return new Promise((resolve) => {
    lookForContentAbove({ metainfo, layout, openStorage: disk.openStorage, folderName }, dir, (place) => {
      const here = dir === '.' ? 'this folder' : dir;
      const nothing = `${metainfo.name}: nothing of it is at ${join(dir, metainfo.name)}`;
      resolve(place === null ? null : `${nothing}, but in ${here} itself (${place} finds it)`);
    });
  });
}

/** The verdict with the names on the disk: with `--output` the content lies under another name. */
function named(verdict: ContentVerdict, output: string | null): ContentVerdict {
  if (output === null) return verdict;
  const files = verdict.files.map((file) => ({ ...file, path: [output, ...file.path.split('/').slice(1)].join('/') }));
  return { ...verdict, files };
}

// A file with many bad ranges would fill the screen. The JSON has them all.
const RANGES_TOLD = 10;

/**
 * Lines for each file that is not whole (for each file when `all`) with its bad bytes, and a line for the torrent. A
 * range is told by its first and its last byte.
 */
function report(metainfo: Metainfo, verdict: ContentVerdict, all: boolean): string[] {
  const lines = verdict.files
    .filter((file) => all || !file.ok || verdict.files.length === 1)
    .flatMap((file) => [fileLine(file), ...rangeLines(file)]);
  const whole = verdict.files.filter((file) => file.ok).length;
  const bad =
    verdict.badPieces.length === 0 ? '' : `, ${formatCount(verdict.badPieces.length, 'piece')} missing or wrong`;
  lines.push(
    `${printable(metainfo.name)}: ${whole} of ${formatCount(verdict.files.length, 'file')} ok, ` +
      `${formatSize(verdict.have)} of ${formatSize(verdict.length)}${bad}`,
  );
  return lines;
}

const INDENT = 'wrong-size'.length;

function fileLine({ path, length, have, state, reason, wholeOnly }: FileVerdict): string {
  const part =
    state === 'incomplete' && wholeOnly === true
      ? ' (the torrent has no hashes of its pieces)'
      : state === 'incomplete'
        ? ` (${formatPercent(have, length)} is right)`
        : reason === undefined
          ? ''
          : ` (${printable(reason)})`;
  return `${state.padEnd(INDENT)}  ${formatSize(length).padStart(8)}  ${printable(path)}${part}`;
}

function rangeLines({ state, have, badRanges }: FileVerdict): string[] {
  // All bytes of an absent file are missing. When no byte of a file could be read, we know nothing of its ranges.
  if (state === 'missing' || (state === 'unreadable' && have === 0)) return [];
  const lines = badRanges.slice(0, RANGES_TOLD).map(({ begin, length }) => {
    const bytes = `${begin}-${begin + length - 1}`;
    return `${''.padEnd(INDENT)}  ${formatSize(length).padStart(8)}  bytes ${bytes} missing or wrong`;
  });
  const more = badRanges.length - lines.length;
  return more === 0
    ? lines
    : [...lines, `${''.padEnd(INDENT + 12)}and ${formatCount(more, 'more range')} (see --json)`];
}
