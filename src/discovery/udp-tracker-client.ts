import type { Random } from '../base/random.js';
import type { PeerAddress, RawServer } from '../net/raw-server.js';
import type { UdpTrackerAnswer } from '../wire/udp-tracker-answer.js';
import { encodeUdpRequest } from '../wire/udp-tracker-request.js';
import { saneInterval } from './announce-response.js';
import { AnnouncedPeers } from './announced-peers.js';
import type { AnnounceOutcome, AnnounceRequest, AnnounceResponse, TrackerClient } from './tracker-client.js';
import { UdpConnections } from './udp-connections.js';
import { type UdpCallParts, type UdpQuestion, UdpTrackerCall } from './udp-tracker-call.js';
import type { UdpTrackerOptions } from './udp-tracker-options.js';
import { UdpTransactions } from './udp-transactions.js';

/** Announces to UDP trackers (BEP 15, 41), all torrents over one socket for each family of addresses. */
export class UdpTrackerClient implements TrackerClient {
  readonly #parts: UdpCallParts;
  readonly #underWay = new Set<{ cancel(): void }>();

  constructor(server: RawServer, random: Random, options: UdpTrackerOptions) {
    const transactions = new UdpTransactions(server, random);
    const connections = new UdpConnections(server, transactions, options.connectionLife);
    this.#parts = { timers: server, transactions, connections, options };
  }

  announce(request: AnnounceRequest, answered: (outcome: AnnounceOutcome) => void): { cancel(): void } {
    const question: UdpQuestion<'announce', AnnounceResponse> = {
      kind: 'announce',
      encode: (connectionId, transactionId, urlData) => {
        const { infoHash, peerId, downloaded, left, uploaded, event, numwant, port } = request;
        const key = Number.parseInt(request.key, 16);
        const told = { infoHash, peerId, downloaded, left, uploaded, event, numwant, port, key, urlData };
        return encodeUdpRequest({ kind: 'announce', connectionId, transactionId, ip: null, ...told });
      },
      read: responseOf,
    };
    const call = new UdpTrackerCall(this.#parts, question, (outcome) => {
      this.#underWay.delete(call);
      answered(outcome.ok ? { ok: true, response: outcome.value } : outcome);
    });
    this.#underWay.add(call);
    call.begin(request.url);
    return {
      cancel: () => {
        this.#underWay.delete(call);
        call.cancel();
      },
    };
  }

  /** Gives up what is under way, unanswered, and closes the sockets. */
  close(): void {
    for (const call of this.#underWay) call.cancel();
    this.#underWay.clear();
    this.#parts.transactions.close();
  }
}

/** BEP 15: which form the peers have "is determined by the address family of the underlying UDP packet". */
function responseOf(answer: UdpTrackerAnswer & { readonly kind: 'announce' }, from: PeerAddress): AnnounceResponse {
  const peers = new AnnouncedPeers();
  peers.addCompact(answer.peers, from.host.includes(':') ? 6 : 4);
  return {
    interval: saneInterval(answer.interval),
    minInterval: null,
    peers: peers.all(),
    seeds: answer.seeds,
    leeches: answer.leeches,
    warning: null,
    trackerId: null,
    externalIp: null,
  };
}
