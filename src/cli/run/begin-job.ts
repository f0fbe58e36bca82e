/** From a source to the job that follows its torrent through a run. */
import { toHex } from '../../base/bytes.js';
import { BtgetError } from '../../base/failure.js';
import type { TorrentOptions } from '../../torrent/torrent-options.js';
import type { Subject } from '../output/events.js';
import type { LoadedMagnet, LoadedTorrent, UnusableSource } from '../source/load-source.js';
import type { SessionFace } from './session-face.js';
import { type JobOwner, TorrentJob } from './torrent-job.js';

type UsableSource = LoadedTorrent | LoadedMagnet;

/** The job that is about the same torrent, whichever way that was named. */
export function twinOf(source: UsableSource, jobs: readonly TorrentJob[]): TorrentJob | undefined {
  const { infoHash } = subjectOf(source);
  return jobs.find((job) => job.about.infoHash === infoHash);
}

export function isTwin(input: string, twin: TorrentJob | undefined): UnusableSource {
  const same = twin === undefined || input === twin.input ? 'is given twice' : `is the same torrent as ${twin.input}`;
  return { input, ok: false, failure: new BtgetError('target-busy', `${input} ${same}`) };
}

/** Throws a 'usage' failure when the torrent has no such file as was asked for. */
export function beginJob(
  source: UsableSource,
  session: SessionFace,
  options: TorrentOptions,
  owner: JobOwner,
): TorrentJob {
  const trackers = source.kind === 'torrent' ? source.metainfo.trackers : source.link.trackers;
  const hasTrackers = options.trackers.length > 0 || (options.useTorrentTrackers && trackers.length > 0);
  const job = new TorrentJob(source.input, subjectOf(source), options, hasTrackers, owner);
  if (source.kind === 'torrent') {
    job.joined(session.addTorrent(source.metainfo, options, job));
    job.gotMetadata(source.metainfo);
  } else job.joined(session.addMagnet(source.link, optionsFor(source, options), job));
  return job;
}

/** What the link says besides which torrent it is: its peers, and its files unless the user has said which. */
export function optionsFor({ link, peers }: LoadedMagnet, options: TorrentOptions): TorrentOptions {
  const { select, exclude } = options.selection;
  const ranges = select.length > 0 || exclude.length > 0 ? null : link.selected;
  return { ...options, linkPeers: peers, selection: { select, exclude, ranges } };
}

function subjectOf(source: UsableSource): Subject {
  if (source.kind === 'torrent') return { name: source.metainfo.name, infoHash: toHex(source.metainfo.infoHash) };
  const infoHash = toHex(source.link.infoHash);
  return { name: source.link.name ?? infoHash, infoHash };
}
