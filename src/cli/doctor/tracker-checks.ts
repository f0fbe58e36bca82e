/** Checks whether UDP works, whether trackers answer, and what they know of a torrent. */
import type { Swarms } from '../../discovery/swarm-sources.js';
import type {
  AnnounceOutcome,
  ScrapedTorrent,
  ScrapeOutcome,
  TrackerClient,
  TrackerScraper,
} from '../../discovery/trackers/tracker-client.js';
import type { InfoHash } from '../../metainfo/info-hash.js';
import type { BindAddresses } from '../../net/fence.js';
import type { DatagramSocket, RawServer } from '../../net/raw-server.js';
import type { SourcedUrl } from '../../net/url-rule.js';
import { formatCount } from '../output/format.js';
import { type Finding, failed, fine, warning } from './finding.js';

/** The client that asks trackers, and what it tells them of us and the torrent. */
export interface TrackerQuestion {
  readonly client: TrackerClient & TrackerScraper;
  /** The main one first. */
  readonly swarms: Swarms;
  readonly peerId: Buffer;
  /** The port on which we would listen. */
  readonly port: number;
}

/** Trackers that we ask. A hostile torrent may name a million, whose owners have nothing to do with it. */
const MAX_ASKED = 50;

/** Asks the first fifty trackers, all at once. The findings come in the order of `trackers`. */
export async function checkTrackers(trackers: readonly SourcedUrl[], question: TrackerQuestion): Promise<Finding[]> {
  const findings = await Promise.all(trackers.slice(0, MAX_ASKED).map((tracker) => checkTracker(tracker, question)));
  const left = trackers.length - findings.length;
  return left === 0
    ? findings
    : [...findings, warning('tracker', `${formatCount(left, 'more tracker')} not asked`, null)];
}

async function checkTracker(tracker: SourcedUrl, question: TrackerQuestion): Promise<Finding> {
  const shown = tracker.url.toString();
  // Some trackers answer for one torrent of a request alone.
  const scraped = await Promise.all(
    [...question.swarms].map(async ([swarm, infoHash]) => ({
      swarm,
      outcome: await scrape(tracker, infoHash, question),
    })),
  );
  if (scraped.some(({ outcome }) => countsIn(outcome) !== null)) {
    const told = scraped.filter(({ outcome }) => outcome.ok);
    const texts = told.map(({ swarm, outcome }) => countsText(outcome) + (scraped.length > 1 ? ` (${swarm})` : ''));
    return fine('tracker', `${shown}: ${texts.join('; ')}`);
  }
  // Many trackers have no scrape, or hide torrents in it. A 'stopped' announce makes us no peer of the torrent.
  const announced = await sayGoodBye(tracker, question);
  if (!announced.ok) return failed('tracker', `${shown}: ${announced.message}`, null);
  const [untold] = scraped.flatMap(({ outcome }) => (outcome.ok ? [] : [outcome.message]));
  return untold === undefined
    ? warning('tracker', `${shown}: answers, and knows no peer of this torrent`, null)
    : fine('tracker', `${shown}: answers; it does not tell counts (${untold})`);
}

function countsIn(outcome: ScrapeOutcome): ScrapedTorrent | null {
  return outcome.ok ? (outcome.torrents[0] ?? null) : null;
}

function countsText(outcome: ScrapeOutcome): string {
  const counts = countsIn(outcome);
  return counts === null ? 'no peer' : `${formatCount(counts.seeds ?? 0, 'seed')}, ${counts.leeches ?? 0} downloading`;
}

function scrape(tracker: SourcedUrl, infoHash: InfoHash, { client }: TrackerQuestion): Promise<ScrapeOutcome> {
  return new Promise((resolve) => client.scrape(tracker, [infoHash], resolve));
}

function sayGoodBye(
  { url, source }: SourcedUrl,
  { client, swarms, peerId, port }: TrackerQuestion,
): Promise<AnnounceOutcome> {
  const [infoHash] = swarms.values();
  if (infoHash === undefined) throw new Error('a torrent without an info-hash');
  const request = {
    url,
    source,
    infoHash,
    peerId,
    port,
    uploaded: 0,
    downloaded: 0,
    left: 0,
    event: 'stopped',
    numwant: 0,
    key: peerId.subarray(-4).toString('hex'),
    trackerId: null,
    encryption: 'none',
  } as const;
  return new Promise((resolve) => client.announce(request, resolve));
}

/** Milliseconds. */
const ECHO_LIMIT = 2000;
const GREETING = Buffer.from('btget doctor');

/** Checks whether we can open a UDP socket, and whether it hears what it sends to itself. */
export function checkUdp(rawServer: RawServer, bind: BindAddresses | null): Promise<Finding> {
  const family = bind === null || bind.ipv4 !== undefined ? 4 : 6;
  // With --bind the socket may use one address only, so it must send to itself at this address.
  const host = (family === 4 ? bind?.ipv4 : bind?.ipv6) ?? '127.0.0.1';
  return new Promise((resolve) => {
    let socket: DatagramSocket | undefined;
    const end = (finding: Finding): void => {
      limit.cancel();
      socket?.close();
      resolve(finding);
    };
    const limit = rawServer.addTask(
      () =>
        end(
          failed('udp', 'a UDP socket does not hear what it sends to itself', 'look at the firewall of this machine'),
        ),
      ECHO_LIMIT,
    );
    const handler = {
      datagramCameIn: (_socket: DatagramSocket, data: Buffer) => {
        if (data.equals(GREETING)) end(fine('udp', `UDP over IPv${family} works on this machine`));
      },
      sendFailed: () => end(failed('udp', 'a UDP socket cannot send', 'look at the firewall of this machine')),
    };
    rawServer.openDatagram({ family, port: 0 }, handler, (outcome) => {
      if (outcome.ok) {
        socket = outcome.socket;
        socket.send(Buffer.from(GREETING), { host, port: socket.local.port });
      } else end(failed('udp', `no UDP socket can be opened: ${String(outcome.cause ?? outcome.code)}`, null));
    });
  });
}
