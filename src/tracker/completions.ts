import { HostShares } from './host-shares.js';

/** Peers of one host that may have fetched one torrent: several homes share an IPv4 address. */
const MAX_PEERS_OF_HOST = 8;
/** Hosts that are remembered, once for each torrent that they fetched. */
const MAX_REMEMBERED = 50_000;

interface Completion {
  readonly key: string;
  readonly source: string;
  readonly peerIds: string[];
}

/** Who has said `completed` of what, so that a download counts once, however often it is told. */
export class Completions {
  readonly #byKey = new Map<string, Completion>();
  readonly #shares = new HostShares<Completion>();

  /** Whether this download counts: the peer has not told of it before, nor too many others of its host. */
  counts(infoHash: Buffer, peerId: Buffer, source: string): boolean {
    const key = `${infoHash.toString('latin1')}${source}`;
    const completion = this.#byKey.get(key) ?? { key, source, peerIds: [] };
    const { peerIds } = completion;
    const id = peerId.toString('latin1');
    if (peerIds.includes(id) || peerIds.length >= MAX_PEERS_OF_HOST) return false;
    peerIds.push(id);
    this.#byKey.set(key, completion);
    this.#shares.add(source, completion);
    if (this.#shares.size > MAX_REMEMBERED) this.#forget(this.#shares.oldestOfGreediest());
    return true;
  }

  #forget(completion: Completion | undefined): void {
    if (completion === undefined) return;
    this.#byKey.delete(completion.key);
    this.#shares.delete(completion.source, completion);
  }
}
