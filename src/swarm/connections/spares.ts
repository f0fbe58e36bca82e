import type { Millis } from '../../base/clock.js';
import { hostKey } from '../../net/host-key.js';
import type { PeerAddress } from '../../net/raw-server.js';
import type { Connection, Ending } from './connection.js';
import type { EncoderOptions } from './encoder-options.js';
import type { PeerEvents } from './peer-connection.js';
import type { Teller, Tellers } from './tellers.js';

/** An address that may be dialled. */
export interface Spare {
  readonly address: PeerAddress;
  /**
   * Who came from outside and said that it listens there, or null. While it is connected there is no point in dialling.
   */
  readonly peerId: Buffer | null;
  /** Not to be dialled before. */
  readonly notBefore: Millis;
  readonly failures: number;
  /** How well it suits us, as it was when it was named: the higher the better. */
  readonly rank: number;
  /** Its tellers, one or several. It may be dialled in the turn of each. */
  readonly tellers: readonly Teller[];
}

/** A spare whose turn it is, and whose turn that is. */
export interface Turn {
  readonly spare: Spare;
  readonly teller: Teller;
}

interface Attempt {
  readonly at: Millis;
  /** Failures in a row, this one not counted. */
  readonly failures: number;
  /** Who answered there the last time. */
  readonly peerId: Buffer | null;
  /** False once the address has proved to be useless: our own, or somebody else's torrent. */
  readonly worthRetrying: boolean;
  /** It had everything, as we had: there is nothing to say while we want nothing. */
  readonly isComplete: boolean;
  readonly tellers: readonly Teller[];
}

type SpareOptions = Pick<EncoderOptions, 'maxSpares' | 'maxSparesPerHost' | 'retryInterval' | 'maxFailures'>;

/** Doubling stops here: an address that is tried for an hour is tried each half hour. */
const MAX_RETRY_INTERVAL: Millis = 30 * 60_000;
/** So many tellers of one address are remembered: more than there are kinds of sources. */
const MAX_TELLERS = 8;
/** A flood of addresses that fail at once makes us forget attempts before their time. */
const MAX_ATTEMPTS_A_SPARE = 10;

export function addressKey(address: PeerAddress): string {
  return `${address.host} ${address.port}`;
}

/**
 * The addresses that wait to be dialled, and what is known of those that were. An address waits at most once, waits at
 * least the retry interval after it was dialled, and longer with each failure. Both memories are bounded.
 *
 * Tellers share the places: when none is left, the teller that is most over its share gives one up. Few addresses of
 * one host wait, whichever teller names them.
 */
export class Spares {
  readonly #options: SpareOptions;
  readonly #rank: (address: PeerAddress) => number;
  readonly #tellers: Tellers;
  readonly #waiting = new Map<string, Spare>();
  /** How many wait of each host. */
  readonly #hosts = new Map<string, number>();
  /** The longest ago comes first: an address that is dialled again goes to the end. */
  readonly #attempts = new Map<string, Attempt>();

  constructor(options: SpareOptions, rank: (address: PeerAddress) => number, tellers: Tellers) {
    this.#options = options;
    this.#rank = rank;
    this.#tellers = tellers;
  }

  get count(): number {
    return this.#waiting.size;
  }

  /** Keeps an address that `teller` named, unless its share and that of the host are used up. */
  add(address: PeerAddress, teller: Teller, now: Millis, peerId: Buffer | null = null): void {
    const key = addressKey(address);
    const known = this.#waiting.get(key);
    if (known !== undefined) {
      this.#nameAgain(key, known, teller);
      return;
    }
    const attempt = this.#attempts.get(key);
    if (attempt !== undefined && !attempt.worthRetrying) return;
    this.#keep(key, {
      address,
      peerId,
      notBefore: attempt === undefined ? now : attempt.at + this.#pause(attempt.failures),
      failures: attempt?.failures ?? 0,
      rank: this.#rank(address),
      tellers: [teller],
    });
  }

  /** Who answered at this address when it was dialled last, or null. */
  knownPeerId(address: PeerAddress): Buffer | null {
    return this.#attempts.get(addressKey(address))?.peerId ?? null;
  }

  /**
   * What to dial now, among the addresses that `mayDial` allows. Each teller has its turn, with the address of its own
   * that has the fewest failures, then the highest rank, then the longest wait.
   */
  next(now: Millis, mayDial: (spare: Spare) => boolean): Turn | undefined {
    const bests = new Map<Teller, Spare>();
    for (const spare of this.#waiting.values()) {
      if (spare.notBefore > now) continue;
      const isBestOf = (teller: Teller): boolean => {
        const best = bests.get(teller);
        return best === undefined || comesBefore(spare, best);
      };
      if (!spare.tellers.some(isBestOf) || !mayDial(spare)) continue;
      for (const teller of spare.tellers) if (isBestOf(teller)) bests.set(teller, spare);
    }
    const teller = this.#tellers.next(bests.keys());
    const spare = teller === undefined ? undefined : bests.get(teller);
    return teller === undefined || spare === undefined ? undefined : { spare, teller };
  }

  /** When the next address becomes ready that is not ready yet, or undefined. */
  nextReadyAt(now: Millis): Millis | undefined {
    let soonest: Millis | undefined;
    for (const { notBefore } of this.#waiting.values()) {
      if (notBefore > now && (soonest === undefined || notBefore < soonest)) soonest = notBefore;
    }
    return soonest;
  }

  drop(spare: Spare): void {
    this.#remove(addressKey(spare.address), spare);
  }

  /** `spare` is being dialled. */
  dialled(spare: Spare, now: Millis): void {
    const key = addressKey(spare.address);
    const peerId = this.#attempts.get(key)?.peerId ?? null;
    const { failures, tellers } = spare;
    this.#remove(key, spare);
    this.#attempts.delete(key);
    this.#attempts.set(key, { at: now, failures, peerId, worthRetrying: true, isComplete: false, tellers });
    this.#forgetOldAttempts(now);
  }

  /** A connection that we dialled is up, and this peer answered. */
  answered(address: PeerAddress, peerId: Buffer): void {
    this.#amend(address, { peerId });
  }

  /** A connection that we dialled was good for a while: what failed before it does not count any more. */
  proved(address: PeerAddress): void {
    this.#amend(address, { failures: 0 });
  }

  /** A dial failed, or the connection was lost. The address waits for another attempt, unless it failed too often. */
  failed(address: PeerAddress, now: Millis): void {
    const key = addressKey(address);
    const attempt = this.#attempts.get(key);
    if (attempt === undefined) return;
    const failures = attempt.failures + 1;
    this.#amend(address, { failures });
    if (failures >= this.#options.maxFailures) return;
    const notBefore = Math.max(now, attempt.at + this.#pause(failures));
    const { tellers } = attempt;
    this.#keep(key, { address, peerId: null, notBefore, failures, rank: this.#rank(address), tellers });
  }

  /** Nobody is to dial this address again, whoever names it. */
  condemn(address: PeerAddress): void {
    this.#amend(address, { worthRetrying: false });
  }

  /** A peer that has everything, and may be found there, was parted from because we had everything too. */
  partedComplete(address: PeerAddress, peerId: Buffer, now: Millis): void {
    const key = addressKey(address);
    this.#forgetOldAttempts(now);
    // Whoever comes from outside may come as often as it likes, and name another port each time.
    if (this.#attempts.size >= 2 * this.#options.maxSpares && !this.#attempts.has(key)) return;
    const tellers = this.#attempts.get(key)?.tellers ?? [];
    this.#attempts.delete(key);
    this.#attempts.set(key, { at: now, failures: 0, peerId, worthRetrying: true, isComplete: true, tellers });
  }

  isComplete(address: PeerAddress): boolean {
    return this.#attempts.get(addressKey(address))?.isComplete ?? false;
  }

  clear(): void {
    for (const [key, spare] of this.#waiting) this.#remove(key, spare);
    this.#attempts.clear();
  }

  #keep(key: string, spare: Spare): void {
    const [first] = spare.tellers;
    if (first === undefined || this.#waiting.has(key)) return;
    if (!this.#makeRoomAtHost(spare, first) || !this.#makeRoom(spare, first)) return;
    const host = hostKey(spare.address.host);
    this.#hosts.set(host, (this.#hosts.get(host) ?? 0) + 1);
    this.#waiting.set(key, spare);
    for (const teller of spare.tellers) teller.take('waiting');
  }

  #remove(key: string, spare: Spare): void {
    if (this.#waiting.get(key) !== spare) return;
    this.#waiting.delete(key);
    for (const teller of spare.tellers) teller.giveBack('waiting');
    const host = hostKey(spare.address.host);
    const left = (this.#hosts.get(host) ?? 0) - 1;
    if (left > 0) this.#hosts.set(host, left);
    else this.#hosts.delete(host);
  }

  /** Another teller names what waits already: it may be dialled in the turn of both, until both give it up. */
  #nameAgain(key: string, spare: Spare, teller: Teller): void {
    const { tellers } = spare;
    if (tellers.includes(teller)) return;
    if (tellers.length < MAX_TELLERS) this.#replace(key, spare, [...tellers, teller]);
    else {
      // Many tellers of one kind must not keep out a teller of another kind.
      const twin = tellers.findLast(({ kind }, at) => kind !== teller.kind && tellers.some(isOther(kind, at)));
      if (twin !== undefined) this.#replace(key, spare, [...tellers.filter((each) => each !== twin), teller]);
    }
  }

  #replace(key: string, spare: Spare, tellers: readonly Teller[]): void {
    for (const teller of spare.tellers) teller.giveBack('waiting');
    for (const teller of tellers) teller.take('waiting');
    this.#waiting.set(key, { ...spare, tellers });
  }

  /** Makes a place for one more address of its host. The user may name every port of a host. */
  #makeRoomAtHost({ address }: Spare, newcomer: Teller): boolean {
    const host = hostKey(address.host);
    if (newcomer.kind === 'user' || (this.#hosts.get(host) ?? 0) < this.#options.maxSparesPerHost) return true;
    const counts = new Map<Teller, number>();
    const fellows = [...this.#waiting].filter(([, spare]) => hostKey(spare.address.host) === host);
    for (const [, { tellers }] of fellows) for (const each of tellers) counts.set(each, (counts.get(each) ?? 0) + 1);
    let most = (counts.get(newcomer) ?? 0) + 1;
    let worst: readonly [string, Spare] | undefined;
    for (const fellow of fellows) {
      // What two tellers have named is not for one of them to lose.
      const [teller, other] = fellow[1].tellers;
      if (teller === undefined || other !== undefined || teller.kind === 'user') continue;
      const count = counts.get(teller) ?? 0;
      if (count <= most) continue;
      most = count;
      worst = fellow;
    }
    if (worst === undefined) return false;
    this.#remove(...worst);
    return true;
  }

  /** Makes a place for `spare`: of a teller over its share, or of the newcomer's address that failed more often. */
  #makeRoom({ failures }: Spare, newcomer: Teller): boolean {
    while (this.#waiting.size >= this.#options.maxSpares) {
      const over = this.#tellers.mostOver(this.#tellersOfAll(), newcomer, 'waiting');
      const worst = over === undefined ? this.#worstOf(newcomer, failures) : this.#worstOf(over, -1);
      if (worst === undefined) return false;
      const [key, spare] = worst;
      const others = spare.tellers.filter((teller) => teller !== (over ?? newcomer));
      if (others.length > 0) this.#replace(key, spare, others);
      else this.#remove(key, spare);
    }
    return true;
  }

  #tellersOfAll(): Set<Teller> {
    const tellers = new Set<Teller>();
    for (const spare of this.#waiting.values()) for (const teller of spare.tellers) tellers.add(teller);
    return tellers;
  }

  /** The address of `teller` that failed most, and more often than `failures`; of equals the newest. */
  #worstOf(teller: Teller, failures: number): readonly [string, Spare] | undefined {
    let worst: readonly [string, Spare] | undefined;
    let most = failures;
    for (const [key, spare] of this.#waiting) {
      if (spare.failures < most || spare.failures <= failures || !spare.tellers.includes(teller)) continue;
      most = spare.failures;
      worst = [key, spare];
    }
    return worst;
  }

  #pause(failures: number): Millis {
    const { retryInterval } = this.#options;
    return Math.max(retryInterval, Math.min(MAX_RETRY_INTERVAL, retryInterval * 2 ** Math.max(0, failures - 1)));
  }

  #amend(address: PeerAddress, change: Partial<Attempt>): void {
    const key = addressKey(address);
    const attempt = this.#attempts.get(key);
    if (attempt !== undefined) this.#attempts.set(key, { ...attempt, ...change });
  }

  /** Only what is older than the retry interval may be forgotten, but in a flood: the rest keeps attempts apart. */
  #forgetOldAttempts(now: Millis): void {
    const { maxSpares, retryInterval } = this.#options;
    for (const [key, attempt] of this.#attempts) {
      const isFlood = this.#attempts.size > MAX_ATTEMPTS_A_SPARE * maxSpares;
      if (!isFlood && (this.#attempts.size <= maxSpares || now - attempt.at < retryInterval)) return;
      this.#attempts.delete(key);
    }
  }
}

function isOther(kind: Teller['kind'], at: number): (teller: Teller, other: number) => boolean {
  return (teller, other) => other !== at && teller.kind === kind;
}

function comesBefore(a: Spare, b: Spare): boolean {
  return a.failures === b.failures ? a.rank > b.rank : a.failures < b.failures;
}

/** What the end of a connection teaches about its peer's address: whether it is worth another dial, and when. */
export class Redialling {
  readonly #spares: Spares;
  readonly #retryInterval: Millis;
  readonly #saysItListens: (address: PeerAddress) => Teller | undefined;

  /** `saysItListens`: who names the address of a peer that came from outside; undefined where that may not lead. */
  constructor(spares: Spares, retryInterval: Millis, saysItListens: (address: PeerAddress) => Teller | undefined) {
    this.#spares = spares;
    this.#retryInterval = retryInterval;
    this.#saysItListens = saysItListens;
  }

  /** To be called while `events`, the side above, still knows the connection. */
  ended(connection: Connection, ending: Ending, now: Millis, events: PeerEvents): void {
    const { address, locallyInitiated, completeSince } = connection;
    const isComplete = completeSince !== null;
    if (isComplete && events.hasNothingToSay(connection)) {
      const port = locallyInitiated ? address.port : events.listeningPort(connection);
      if (port !== null) this.#spares.partedComplete({ host: address.host, port }, connection.peerId, now);
      return;
    }
    if (locallyInitiated) {
      if (isComplete && now - completeSince >= this.#retryInterval) this.#spares.proved(address);
      if (isWorthRetrying(ending)) this.#spares.failed(address, now);
      else if (isHopeless(ending)) this.#spares.condemn(address);
    } else if (isComplete && ending.by === 'peer') {
      // It may have said where it can be found, and may come again by itself before that.
      const port = events.listeningPort(connection);
      const teller = port === null ? undefined : this.#saysItListens({ host: address.host, port });
      if (port === null || teller === undefined) return;
      this.#spares.add({ host: address.host, port }, teller, now + this.#retryInterval, connection.peerId);
    }
  }
}

/** Whether the same address may do better later. What a peer did wrong once, it does wrong again. */
function isWorthRetrying(ending: Ending): boolean {
  if (ending.by === 'peer') return ending.failure.code !== 'forbidden';
  const { code } = ending.reason;
  return code === 'connect-timeout' || code === 'handshake-timeout' || code === 'idle';
}

/**
 * Whether whoever names the address again is to be ignored: we found ourselves, or somebody who speaks something else.
 */
function isHopeless(ending: Ending): boolean {
  return ending.by === 'us' && (ending.reason.code === 'own-peer-id' || ending.reason.code === 'not-bittorrent');
}
