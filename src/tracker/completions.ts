import { HostShares } from './host-shares.js';

/** At most this many peers of one host count for one torrent: several homes may share an IPv4 address. */
const MAX_PEERS_OF_HOST = 8;
/** We remember at most this many pairs of a host and a torrent that it has fetched. */
const MAX_REMEMBERED = 50_000;

/** The peers of one host that said `completed` of one torrent. */
interface Completion {
  readonly key: string;
  readonly source: string;
  readonly peerIds: string[];
}

/**
 * Remembers which peers said `completed` of which torrent, so that a download counts once, however often a peer says
 * it.
 */
export class Completions {
  readonly #byKey = new Map<string, Completion>();
  readonly #shares = new HostShares<Completion>();

  /**
   * Whether this download counts. It does not if the peer has said so before, or too many other peers of its host have.
   */
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
