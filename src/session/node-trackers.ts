import { systemRandom } from '../base/system-random.js';
import { findDestinations } from '../discovery/http/http-destination.js';
import { DEFAULT_FETCH_OPTIONS } from '../discovery/http/http-fetch.js';
import type { Authorities } from '../discovery/http/http-tls.js';
import { HttpTrackerClient, SchemeTrackerClient } from '../discovery/trackers/http-tracker-client.js';
import type { TrackerClient, TrackerScraper } from '../discovery/trackers/tracker-client.js';
import { UdpTrackerClient } from '../discovery/trackers/udp-tracker-client.js';
import { DEFAULT_UDP_TRACKER_OPTIONS } from '../discovery/trackers/udp-tracker-options.js';
import type { BindAddresses } from '../net/fence.js';
import type { RawServer } from '../net/raw-server.js';

export interface NodeTrackers {
  readonly client: TrackerClient & TrackerScraper;
  /** Ends what is under way. */
  close(): void;
}

/**
 * Real trackers, asked over HTTP and UDP, from `bind` alone unless it is null; `authorities` are trusted over HTTPS
 * too.
 */
export function createNodeTrackers(
  rawServer: RawServer,
  userAgent: string,
  bind: BindAddresses | null,
  authorities: Authorities | null,
): NodeTrackers {
  const http = new HttpTrackerClient(rawServer, { ...DEFAULT_FETCH_OPTIONS, userAgent, bind, authorities });
  const udp = new UdpTrackerClient(rawServer, systemRandom, { ...DEFAULT_UDP_TRACKER_OPTIONS, bind, findDestinations });
  return {
    client: new SchemeTrackerClient(http, udp),
    close: () => {
      http.close();
      udp.close();
    },
  };
}
