/** What is kept in the download folder of a torrent that began with a link, by whichever way it is finished. */
import type { InfoHash } from '../metainfo/metainfo.js';
import { KeptMetadata, metadataTarget } from '../resume/kept-metadata.js';
import type { TorrentEvents } from '../torrent/status.js';
import type { TorrentOptions } from '../torrent/torrent-options.js';
import type { TorrentParts } from '../torrent/torrent-parts.js';

export function keptMetadata(
  { openTarget, rawServer }: Pick<TorrentParts, 'openTarget' | 'rawServer'>,
  infoHash: InfoHash,
  dir: string,
): KeptMetadata {
  return new KeptMetadata(rawServer, infoHash, openTarget({ dir, name: metadataTarget(infoHash) }).journal);
}

/**
 * Tells the end of a download once what was kept of its link is gone. The listener may end the process at that word, so
 * nothing may be left to do.
 */
export function doneOnceForgotten(
  kept: KeptMetadata,
  events: Pick<TorrentEvents, 'done' | 'goalReached'>,
): Pick<TorrentEvents, 'done' | 'goalReached'> {
  let isForgotten = false;
  let isGoalReached = false;
  return {
    done: () =>
      kept.remove(() => {
        isForgotten = true;
        events.done();
        if (isGoalReached) events.goalReached();
      }),
    goalReached: () => {
      isGoalReached = true;
      if (isForgotten) events.goalReached();
    },
  };
}

/** `events` for a torrent whose .torrent is here, but which may have begun with a link in an earlier run. */
export function forgettingLink(
  parts: Pick<TorrentParts, 'openTarget' | 'rawServer'>,
  infoHash: InfoHash,
  { mode, dir }: TorrentOptions,
  events: TorrentEvents,
): TorrentEvents {
  if (mode !== 'download') return events;
  return {
    started: () => events.started(),
    fileDone: (file, path) => events.fileDone(file, path),
    trackerAnswered: (report) => events.trackerAnswered(report),
    warned: (code, message) => events.warned(code, message),
    ...doneOnceForgotten(keptMetadata(parts, infoHash, dir), events),
    failed: (failure) => events.failed(failure),
  };
}
