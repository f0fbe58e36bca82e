/** `btget show`: says what torrents hold, and can save the .torrent of a link. */
import { isDeepStrictEqual } from 'node:util';
import { toHex } from '../../base/bytes.js';
import { BtgetError, interrupted } from '../../base/failure.js';
import { redactText } from '../../base/redaction.js';
import { encodeTorrent } from '../../metainfo/create-metainfo.js';
import { type DescribedSecrets, describe } from '../../metainfo/describe.js';
import type { Metainfo } from '../../metainfo/metainfo.js';
import { DEFAULT_TORRENT_OPTIONS } from '../../torrent/torrent-options.js';
import { failureCode, failureMessage, firstExitCode } from '../exit-code.js';
import type { CliIo } from '../io.js';
import { SHOW_OPTIONS, type Values } from '../options.js';
import { jsonLine, printable } from '../output/escape.js';
import { describeForPeople } from '../output/show-tree.js';
import { canRedraw } from '../output/terminal.js';
import { Deadline, untilInterrupted } from '../run/deadline.js';
import { type LoadedMagnet, loadSourceWithin, type SourceReaders } from '../source/load-source.js';
import { listSourcesWithin } from '../source/source-list.js';
import { shownSource } from '../source/source-text.js';
import { httpProxiesOf, noticeOfProxies, readWayOut } from '../way-out.js';
import { defineCommand } from './command.js';
import { nodeDeps, sourceReaders } from './node-deps.js';
import { blocklistWithin, peersWithin, sessionOptionsOf } from './session-values.js';
import { mustBeFree, torrentTarget, writeTorrent } from './write-torrent.js';

type ShowValues = Values<typeof SHOW_OPTIONS>;

export const show = defineCommand(
  {
    name: 'show',
    arguments: '[source...]',
    summary: 'Says what torrents hold. Downloads no content.',
    examples: [
      ['btget show debian.torrent', 'its files with their numbers, trackers, magnet link'],
      ["btget show 'magnet:?xt=urn:btih:…' -o data.torrent", 'fetch the metadata, and keep it as a .torrent'],
      ['btget show *.torrent --json', 'one object a source'],
    ],
    notes: ['Of a magnet link or an info-hash the metadata is fetched first. * marks files that are executable.'],
    options: SHOW_OPTIONS,
  },
  (args, values, io) => {
    const deadline = new Deadline(values.timeout, io.timers);
    return untilInterrupted(deadline, io, () => showAll(args, values, io, deadline));
  },
);

async function showAll(args: readonly string[], values: ShowValues, io: CliIo, deadline: Deadline): Promise<number> {
  const readers = sourceReaders(io, await deadline.within(readWayOut(values, io.env), values.caCertificate));
  const inputs = await listSourcesWithin(deadline, args, values.inputFile, io.stdin);
  const { output, force } = values;
  if (output !== null && inputs.length > 1)
    throw new BtgetError('usage', '--output names one .torrent, but several sources are given');
  // A bad target must fail before the metadata is fetched. Only the metadata tells the file's name in a folder.
  if (output !== null) await mustBeFree(await torrentTarget(output, null), force);
  const secrets: DescribedSecrets = values.secrets ? 'whole' : 'hidden';
  const failures: unknown[] = [];
  let isFirst = true;
  let isHidden = false;
  for (const input of inputs) {
    if (deadline.isInterrupted) break;
    const shown = await loadMetainfo(input, readers, values, io, deadline);
    if (!shown.ok) {
      failures.push(shown.failure);
      const [code, message] = [failureCode(shown.failure), failureMessage(shown.failure)];
      io.stderr.write(`btget: ${printable(message)}\n`);
      if (values.json) io.stdout.write(`${jsonLine({ input: shownSource(input), error: { code, message } })}\n`);
      continue;
    }
    const { metainfo } = shown;
    if (output !== null) {
      const target = await torrentTarget(output, `${metainfo.name}.torrent`);
      await mustBeFree(target, force);
      await writeTorrent(target, encodeTorrent(metainfo), force, io.stdout, deadline);
      // Any other text on stdout would spoil the .torrent.
      if (target.kind === 'stdout') continue;
    }
    if (values.json) io.stdout.write(`${jsonLine({ input: shownSource(input), ...describe(metainfo, secrets) })}\n`);
    else io.stdout.write(`${isFirst ? '' : '\n'}${describeForPeople(metainfo, secrets).join('\n')}\n`);
    isFirst = false;
    isHidden ||= !values.secrets && !isDeepStrictEqual(describe(metainfo, 'hidden'), describe(metainfo, 'whole'));
  }
  // Without its key, a private tracker would not serve the link that is shown. The user must know why.
  if (isHidden && !values.json && !values.quiet)
    io.stderr.write('keys and passwords in URLs are left out: --secrets shows them\n');
  const exitCode = firstExitCode(deadline.isInterrupted ? [...failures, interrupted()] : failures);
  // A fetch that was given up goes on, and would keep the process alive.
  if (deadline.hasGivenUp) io.exitWhenWritten(exitCode);
  return exitCode;
}

type Found = { readonly ok: true; readonly metainfo: Metainfo } | { readonly ok: false; readonly failure: BtgetError };

async function loadMetainfo(
  input: string,
  readers: SourceReaders,
  values: ShowValues,
  io: CliIo,
  deadline: Deadline,
): Promise<Found> {
  const source = await loadSourceWithin(deadline, input, readers);
  if (!source.ok || source.kind === 'torrent') return source;
  try {
    return { ok: true, metainfo: await fetchFromPeers(source, values, io, deadline) };
  } catch (failure) {
    if (!(failure instanceof BtgetError)) throw failure;
    return { ok: false, failure };
  }
}

/** Loads slow modules that only links need. */
async function fetchFromPeers(
  source: LoadedMagnet,
  values: ShowValues,
  io: CliIo,
  deadline: Deadline,
): Promise<Metainfo> {
  const { fetchMetainfo } = await import('../run/fetch-metainfo.js');
  const { sentencesFor } = await import('../output/sentences.js');
  const { createSession, readBlocklist } = await deadline.within(nodeDeps(io, values), values.caCertificate);
  const say = (sentence: string): void => {
    if (!values.quiet) io.stderr.write(`${printable(sentence)}\n`);
  };
  const notice = noticeOfProxies(httpProxiesOf(values, io.env));
  if (notice !== null) say(notice);
  const blocklist = await blocklistWithin(deadline, values, readBlocklist);
  const peers = await peersWithin(deadline, values);
  const { trackers, noTrackers, noPex } = values;
  // The fetch is over before a gateway would let a peer in.
  const all = { ...values, maxDownload: null, maxUpload: null, noPortMapping: true };
  const options = {
    session: { ...sessionOptionsOf(all, io.env), blocklist },
    torrent: { ...DEFAULT_TORRENT_OPTIONS, peers, trackers, useTorrentTrackers: !noTrackers, usePex: !noPex },
    deadline,
  };
  const about = { name: source.link.name ?? source.input, infoHash: toHex(source.link.infoHash) };
  return fetchMetainfo(source, createSession, options, io, {
    warned: (sentence) => say(`${about.name}: ${redactText(sentence)}`),
    stalled: (reasons) => {
      const layout = canRedraw(io) ? 'rows' : 'line';
      for (const line of sentencesFor({ type: 'stalled', about, reasons }, 'normal', layout)) say(line);
    },
  });
}
