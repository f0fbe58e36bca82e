import type { Timers } from '../base/clock.js';
import { type CreatePeerSource, type PeerSource, PeerSources, type SeekingTorrent } from '../discovery/peer-source.js';
import { SwarmSources } from '../discovery/swarm-sources.js';
import { DEFAULT_REREQUESTER_OPTIONS, Rerequester } from '../discovery/trackers/rerequester.js';
import type { AnnounceOutcome, AnnounceRequest, TrackerClient } from '../discovery/trackers/tracker-client.js';
import { type InfoHash, type Swarm, swarmsOf } from '../metainfo/info-hash.js';
import type { Metainfo } from '../metainfo/metainfo.js';
import type { Blocklist } from '../net/blocklist.js';
import type { PeerAddress } from '../net/raw-server.js';
import type { AddressSource } from '../net/reach-rule.js';
import { namedBy } from '../net/url-rule.js';
import type { Encoder } from '../swarm/connections/encoder.js';
import type { TorrentOptions } from './torrent-options.js';
import type { AnnounceSource, TorrentParts } from './torrent-parts.js';

export interface PeerSourcesParts
  extends Pick<TorrentParts, 'identity' | 'port' | 'random' | 'trackerClient' | 'ownAddresses' | 'encryption'> {
  /** The torrent's own trackers, in tiers. */
  readonly trackers: readonly (readonly string[])[];
  readonly options: TorrentOptions;
  readonly timers: Timers;
  readonly encoder: Encoder;
  /** A tracker has named a peer in one swarm, and perhaps its peer id. */
  readonly trackerNamed: (address: PeerAddress, source: AddressSource, peerId: Buffer | null, found: Swarm) => void;
  /** Makes the sources besides the trackers. */
  readonly others: readonly CreatePeerSource[];
  readonly announceSource: AnnounceSource;
}

/** Each of them is at work in every swarm of the torrent, and hears of it when the torrent's hashes change. */
export interface CreatedPeerSources {
  readonly trackers: SwarmSources;
  readonly others: readonly SwarmSources[];
}

/** Makes everything that finds peers for a torrent with a metainfo. */
export function createContentSources(
  parts: TorrentParts,
  metainfo: Metainfo,
  options: TorrentOptions,
  timers: Timers,
  encoder: Encoder,
  announceSource: AnnounceSource,
): PeerSource {
  const { trackers, others } = createPeerSources({
    ...parts,
    trackers: metainfo.trackers,
    options,
    timers,
    encoder,
    trackerNamed: (address, source, peerId, found) => encoder.startConnection(address, source, peerId, found),
    // BEP 27: "When private=1, the client MUST only announce itself to the private tracker, and MUST only initiate
    // connections to peers returned from the private tracker."
    others: metainfo.private ? [] : parts.peerSources,
    announceSource,
  });
  return new PeerSources([trackers, ...others]);
}

/** Makes everything that finds peers for one torrent, and joins it with the table of connections. */
export function createPeerSources(parts: PeerSourcesParts): CreatedPeerSources {
  const { timers, random, port, encoder, announceSource } = parts;
  const swarms = swarmsOf(parts.identity);
  const seekingIn = (found: Swarm, infoHash: InfoHash): SeekingTorrent => ({
    infoHash,
    port,
    timers,
    random,
    isComplete: () => announceSource.isComplete(),
    hasPeers: () => encoder.howManyConnections() > 0,
    startConnection: (address, source) => encoder.startConnection(address, source, null, found),
  });
  return {
    trackers: new SwarmSources(swarms, (swarm, infoHash) => createRerequester(parts, swarm, infoHash)),
    others: parts.others.map(
      (create) => new SwarmSources(swarms, (swarm, infoHash) => create(seekingIn(swarm, infoHash))),
    ),
  };
}

function createRerequester(parts: PeerSourcesParts, swarm: Swarm, infoHash: InfoHash): Rerequester {
  const { trackers, options, identity, encoder, timers, announceSource } = parts;
  const tiers = [
    ...options.trackers.map((url) => namedBy('user', [url])),
    ...(options.useTorrentTrackers ? trackers.map((tier) => namedBy('torrent-tracker', tier)) : []),
  ];
  return new Rerequester(
    {
      infoHash,
      peerId: identity.myId,
      port: parts.port,
      tiers,
      encryption: parts.encryption.ways.told,
    },
    {
      timers,
      random: parts.random,
      client: new GuardedTrackerClient(parts.trackerClient, timers),
      howManyConnections: () => {
        const count = encoder.howManyConnections();
        // While there are places for dials, we need addresses to dial, even when many peers have come to us.
        return encoder.isFull ? count : Math.min(count, DEFAULT_REREQUESTER_OPTIONS.enoughPeers - 1);
      },
      everIncoming: () => encoder.everIncoming,
      totals: () => announceSource.totals(),
      startConnection: (address, source, peerId) => parts.trackerNamed(address, source, peerId, swarm),
      // Whoever has one address may have any number of names, so trackers vote by their addresses as peers do.
      seenAt: (host, teller) => parts.ownAddresses.vote(teller, host),
      trackerAnswered: (report) => {
        const isHybrid = swarmsOf(encoder.identity).size > 1;
        announceSource.trackerAnswered({ ...report, swarm: isHybrid ? swarm : null });
      },
    },
    DEFAULT_REREQUESTER_OPTIONS,
  );
}

/**
 * Dials the peers that the user names and those that the link names. A stranger may have made the link, so peers in our
 * own networks are refused when only the link names them. `noted` is called with a sentence for the user that says what
 * to do about it, and with one about the user's peers that are on the user's blocklist.
 */
export function dialNamed(
  encoder: Encoder,
  { peers, linkPeers }: Pick<TorrentOptions, 'peers' | 'linkPeers'>,
  blocklist: Blocklist | undefined,
  noted: (code: 'peer-listed' | 'link-peer-refused', message: string) => void,
): void {
  for (const address of peers) encoder.startConnection(address, { kind: 'user' }, null);
  const refused = linkPeers.filter((address) => !encoder.startConnection(address, { kind: 'link' }, null));
  const isListed = ({ host }: PeerAddress): boolean => blocklist?.hasHost(host) === true;
  const listed = [...peers, ...linkPeers].filter(isListed);
  if (listed.length > 0) noted('peer-listed', `on the blocklist, and not dialled: ${inShort(listed)}`);
  const tooNear = refused.filter((address) => !isListed(address));
  const [first] = tooNear;
  if (first === undefined) return;
  const message = `the link names a peer at ${inShort(tooNear)}, where no link may lead`;
  noted('link-peer-refused', `${message}; --peer ${nameOf(first)} dials it all the same`);
}

/** The first of the addresses, and how many others there are. */
function inShort([first, ...others]: readonly PeerAddress[]): string {
  const name = first === undefined ? '' : nameOf(first);
  return others.length === 0 ? name : `${name} and ${others.length} more`;
}

function nameOf({ host, port }: PeerAddress): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}

/**
 * A tracker client whose answers come as tasks of one torrent's context. So a bug in the code that an answer runs ends
 * only that torrent, and no answer reaches a torrent that has ended.
 */
class GuardedTrackerClient implements TrackerClient {
  readonly #client: TrackerClient;
  readonly #timers: Timers;

  constructor(client: TrackerClient, timers: Timers) {
    this.#client = client;
    this.#timers = timers;
  }

  announce(request: AnnounceRequest, answered: (outcome: AnnounceOutcome) => void): { cancel(): void } {
    let underWay = this.#client.announce(request, (outcome) => {
      underWay = this.#timers.addTask(() => answered(outcome), 0);
    });
    return { cancel: () => underWay.cancel() };
  }
}
