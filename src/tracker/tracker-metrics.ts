/** The tracker's metrics. They are sums: a torrent for each label would be thousands of rows, and would name them. */
import { byLabel, encodeMetrics, single } from '../measure/metrics-text.js';
import type { TrackerStanding } from './tracker-standing.js';

export function trackerMetrics({ version, uptime, torrents, seeds, leeches, counts }: TrackerStanding): string {
  const { announces, scrapes, refusals, completions } = counts;
  return encodeMetrics([
    byLabel('gauge', 'btget_info', 'Which btget this is.', 'version', { [version]: 1 }),
    single('gauge', 'btget_tracker_uptime_seconds', 'Seconds since the tracker began.', uptime),
    single('gauge', 'btget_tracker_torrents', 'Torrents that the tracker knows.', torrents),
    byLabel('gauge', 'btget_tracker_peers', 'Peers of all torrents.', 'kind', { seeds, leeches }),
    byLabel('counter', 'btget_tracker_announces_total', 'Announces, refused ones too.', 'transport', announces),
    byLabel('counter', 'btget_tracker_refusals_total', 'Announces that were refused.', 'reason', refusals),
    byLabel('counter', 'btget_tracker_scrapes_total', 'Scrapes.', 'transport', scrapes),
    single('counter', 'btget_tracker_completions_total', 'Torrents that a peer has fetched whole.', completions),
  ]);
}
