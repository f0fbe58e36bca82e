import type { Millis, Task, Timers } from '../base/clock.js';
import type { Random } from '../base/random.js';
import type { Encodable } from '../bencode/encode.js';
import { HostCrowds } from '../net/host-crowds.js';
import { encodeCompact, type IpFamily, parseIp } from '../net/ip-address.js';
import type { PeerAddress } from '../net/raw-server.js';
import { isServicePort } from '../net/reach-rule.js';
import type { ScrapeCounts } from '../wire/udp-tracker-answer.js';
import { type AnnounceQuery, parseQuery, type QueryFields, readAnnounce } from './announce-query.js';
import { Completions } from './completions.js';
import type { HttpAnswer, HttpRequest } from './http-message.js';
import type { PeerCheck } from './nat-check.js';
import type { TorrentPeers, TrackedPeer } from './torrent-peers.js';
import { TorrentTable } from './torrent-table.js';
import {
  bencodedAnswer,
  compactPeers,
  failureAnswer,
  listedPeers,
  metricsAnswer,
  pageAnswer,
  statsAnswer,
  textAnswer,
} from './tracker-answer.js';
import { type RefusedAnnounce, TrackerCounts } from './tracker-counts.js';
import type { TrackerOptions } from './tracker-options.js';
import { type ListedTorrent, listTorrents, type TrackerFace, type TrackerStanding } from './tracker-standing.js';
import { encodeInSlices, encodeState, restoreState } from './tracker-state.js';

/** What the tracker needs of the process around it. */
export interface TrackerParts {
  readonly timers: Timers;
  readonly random: Random;
  /** The tracker uses it when `natCheckTries` is not 0. */
  readonly natCheck: PeerCheck;
  /** Whether the tracker serves this torrent. */
  isAllowed(infoHash: Buffer): boolean;
  /** The address of the client that sent an HTTP request, which may have come through a proxy. */
  clientOf(request: HttpRequest): string;
  /** How the tracker shows itself to people and programs. */
  readonly face: TrackerFace;
  /** Keeps the state for the next start, from time to time. It comes in parts, in order. */
  save(state: readonly Buffer[]): void;
}

/** The answer to an announce, or a sentence that tells the client why the tracker refuses. */
export type Announced = (ScrapeCounts & { readonly peers: readonly TrackedPeer[] }) | string;

/** The most torrents on the page. A name may be all escapes, so that a thousand would hold the loop for long. */
const MAX_ROWS = 500;

const NO_COUNTS: ScrapeCounts = { seeds: 0, downloaded: 0, leeches: 0 };

/**
 * The tracker: it knows the peers of each torrent, and tells them to each peer that announces (BEP 3, 7, 15, 23, 48).
 */
export class Tracker {
  readonly #parts: TrackerParts;
  readonly #options: TrackerOptions;
  readonly #table: TorrentTable;
  readonly #crowds: HostCrowds;
  #sweep: Task | null = null;
  #saving: Task | null = null;
  readonly #completions = new Completions();
  readonly #counts = new TrackerCounts();
  readonly #beganAt: Millis;

  constructor(parts: TrackerParts, options: TrackerOptions) {
    this.#parts = parts;
    this.#options = options;
    this.#table = new TorrentTable(options);
    this.#crowds = new HostCrowds(parts.timers, options.maxHostsOfSite);
    this.#beganAt = parts.timers.now();
  }

  /** Takes over what an earlier run saved. False when `state` cannot be read; the tracker then begins with nothing. */
  restore(state: Buffer): boolean {
    return restoreState(this.#table, state, this.#parts.timers.now());
  }

  /** From now on the tracker forgets silent peers, and saves its state from time to time. */
  begin(): void {
    const { timers } = this.#parts;
    this.#sweep = timers.addTask(() => this.#expire(), this.#options.sweepInterval);
    this.#saving = timers.addTask(() => this.#save(), this.#options.saveInterval);
  }

  /** Forgets and saves no more. */
  stop(): void {
    this.#sweep?.cancel();
    this.#saving?.cancel();
  }

  /** The state as it is now, encoded within the call. */
  encode(): Buffer {
    return encodeState(this.#table);
  }

  /** Answers an HTTP request. */
  get(request: HttpRequest): HttpAnswer {
    switch (request.path) {
      case '/announce':
        return this.#announceOverHttp(readAnnounce(parseQuery(request.query), this.#parts.clientOf(request)));
      case '/scrape':
        return this.#scrape(parseQuery(request.query));
      case '/': {
        const { page } = this.#parts.face;
        return pageAnswer(page.write(this.#standing(), this.#listed(MAX_ROWS)), page.style);
      }
      case '/stats.json':
        return statsAnswer(this.#standing(), this.#listed());
      case '/metrics':
        return metricsAnswer(this.#standing());
      default:
        return textAnswer(404, 'text/plain', 'Not Found\n');
    }
  }

  /** Seconds between two announces of a client. */
  get interval(): number {
    return Math.ceil(this.#options.interval / 1000);
  }

  /**
   * Takes an announce, or the sentence that says why it is none. Answers with at most `maxPeers` peers of `family`, the
   * client's over UDP. Over HTTP it is null, which is any.
   */
  announce(query: AnnounceQuery | string, family: IpFamily | null, maxPeers: number): Announced {
    this.#counts.announces[family === null ? 'http' : 'udp'] += 1;
    if (typeof query === 'string') return this.#refuse('malformed', query);
    const { infoHash, peerId, host, key } = query;
    if (!this.#parts.isAllowed(infoHash)) return this.#refuse('not_served', 'this tracker does not serve that torrent');
    const known = this.#table.get(infoHash)?.get(peerId, parseIp(host)?.family ?? 4);
    // Otherwise a stranger that knows a peer's id could send the swarm to another address in its name.
    if (known !== undefined && (known.key === '' ? known.host !== host : known.key !== key)) {
      return this.#refuse('other_peer', 'this peer id has been announced with another key or address');
    }
    if (query.event === 'stopped') {
      if (known !== undefined) this.#table.remove(known);
      return { ...this.countsOf(infoHash), peers: [] };
    }
    const source = this.#crowds.keyOf(query.remoteHost);
    const peer = known ?? newPeer(query, source, this.#parts.timers.now());
    const torrent = this.#place(peer, infoHash, source);
    const isNews = query.event === 'completed' && known?.complete !== true;
    if (isNews && this.#completions.counts(infoHash, peerId, source)) {
      torrent.downloaded += 1;
      this.#counts.completions += 1;
    }
    const isNewThere = known === undefined || known.host !== host || known.port !== query.port;
    this.#update(torrent, peer, query);
    if (isNewThere) this.#forgetFormer(torrent, peer);
    const count = Math.min(query.numwant ?? this.#options.numwant, maxPeers);
    return { ...this.countsOf(infoHash), peers: torrent.deal(peer, count, this.#parts.random, family) };
  }

  /** The counts of the torrents that a scrape over UDP names. */
  scrape(infoHashes: readonly Buffer[]): ScrapeCounts[] {
    this.#counts.scrapes.udp += 1;
    return infoHashes.map((infoHash) => this.countsOf(infoHash));
  }

  /** The counts of a torrent. All are zero when the tracker does not know it. */
  countsOf(infoHash: Buffer): ScrapeCounts {
    const torrent = this.#table.get(infoHash);
    if (torrent === undefined) return NO_COUNTS;
    return { seeds: torrent.seedCount, downloaded: torrent.downloaded, leeches: torrent.leechCount };
  }

  #announceOverHttp(query: AnnounceQuery | string): HttpAnswer {
    const announced = this.announce(query, null, this.#options.maxNumwant);
    if (typeof query === 'string' || typeof announced === 'string') return failureAnswer(String(announced));
    const { interval, minInterval } = this.#options;
    return bencodedAnswer({
      complete: announced.seeds,
      downloaded: announced.downloaded,
      incomplete: announced.leeches,
      interval: this.interval,
      'min interval': Math.ceil(Math.min(minInterval, interval) / 1000),
      ...(query.compact ? compactPeers(announced.peers) : listedPeers(announced.peers, query.withPeerIds)),
    });
  }

  #refuse(why: RefusedAnnounce, sentence: string): string {
    this.#counts.refusals[why] += 1;
    return sentence;
  }

  #standing(): TrackerStanding {
    const { timers, face } = this.#parts;
    const { size, peerCount, seedCount } = this.#table;
    return {
      version: face.version,
      uptime: Math.floor((timers.now() - this.#beganAt) / 1000),
      torrents: size,
      seeds: seedCount,
      leeches: peerCount - seedCount,
      counts: this.#counts,
    };
  }

  #listed(count = Number.POSITIVE_INFINITY): ListedTorrent[] {
    const { face } = this.#parts;
    const isServed = (infoHash: Buffer): boolean => this.#parts.isAllowed(infoHash);
    return listTorrents(this.#table, face, isServed, Math.min(count, this.#options.maxListed));
  }

  /** Puts the peer into its torrent as its youngest peer, and returns that torrent. */
  #place(peer: TrackedPeer, infoHash: Buffer, source: string): TorrentPeers {
    peer.lastHit = this.#parts.timers.now();
    // A peer that announces from another host counts there from now on.
    if (peer.source !== source) {
      this.#table.remove(peer);
      peer.source = source;
    }
    const torrent = this.#table.get(infoHash);
    if (torrent === undefined || torrent.get(peer.peerId, peer.family) !== peer) return this.#table.add(infoHash, peer);
    this.#table.touch(peer);
    return torrent;
  }

  /** Takes over what the peer says of itself, and calls it back if that is due. */
  #update(torrent: TorrentPeers, peer: TrackedPeer, query: AnnounceQuery): void {
    const { port, host, infoHash, complete } = query;
    const checked = this.#options.natCheckTries > 0;
    const moved = peer.host !== host || peer.port !== port;
    if (moved) {
      peer.host = host;
      peer.port = port;
      peer.compact = compactOf(query);
      peer.failedChecks = 0;
    }
    // A peer must lead neither us nor the swarm to another kind of service. It can still dial other peers.
    const isBarred = isServicePort(port);
    const reachable = checked && moved ? 'unchecked' : peer.reachable;
    torrent.update(peer, { complete, reachable: isBarred ? 'unchecked' : checked ? reachable : 'yes' });
    if (checked && !isBarred && peer.reachable === 'unchecked' && this.#mayBeCalledBack(peer)) {
      this.#callBack(torrent, peer, infoHash);
    }
  }

  /**
   * Forgets what a client was before it was killed and started again under a new peer id: a peer of the same host at
   * the same port. One host may have several clients that nobody can dial, and these may all name the port of another
   * service, so such a port tells nothing.
   */
  #forgetFormer(torrent: TorrentPeers, peer: TrackedPeer): void {
    if (isServicePort(peer.port)) return;
    for (const former of torrent.twinsOf(peer)) this.#table.remove(former);
  }

  /** We forget failed checks after a while, because the peer may have opened its port since. */
  #mayBeCalledBack(peer: TrackedPeer): boolean {
    const { natCheckTries, natCheckPause } = this.#options;
    if (this.#parts.timers.now() - peer.failedAt >= natCheckPause) peer.failedChecks = 0;
    return peer.failedChecks < natCheckTries;
  }

  #callBack(torrent: TorrentPeers, peer: TrackedPeer, infoHash: Buffer): void {
    const address: PeerAddress = { host: peer.host, port: peer.port };
    torrent.update(peer, { reachable: 'checking' });
    const answered = (reachable: boolean | null): void => {
      // The peer may have moved since. Then this answer is about its old address.
      const current = peer.host === address.host && peer.port === address.port;
      if (current && reachable === false) {
        peer.failedChecks += 1;
        peer.failedAt = this.#parts.timers.now();
      }
      torrent.update(peer, { reachable: current && reachable === true ? 'yes' : 'unchecked' });
    };
    this.#parts.natCheck.check(address, infoHash, peer.peerId, answered, peer.source);
  }

  /** BEP 48. A scrape that names no torrent asks for all of them, and gets those that may be listed. */
  #scrape(fields: QueryFields): HttpAnswer {
    this.#counts.scrapes.http += 1;
    const files = new Map<string, Encodable>();
    const add = (infoHash: Buffer, { seeds, downloaded, leeches }: ScrapeCounts) => {
      const counts = { complete: seeds, downloaded, incomplete: leeches };
      files.set(infoHash.toString('latin1'), new Map<string, Encodable>(Object.entries(counts)));
    };
    const asked = fields.get('info_hash');
    for (const infoHash of asked ?? [])
      if (this.#table.get(infoHash) !== undefined) add(infoHash, this.countsOf(infoHash));
    if (asked === undefined) for (const each of this.#listed()) add(Buffer.from(each.infoHash, 'hex'), each);
    const flags = new Map<string, Encodable>([['min_request_interval', Math.ceil(this.#options.minInterval / 1000)]]);
    return bencodedAnswer({ files, flags });
  }

  #expire(): void {
    const { timers } = this.#parts;
    const { peerTimeout, peersInTurn, sweepInterval } = this.#options;
    const isMore = this.#table.expire(timers.now() - peerTimeout, peersInTurn);
    this.#sweep = timers.addTask(() => this.#expire(), isMore ? 0 : sweepInterval);
  }

  /** Encodes one slice in each task, so that clients get their answers meanwhile. */
  #save(slices = encodeInSlices(this.#table, this.#options.peersInTurn)): void {
    const { timers } = this.#parts;
    const slice = slices.next();
    if (slice.done) this.#parts.save(slice.value);
    this.#saving = slice.done
      ? timers.addTask(() => this.#save(), this.#options.saveInterval)
      : timers.addTask(() => this.#save(slices), 0);
  }
}

function newPeer(query: AnnounceQuery, source: string, now: number): TrackedPeer {
  const { peerId, host, port, key, complete } = query;
  return {
    peerId,
    family: parseIp(host)?.family ?? 4,
    source,
    host,
    port,
    compact: compactOf(query),
    key,
    complete,
    lastHit: now,
    reachable: 'unchecked',
    failedChecks: 0,
    failedAt: now,
  };
}

function compactOf({ host, port }: AnnounceQuery): Buffer {
  const compact = encodeCompact({ host, port });
  if (compact === undefined) throw new Error(`not an address: ${host}`);
  return compact;
}
