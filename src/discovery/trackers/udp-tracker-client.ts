import type { Random } from '../../base/random.js';
import type { PeerAddress, RawServer } from '../../net/raw-server.js';
import type { SourcedUrl } from '../../net/url-rule.js';
import type { UdpTrackerAnswer } from '../../wire/udp-tracker-answer.js';
import { encodeUdpRequest } from '../../wire/udp-tracker-request.js';
import { AnnouncedPeers, saneInterval } from './announce-response.js';
import type {
  AnnounceOutcome,
  AnnounceRequest,
  ScrapedTorrent,
  ScrapeOutcome,
  TrackerClient,
  TrackerScraper,
} from './tracker-client.js';
import { UdpConnections } from './udp-connections.js';
import { type UdpCallOutcome, type UdpCallParts, type UdpQuestion, UdpTrackerCall } from './udp-tracker-call.js';
import type { UdpTrackerOptions } from './udp-tracker-options.js';
import { UdpTransactions } from './udp-transactions.js';

type UdpAnswer = Omit<AnnounceOutcome & { readonly ok: true }, 'ok'>;

/** Announces to UDP trackers and scrapes them (BEP 15, 41). All torrents share one socket for each address family. */
export class UdpTrackerClient implements TrackerClient, TrackerScraper {
  readonly #parts: UdpCallParts;
  readonly #underWay = new Set<{ cancel(): void }>();

  constructor(server: RawServer, random: Random, options: UdpTrackerOptions) {
    const transactions = new UdpTransactions(server, random);
    const connections = new UdpConnections(server, transactions, options.connectionLife);
    this.#parts = { timers: server, transactions, connections, options };
  }

  announce(request: AnnounceRequest, answered: (outcome: AnnounceOutcome) => void): { cancel(): void } {
    const question: UdpQuestion<'announce', UdpAnswer> = {
      kind: 'announce',
      encode: (connectionId, transactionId, urlData) => {
        const { infoHash, peerId, downloaded, left, uploaded, event, numwant, port } = request;
        const key = Number.parseInt(request.key, 16);
        const told = { infoHash, peerId, downloaded, left, uploaded, event, numwant, port, key, urlData };
        return encodeUdpRequest({ kind: 'announce', connectionId, transactionId, ip: null, ...told });
      },
      read: responseOf,
    };
    return this.#ask(request, question, (outcome) => {
      answered(outcome.ok ? { ok: true, ...outcome.value } : outcome);
    });
  }

  scrape(
    tracker: SourcedUrl,
    infoHashes: readonly Buffer[],
    answered: (outcome: ScrapeOutcome) => void,
  ): { cancel(): void } {
    const question: UdpQuestion<'scrape', readonly (ScrapedTorrent | null)[]> = {
      kind: 'scrape',
      encode: (connectionId, transactionId) =>
        encodeUdpRequest({ kind: 'scrape', connectionId, transactionId, infoHashes }),
      read: ({ counts }) => infoHashes.map((_, index) => counts[index] ?? null),
    };
    return this.#ask(tracker, question, (outcome) => {
      answered(outcome.ok ? { ok: true, torrents: outcome.value } : outcome);
    });
  }

  /** Gives up all requests without an answer, and closes the sockets. */
  close(): void {
    for (const call of this.#underWay) call.cancel();
    this.#underWay.clear();
    this.#parts.transactions.close();
  }

  #ask<Kind extends 'announce' | 'scrape', Value>(
    tracker: SourcedUrl,
    question: UdpQuestion<Kind, Value>,
    answered: (outcome: UdpCallOutcome<Value>) => void,
  ): { cancel(): void } {
    const call = new UdpTrackerCall(this.#parts, question, (outcome) => {
      this.#underWay.delete(call);
      answered(outcome);
    });
    this.#underWay.add(call);
    call.begin(tracker);
    return {
      cancel: () => {
        this.#underWay.delete(call);
        call.cancel();
      },
    };
  }
}

/** BEP 15: the form of the peers "is determined by the address family of the underlying UDP packet". */
function responseOf(answer: UdpTrackerAnswer & { readonly kind: 'announce' }, { host }: PeerAddress): UdpAnswer {
  const peers = new AnnouncedPeers();
  peers.addCompact(answer.peers, host.includes(':') ? 6 : 4);
  const response = {
    interval: saneInterval(answer.interval),
    minInterval: null,
    peers: peers.all(),
    seeds: answer.seeds,
    leeches: answer.leeches,
    warning: null,
    trackerId: null,
    externalIp: null,
  };
  return { response, from: host };
}
