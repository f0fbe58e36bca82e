/** `btget create`: makes a .torrent of a file or folder. */
import { basename, dirname, isAbsolute, relative, resolve } from 'node:path';
import { toHex } from '../../base/bytes.js';
import { BtgetError, interrupted } from '../../base/failure.js';
import type { FileDisk } from '../../disk/files/file-disk.js';
import type { PieceHashesOutcome } from '../../disk/files/hash-pieces.js';
import {
  type ListedFile,
  type Listing,
  listFiles,
  listTogether,
  mustBeUnchanged,
  torrentOf,
} from '../../disk/list-files.js';
import { type ChangedName, changedNames } from '../../metainfo/changed-names.js';
import { createMetainfo } from '../../metainfo/create-metainfo.js';
import { parseMetainfo } from '../../metainfo/parse-metainfo.js';
import { type CliIo, onInterrupt } from '../io.js';
import { CREATE_OPTIONS, type Values } from '../options.js';
import { abridged, printable } from '../output/escape.js';
import { formatCount, formatSize } from '../output/format.js';
import { shellPath, shellWord } from '../output/shell-word.js';
import { createTaskProgress } from '../output/task-progress.js';
import { Deadline, untilInterrupted } from '../run/deadline.js';
import { isName, readDate } from '../values.js';
import { version } from '../version.js';
import { type CliCommand, defineCommand } from './command.js';
import { mustBeFree, replacedBy, type TorrentTarget, torrentTarget, writeTorrent } from './write-torrent.js';

export const create = (disk: FileDisk): CliCommand =>
  defineCommand(
    {
      name: 'create',
      arguments: '<path...>',
      summary: 'Makes a .torrent of a file or folder.',
      examples: [
        ['btget create photos/ --tracker https://tracker.example/announce', 'makes photos.torrent here'],
        ['btget create a.iso b.iso docs/ --name discs', 'a folder discs of these; makes discs.torrent'],
        ["btget create site/ --exclude '*.{log,tmp}' -o /srv/", 'without some files; makes /srv/site.torrent'],
      ],
      notes: [
        'Hidden files are part of a folder, and links are followed. The same content makes the same torrent ' +
          'everywhere: files are sorted, and no date is written unless --date or SOURCE_DATE_EPOCH names one.',
      ],
      options: CREATE_OPTIONS,
    },
    (paths, values, io) => {
      const deadline = new Deadline(null, io.timers);
      return untilInterrupted(deadline, io, () => createTorrent(paths, values, disk, io, deadline));
    },
  );

async function createTorrent(
  paths: readonly string[],
  values: CreateValues,
  disk: FileDisk,
  io: CliIo,
  deadline: Deadline,
): Promise<number> {
  const createdAt = values.date ?? dateOfEnvironment(io);
  const target = await targetOf(paths, values);
  const listing = await deadline.within(list(paths, values, target), null);
  await mustBeFree(target, values.force);
  const torrent = torrentOf(paths.join(', '), listing, {
    metaVersion: values.metaVersion,
    name: values.name,
    pieceLength: values.pieceLength,
    trackers: values.trackers.map((url) => [url]),
    webSeeds: values.webSeeds,
    private: values.private,
    source: values.source,
    comment: values.comment,
    createdBy: `btget ${version()}`,
    createdAt,
  });
  const { pieceLength } = torrent;
  const length = listing.files.reduce((sum, file) => sum + file.length, 0);
  const outcome = await hash(listing.files, length, pieceLength, values, disk, io);
  if (!outcome.ok) throw outcome.failure;
  await deadline.within(mustBeUnchanged(listing.files), null);
  const bytes = createMetainfo({ ...torrent, pieces: outcome.pieces, pieceRoots: outcome.pieceRoots });
  // We must be able to read what we write: a torrent beyond the limits is refused here, not by a user who gets it.
  const metainfo = parseMetainfo(bytes);
  const { infoHashV1, infoHashV2, pieceCount } = metainfo;
  await writeTorrent(target, bytes, values.force, io.stdout, deadline);
  if (values.quiet) return 0;
  if (values.private && values.trackers.length === 0)
    io.stderr.write('warning: a private torrent without a tracker finds no peers (--tracker names one)\n');
  const changed = changedNames(metainfo);
  if (changed.length > 0) io.stderr.write(`${printable(changedSentence(changed))}\n`);
  for (const glob of listing.unused) io.stderr.write(`warning: --exclude ${printable(glob)} means no file\n`);
  for (const reason of listing.leftOut) io.stderr.write(`left out: ${printable(reason)}\n`);
  io.stderr.write(
    `${printable(target.kind === 'stdout' ? 'stdout' : target.path)}: ` +
      `${formatSize(length)} in ${formatCount(listing.files.length, 'file')}, ` +
      `${formatCount(pieceCount, 'piece')} of ${formatSize(pieceLength)}, ${hashesText(infoHashV1, infoHashV2)}\n`,
  );
  const next =
    io.stderr.isTTY === true && target.kind === 'file' ? nextSentence(paths, torrent.name, target.path) : null;
  if (next !== null) io.stderr.write(`${next}\n`);
  return 0;
}

function hashesText(v1: Buffer | null, v2: Buffer | null): string {
  const [first, ...others] = [v1, v2].filter((hash) => hash !== null).map(toHex);
  return [`info-hash ${first}`, ...others].join(' and ');
}

type CreateValues = Values<typeof CREATE_OPTIONS>;

function targetOf([path = '', ...more]: readonly string[], values: CreateValues): Promise<TorrentTarget> {
  if (more.length > 0 && values.name === null)
    throw new BtgetError('usage', '--name is missing: several paths need a name for their folder');
  const name = `${values.name ?? basename(resolve(path))}.torrent`;
  return torrentTarget(values.output, name);
}

/** A .torrent that is replaced is no content of the folder in which it is. Any other file that would be replaced is. */
async function list(
  paths: readonly string[],
  { name, exclude }: CreateValues,
  target: TorrentTarget,
): Promise<Listing> {
  const [path = '', ...more] = paths;
  const replaced = await replacedBy(target);
  const leftOut = { torrent: target.kind === 'file' && replaced?.isTorrent !== false ? target.path : null, exclude };
  const listing = await (name === null || more.length === 0
    ? listFiles(path, leftOut, name ?? undefined)
    : listTogether(paths, name, leftOut));
  const lost = listing.files.find(({ id }) => id === replaced?.id);
  if (lost === undefined || target.kind !== 'file') return listing;
  throw new BtgetError(
    'usage',
    `${target.path} is content (${lost.from}), and the .torrent would replace it; -o names another file`,
  );
}

const NAMES_TOLD = 3;

function changedSentence(changed: readonly ChangedName[]): string {
  const told = changed
    .slice(0, NAMES_TOLD)
    .map(({ from, to }) => `'${abridged(from.join('/'), 200)}' will be '${abridged(to.join('/'), 200)}'`);
  const more = changed.length > NAMES_TOLD ? `, and ${changed.length - NAMES_TOLD} more` : '';
  return `warning: others get ${formatCount(changed.length, 'other name')}: ${told.join(', ')}${more}`;
}

function hash(
  files: readonly ListedFile[],
  length: number,
  pieceLength: number,
  { quiet, metaVersion }: Pick<Values<typeof CREATE_OPTIONS>, 'quiet' | 'metaVersion'>,
  disk: FileDisk,
  io: CliIo,
): Promise<PieceHashesOutcome> {
  const progress = createTaskProgress(io, 'hashing', quiet);
  return new Promise((resolve) => {
    const end = (outcome: PieceHashesOutcome): void => {
      forget();
      progress.close();
      resolve(outcome);
    };
    const hashing = disk.hashPieces(
      files.map((file) => ({ path: file.from, length: file.length })),
      pieceLength,
      metaVersion,
      (hashed) => progress.tell(hashed, length),
      end,
    );
    const forget = onInterrupt(
      io,
      () => {
        hashing.cancel();
        disk.stopHashing();
        end({ ok: false, failure: interrupted() });
      },
      () => 7,
    );
  });
}

/**
 * The command that seeds the content where it lies. Several paths in one folder make that the torrent's folder; else
 * the user must first put them into one. Null when `seed` has no option for it.
 */
function nextSentence(paths: readonly string[], name: string, torrent: string): string | null {
  const [path = '', ...more] = paths;
  const parents = new Set(paths.map((each) => dirname(resolve(each))));
  const [parent = '/'] = parents;
  const seed = `btget seed ${shellPath(torrent)}`;
  if (more.length > 0 && (parents.size > 1 || parent === '/'))
    return `next: put these into a folder ${shellPath(name)} here, and ${seed}`;
  const content = more.length === 0 ? resolve(path) : parent;
  const [dir, own] = [dirname(content), basename(content)];
  const where = dir === process.cwd() ? '' : ` -d ${shellPath(isAbsolute(path) ? dir : relative('', dir))}`;
  if (own === name) return `next: ${seed}${where}`;
  return isName(own) ? `next: ${seed}${where} -o ${shellWord(own)}` : null;
}

/** Seconds since 1970, from the variable that reproducible builds set; null when it is not set. */
function dateOfEnvironment(io: CliIo): number | null {
  const text = io.env['SOURCE_DATE_EPOCH'];
  return text === undefined || text === '' ? null : readDate(text, 'SOURCE_DATE_EPOCH');
}
