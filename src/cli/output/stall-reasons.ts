/** Why a download stands still, the likeliest reason first. */
import type { TrackerAnswer } from '../../discovery/rerequester.js';
import type { TorrentStatus } from '../../torrent/status.js';
import type { StallReason } from './events.js';
import { formatCount } from './format.js';

/** What is known of a torrent's trackers. */
export interface TrackerNews {
  /** There is one to ask at all. */
  readonly some: boolean;
  /** The last report of each that has answered or failed. */
  readonly reports: readonly TrackerAnswer[];
}

export function stallReasons(status: TorrentStatus, trackers: TrackerNews): StallReason[] {
  const reasons: StallReason[] = [];
  const failing = trackers.reports.filter((report) => !report.ok);
  const working = trackers.reports.length - failing.length;
  if (status.peers === 0) {
    if (trackers.reports.length === 0)
      reasons.push(
        trackers.some
          ? { code: 'trackers-silent', message: 'no peer, and no tracker has answered yet' }
          : { code: 'no-trackers', message: 'no peer, and no tracker to ask; --tracker and --peer name some' },
      );
    if (failing.length > 0 && working === 0) reasons.push(failingTrackers(failing));
    if (working > 0) reasons.push({ code: 'no-peers', message: 'the trackers name no peer that can be reached' });
    if (failing.length > 0 && working > 0) reasons.push(failingTrackers(failing));
    return reasons;
  }
  if (status.state === 'metadata') {
    const message = `${formatCount(status.peers, 'peer')} connected, none has given the metadata yet`;
    reasons.push({ code: 'no-metadata', message });
    if (failing.length > 0) reasons.push(failingTrackers(failing));
    return reasons;
  }
  if (status.unchokedBy === 0)
    reasons.push({ code: 'choked', message: `${formatCount(status.peers, 'peer')} connected, none serves us yet` });
  else
    reasons.push({
      code: 'nothing-sent',
      message: `${formatCount(status.unchokedBy, 'peer')} would serve us, none sends`,
    });
  if (status.seeds === 0)
    reasons.push({ code: 'no-seeds', message: 'no connected peer has everything; pieces may be missing in the swarm' });
  if (failing.length > 0) reasons.push(failingTrackers(failing));
  return reasons;
}

function failingTrackers(failing: readonly TrackerAnswer[]): StallReason {
  const shown = failing.slice(0, 3).map((report) => `${report.url}: ${report.message ?? 'no answer'}`);
  const more = failing.length > shown.length ? `, and ${failing.length - shown.length} more` : '';
  return {
    code: 'trackers-failing',
    message: `${formatCount(failing.length, 'tracker')} failing: ${shown.join('; ')}${more}`,
  };
}
