/** From a source to the job that follows its torrent through a run. */
import { toHex } from '../../base/bytes.js';
import { optionsForLink } from '../../session/link-options.js';
import type { TorrentOptions } from '../../torrent/torrent-options.js';
import { abridged } from '../output/escape.js';
import type { Subject } from '../output/events.js';
import type { LoadedMagnet, LoadedTorrent } from '../source/load-source.js';
import type { SessionFace } from './session-face.js';
import { type JobOwner, TorrentJob } from './torrent-job.js';

type UsableSource = LoadedTorrent | LoadedMagnet;

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
  } else job.joined(session.addMagnet(source.link, optionsForLink(source.link, source.peers, options), job));
  return job;
}

function subjectOf(source: UsableSource): Subject {
  if (source.kind === 'torrent') return { name: source.metainfo.name, infoHash: toHex(source.metainfo.infoHash) };
  const infoHash = toHex(source.link.infoHash);
  return { name: abridged(source.link.name ?? infoHash, 200), infoHash };
}
