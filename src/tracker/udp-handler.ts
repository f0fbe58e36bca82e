import type { Millis, Timers } from '../base/clock.js';
import { HostCounts } from '../net/host-counts.js';
import { hostKey } from '../net/host-key.js';
import type { IpFamily } from '../net/ip-address.js';
import type { DatagramHandler, DatagramSocket, PeerAddress } from '../net/raw-server.js';
import { encodeUdpAnswer, type ScrapeCounts, type UdpTrackerAnswer } from '../wire/udp-tracker-answer.js';
import { decodeUdpRequest, type UdpAnnounce, type UdpTrackerRequest } from '../wire/udp-tracker-request.js';
import { type AnnounceQuery, hostOf } from './announce-query.js';
import type { ConnectionIds } from './connection-ids.js';
import type { Announced } from './tracker.js';

/** The tracker that answers the requests. */
export interface UdpTracked {
  /** Seconds between two announces of a client. */
  readonly interval: number;
  /** Takes an announce, or the sentence that says why it is none. */
  announce(query: AnnounceQuery | string, family: IpFamily, maxPeers: number): Announced;
  scrape(infoHashes: readonly Buffer[]): ScrapeCounts[];
}

/** The most bytes of an answer: a datagram of this length passes every link uncut. */
const MAX_ANSWER_LENGTH = 1200;
const ANNOUNCE_ANSWER_LENGTH = 20;
const MAX_UINT32 = 0xffff_ffff;

const WINDOW: Millis = 5_000;
/**
 * The tracker answers at most this many requests of one host in one window. A client with thousands of torrents asks
 * for all of them when it begins, and asks again when it gets no answer.
 */
const MAX_QUESTIONS = 2_000;

/**
 * The UDP side of a tracker (BEP 15). It answers one datagram with at most one, and keeps nothing of a host but the
 * number of its requests.
 */
export class UdpHandler implements DatagramHandler {
  readonly #clock: Pick<Timers, 'now'>;
  readonly #tracker: UdpTracked;
  readonly #ids: ConnectionIds;
  /** Requests of hosts that have proven their address. */
  readonly #proven = new HostCounts(WINDOW);
  /** Requests for a connection id. We count them apart, because an attacker may forge the address of another host. */
  readonly #unproven = new HostCounts(WINDOW);

  constructor(clock: Pick<Timers, 'now'>, tracker: UdpTracked, ids: ConnectionIds) {
    this.#clock = clock;
    this.#tracker = tracker;
    this.#ids = ids;
  }

  datagramCameIn(socket: DatagramSocket, data: Buffer, from: PeerAddress): void {
    const request = decodeUdpRequest(data);
    const answer = request === undefined ? undefined : this.#answer(request, from);
    if (answer !== undefined) socket.send(encodeUdpAnswer(answer), from);
  }

  sendFailed(): void {
    // Nothing to do: a client without an answer asks again.
  }

  #answer(request: UdpTrackerRequest, from: PeerAddress): UdpTrackerAnswer | undefined {
    const { transactionId } = request;
    const isTooMuch = (counts: HostCounts) => counts.count(hostKey(from.host), this.#clock.now()) > MAX_QUESTIONS;
    if (request.kind === 'connect') {
      if (isTooMuch(this.#unproven)) return undefined;
      return { kind: 'connect', transactionId, connectionId: this.#ids.issue(from.host) };
    }
    // BEP 15: the tracker "ignores the request if it doesn't match". An error could go to a host that did not ask.
    if (!this.#ids.proves(request.connectionId, from.host)) return undefined;
    if (isTooMuch(this.#proven)) return undefined;
    if (request.kind === 'announce') return this.#announce(request, from);
    const counts = this.#tracker.scrape(request.infoHashes).map(within32Bits);
    return { kind: 'scrape', transactionId, counts };
  }

  #announce(request: UdpAnnounce, from: PeerAddress): UdpTrackerAnswer {
    const { transactionId } = request;
    const family: IpFamily = from.host.includes(':') ? 6 : 4;
    const maxPeers = Math.floor((MAX_ANSWER_LENGTH - ANNOUNCE_ANSWER_LENGTH) / (family === 4 ? 6 : 18));
    const announced = this.#tracker.announce(readUdpAnnounce(request, from.host), family, maxPeers);
    if (typeof announced === 'string') return { kind: 'error', transactionId, message: Buffer.from(announced) };
    const { seeds, leeches } = within32Bits(announced);
    const peers = Buffer.concat(announced.peers.map(({ compact }) => compact));
    const interval = Math.min(this.#tracker.interval, MAX_UINT32);
    return { kind: 'announce', transactionId, interval, leeches, seeds, peers };
  }
}

/** The announce in the form that HTTP has too, or a sentence that tells the client what is wrong. */
function readUdpAnnounce(request: UdpAnnounce, remoteHost: string): AnnounceQuery | string {
  const { infoHash, peerId, port, left, event, numwant, key, ip, urlData } = request;
  if (port === 0) return 'port is not a number from 1 to 65535';
  // BEP 41: a client sends the path of the tracker's URL. Old clients send none.
  if (!/^(\/|\/announce)?(\?.*)?$/.test(urlData)) return 'there is no tracker at that path';
  return {
    // Copies, because the request has views of a datagram that is valid only during the call.
    infoHash: Buffer.from(infoHash),
    peerId: Buffer.from(peerId),
    port,
    host: hostOf(remoteHost, ip ?? undefined),
    remoteHost,
    complete: left === 0,
    event,
    numwant,
    // The same digits as the client's key over HTTP. A client without a key sends 0.
    key: key === 0 ? '' : key.toString(16).padStart(8, '0'),
    compact: true,
    withPeerIds: false,
  };
}

function within32Bits({ seeds, downloaded, leeches }: ScrapeCounts): ScrapeCounts {
  const clamp = (count: number) => Math.min(count, MAX_UINT32);
  return { seeds: clamp(seeds), downloaded: clamp(downloaded), leeches: clamp(leeches) };
}
