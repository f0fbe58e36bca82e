/**
 * The addresses that wait to be dialled, and what we know of those that we dialled. An address waits at most once at a
 * time. After a dial it waits at least the retry interval, and longer with each failure. Both memories are bounded.
 *
 * Tellers share the places. When there is none left, the teller that is most over its share gives one up. Few addresses
 * of one host wait, whichever tellers name them.
 */
import type { Millis } from '../../base/clock.js';
import type { Swarm } from '../../metainfo/info-hash.js';
import { hostKey } from '../../net/host-key.js';
import type { PeerAddress } from '../../net/raw-server.js';
import type { EncoderOptions } from './encoder-options.js';
import type { FoundIn } from './identity.js';
import type { Teller, Tellers } from './tellers.js';

/** An address that may be dialled. */
export interface Spare {
  readonly address: PeerAddress;
  /** In which swarms it was named, or in which its peer has answered. */
  readonly found: FoundIn;
  /**
   * The id of a peer that came from outside and said that it listens there, or null. While it is connected we do not
   * dial it.
   */
  readonly peerId: Buffer | null;
  /** We do not dial it before this time. */
  readonly notBefore: Millis;
  /** Failures in a row. */
  readonly failures: number;
  /** How well it suits us, the higher the better. It stays as it was when the address was named. */
  readonly rank: number;
  /** Its tellers, at least one. We may dial it in the turn of each of them. */
  readonly tellers: readonly Teller[];
}

/** The spare to dial next, and the teller in whose turn we dial it. */
export interface Turn {
  readonly spare: Spare;
  readonly teller: Teller;
}

/** What we know of an address that we dialled, or whose peer we parted from. */
interface Attempt {
  readonly at: Millis;
  /** As in `Spare`. */
  readonly found: FoundIn;
  /** Failures in a row. */
  readonly failures: number;
  /** The id of the peer that last answered there, or null. */
  readonly peerId: Buffer | null;
  /** False once the address has proved to be useless: it is our own, or it speaks another protocol. */
  readonly worthRetrying: boolean;
  /** The peer had everything, as we had. While we want nothing there is no point in dialling it. */
  readonly isComplete: boolean;
  readonly tellers: readonly Teller[];
}

type SpareOptions = Pick<EncoderOptions, 'maxSpares' | 'maxSparesPerHost' | 'retryInterval' | 'maxFailures'>;

/** The doubling ends here: after an hour of failures we try an address each half hour. */
const MAX_RETRY_INTERVAL: Millis = 30 * 60_000;
/** The user and a link name an address once, so we try it for ever, and at least this often. */
const MAX_NAMED_RETRY_INTERVAL: Millis = 5 * 60_000;
/** We remember up to this many tellers of one address. That is more than there are kinds of sources. */
const MAX_TELLERS = 8;
/** With more attempts than this for each spare, we forget some before their time: a flood of addresses is failing. */
const MAX_ATTEMPTS_A_SPARE = 10;

export class Spares {
  readonly #options: SpareOptions;
  readonly #rank: (address: PeerAddress) => number;
  readonly #tellers: Tellers;
  readonly #waiting = new Map<string, Spare>();
  /** How many addresses of each host wait, by `hostKey`. */
  readonly #hosts = new Map<string, number>();
  /** The oldest attempt comes first: an address that we dial again goes to the end. */
  readonly #attempts = new Map<string, Attempt>();

  /** `rank` says how well an address suits us, the higher the better. */
  constructor(options: SpareOptions, rank: (address: PeerAddress) => number, tellers: Tellers) {
    this.#options = options;
    this.#rank = rank;
    this.#tellers = tellers;
  }

  /** How many addresses wait. */
  get count(): number {
    return this.#waiting.size;
  }

  /** Another address has a place only when one of these gives it up. */
  get isFull(): boolean {
    return this.#waiting.size >= this.#options.maxSpares;
  }

  /**
   * Keeps an address that `teller` named, unless its share or that of the host is used up. We dial it at `now` at the
   * earliest. `peerId` is the peer that is said to listen there, if it came from outside.
   */
  add(address: PeerAddress, teller: Teller, found: FoundIn, now: Millis, peerId: Buffer | null = null): void {
    const key = addressKey(address);
    const known = this.#waiting.get(key);
    if (known !== undefined) {
      this.#nameAgain(key, known, teller, found);
      return;
    }
    const attempt = this.#attempts.get(key);
    if (attempt !== undefined && !attempt.worthRetrying) return;
    const once = attempt?.tellers.filter(namesOnce) ?? [];
    const tellers = once.includes(teller) ? once : [...once, teller];
    this.#keep(key, {
      address,
      // How the peer has answered counts for more than what others say of it.
      found: attempt?.peerId == null ? found : attempt.found,
      peerId,
      notBefore: attempt === undefined ? now : attempt.at + this.#pause(attempt.failures, tellers),
      failures: attempt?.failures ?? 0,
      rank: this.#rank(address),
      tellers,
    });
  }

  /** The id of the peer that last answered at this address, or null. */
  knownPeerId(address: PeerAddress): Buffer | null {
    return this.#attempts.get(addressKey(address))?.peerId ?? null;
  }

  /**
   * What to dial now, among the addresses that `mayDial` allows. Tellers have turns. In the turn of a teller we dial
   * that one of its addresses that has the fewest failures, then the highest rank, then the longest wait.
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

  /** When the next of the addresses that are not ready yet becomes ready. Undefined when there is none. */
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

  /** We dial `spare`, which waits no longer. */
  dialled(spare: Spare, now: Millis): void {
    const key = addressKey(spare.address);
    const peerId = this.#attempts.get(key)?.peerId ?? null;
    const { found, failures, tellers } = spare;
    this.#remove(key, spare);
    this.#attempts.delete(key);
    this.#attempts.set(key, { at: now, found, failures, peerId, worthRetrying: true, isComplete: false, tellers });
    this.#forgetOldAttempts(now);
  }

  /** A connection that we dialled is up, and this peer has answered, in this swarm. */
  answered(address: PeerAddress, peerId: Buffer, found: Swarm): void {
    this.#amend(address, { peerId, found });
  }

  /** A connection that we dialled was good for a while. Failures before it do not count any more. */
  proved(address: PeerAddress): void {
    this.#amend(address, { failures: 0 });
  }

  /**
   * A dial failed, or its connection was lost. The address waits for another attempt, until `soonest` at least, unless
   * it failed too often and a source may name it again.
   */
  failed(address: PeerAddress, soonest: Millis): void {
    const attempt = this.#attempts.get(addressKey(address));
    if (attempt === undefined) return;
    const failures = attempt.failures + 1;
    this.#amend(address, { failures });
    if (failures < this.#options.maxFailures || areNamedOnce(attempt.tellers)) this.#waitAgain(address, soonest);
  }

  /** A dial ended before it led to `address`. That says nothing against it, and it waits for another attempt. */
  missed(address: PeerAddress, now: Millis): void {
    this.#waitAgain(address, now);
  }

  /** The connection that we dialled has ended for no fault of the peer, and is to be made again at once. */
  again(address: PeerAddress, now: Millis): void {
    const key = addressKey(address);
    const attempt = this.#attempts.get(key);
    if (attempt === undefined) return;
    const { failures, tellers } = attempt;
    const rank = this.#rank(address);
    this.#keep(key, { address, found: 'either', peerId: null, notBefore: now, failures, rank, tellers });
  }

  /** We never dial this address again, whichever source names it. */
  condemn(address: PeerAddress): void {
    this.#amend(address, { worthRetrying: false });
  }

  /** What failed until now may not fail any more: no address waits for longer than one that has failed once. */
  forgive(now: Millis): void {
    const { retryInterval } = this.#options;
    for (const [key, attempt] of this.#attempts)
      if (attempt.failures > 0) this.#attempts.set(key, { ...attempt, failures: 0 });
    for (const [key, spare] of this.#waiting) {
      if (spare.failures === 0) continue;
      const soonest = Math.max(now, (this.#attempts.get(key)?.at ?? now) + retryInterval);
      this.#waiting.set(key, { ...spare, failures: 0, notBefore: Math.min(spare.notBefore, soonest) });
    }
  }

  /** We have parted from a peer that listens at `address`, because it had everything, as we had. */
  partedComplete(address: PeerAddress, peerId: Buffer, now: Millis): void {
    const key = addressKey(address);
    this.#forgetOldAttempts(now);
    // A peer from outside may come as often as it likes, and name another port each time.
    if (this.#attempts.size >= 2 * this.#options.maxSpares && !this.#attempts.has(key)) return;
    const { found, tellers } = this.#attempts.get(key) ?? { found: 'either' as const, tellers: [] };
    this.#attempts.delete(key);
    this.#attempts.set(key, { at: now, found, failures: 0, peerId, worthRetrying: true, isComplete: true, tellers });
    if (areNamedOnce(tellers)) this.#waitAgain(address, now);
  }

  /** Whether the user or a link has named the address at which we dialled a peer. */
  isNamedOnce(address: PeerAddress): boolean {
    return areNamedOnce(this.#attempts.get(addressKey(address))?.tellers ?? []);
  }

  /** Whether the peer at `address` had everything when we last parted from it. */
  isComplete(address: PeerAddress): boolean {
    return this.#attempts.get(addressKey(address))?.isComplete ?? false;
  }

  clear(): void {
    for (const [key, spare] of this.#waiting) this.#remove(key, spare);
    this.#attempts.clear();
  }

  #waitAgain(address: PeerAddress, soonest: Millis): void {
    const key = addressKey(address);
    const attempt = this.#attempts.get(key);
    if (attempt === undefined) return;
    const { at, found, failures, tellers } = attempt;
    const notBefore = Math.max(soonest, at + this.#pause(failures, tellers));
    this.#keep(key, { address, found, peerId: null, notBefore, failures, rank: this.#rank(address), tellers });
  }

  #keep(key: string, spare: Spare): void {
    // It has a right to the place of whichever of its tellers has the greater one.
    const teller =
      spare.tellers.find(({ kind }) => kind === 'user') ?? spare.tellers.find(namesOnce) ?? spare.tellers[0];
    if (teller === undefined || this.#waiting.has(key)) return;
    if (!this.#makeRoomAtHost(spare, teller) || !this.#makeRoom(spare, teller)) return;
    const host = hostKey(spare.address.host);
    this.#hosts.set(host, (this.#hosts.get(host) ?? 0) + 1);
    this.#waiting.set(key, spare);
    for (const each of spare.tellers) each.take('waiting');
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

  /**
   * Another teller names an address that waits already. We may dial it in the turn of either, until both give it up.
   */
  #nameAgain(key: string, waiting: Spare, teller: Teller, found: FoundIn): void {
    // A stranger may name an address in a swarm that the peer there does not know, so neither naming counts alone.
    const spare = waiting.found === found ? waiting : { ...waiting, found: 'either' as const };
    if (spare !== waiting) this.#waiting.set(key, spare);
    const { tellers } = spare;
    if (tellers.includes(teller)) return;
    if (tellers.length < MAX_TELLERS) this.#replace(key, spare, [...tellers, teller]);
    else {
      // Many tellers of one kind must not keep out a teller of another kind: it takes the place of one of them.
      const twin = tellers.findLast(({ kind }, at) => kind !== teller.kind && tellers.some(isOther(kind, at)));
      if (twin !== undefined) this.#replace(key, spare, [...tellers.filter((each) => each !== twin), teller]);
    }
  }

  #replace(key: string, spare: Spare, tellers: readonly Teller[]): void {
    for (const teller of spare.tellers) teller.giveBack('waiting');
    for (const teller of tellers) teller.take('waiting');
    this.#waiting.set(key, { ...spare, tellers });
  }

  /**
   * Makes room for one more address of a host. Kinds of tellers share it first, then the tellers. The user may name
   * every port of a host.
   */
  #makeRoomAtHost({ address }: Spare, newcomer: Teller): boolean {
    const host = hostKey(address.host);
    if (newcomer.kind === 'user' || (this.#hosts.get(host) ?? 0) < this.#options.maxSparesPerHost) return true;
    const fellows = [...this.#waiting].filter(([, spare]) => hostKey(spare.address.host) === host);
    const kindsOf = ({ tellers }: Spare): readonly Teller['kind'][] => [...new Set(tellers.map(({ kind }) => kind))];
    const worst =
      worstFellow(fellows, kindsOf, newcomer.kind, (kind) => kind === 'user') ??
      worstFellow(
        fellows,
        ({ tellers }) => tellers,
        newcomer,
        ({ kind }) => kind === 'user',
      );
    if (worst === undefined) return false;
    this.#remove(...worst);
    return true;
  }

  /**
   * Makes a place for a spare: from a teller over its share, or from an address of `newcomer` with more failures. The
   * user may name more addresses than there are places.
   */
  #makeRoom({ failures }: Spare, newcomer: Teller): boolean {
    while (this.#waiting.size >= this.#options.maxSpares) {
      const over = this.#tellers.mostOver(this.#tellersOfAll(), newcomer, 'waiting');
      if (over === undefined && newcomer.kind === 'user') return true;
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

  /** The address of `teller` with the most failures, and with more than `failures`; of equals, the newest. */
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

  #pause(failures: number, tellers: readonly Teller[]): Millis {
    const { retryInterval } = this.#options;
    const most = areNamedOnce(tellers) ? MAX_NAMED_RETRY_INTERVAL : MAX_RETRY_INTERVAL;
    return Math.max(retryInterval, Math.min(most, retryInterval * 2 ** Math.max(0, failures - 1)));
  }

  #amend(address: PeerAddress, change: Partial<Attempt>): void {
    const key = addressKey(address);
    const attempt = this.#attempts.get(key);
    if (attempt !== undefined) this.#attempts.set(key, { ...attempt, ...change });
  }

  /**
   * Except in a flood, forgets only what is older than the retry interval: the rest keeps attempts apart. What the user
   * or a link has named stays in any case, or it would not be tried again when its connection ends.
   */
  #forgetOldAttempts(now: Millis): void {
    const { maxSpares, retryInterval } = this.#options;
    for (const [key, attempt] of this.#attempts) {
      const isFlood = this.#attempts.size > MAX_ATTEMPTS_A_SPARE * maxSpares;
      if (!isFlood && (this.#attempts.size <= maxSpares || now - attempt.at < retryInterval)) return;
      if (!areNamedOnce(attempt.tellers)) this.#attempts.delete(key);
    }
  }
}

/**
 * Of the addresses of one host, one that only one holder has named, which has named more of them than `newcomer` would
 * have named then: the most, if there are several such holders. What two have named stays: the share of one of them is
 * no reason to drop it. What a holder has named that `mayStay` stays too.
 */
function worstFellow<Holder>(
  fellows: readonly (readonly [string, Spare])[],
  holdersOf: (spare: Spare) => readonly Holder[],
  newcomer: Holder,
  mayStay: (holder: Holder) => boolean,
): readonly [string, Spare] | undefined {
  const counts = new Map<Holder, number>();
  for (const [, spare] of fellows)
    for (const holder of holdersOf(spare)) counts.set(holder, (counts.get(holder) ?? 0) + 1);
  let most = (counts.get(newcomer) ?? 0) + 1;
  let worst: readonly [string, Spare] | undefined;
  for (const fellow of fellows) {
    const [holder, other] = holdersOf(fellow[1]);
    if (holder === undefined || other !== undefined || mayStay(holder)) continue;
    const count = counts.get(holder) ?? 0;
    if (count <= most) continue;
    most = count;
    worst = fellow;
  }
  return worst;
}

/** The key of an address in a map. */
export function addressKey(address: PeerAddress): string {
  return `${address.host} ${address.port}`;
}

/** Whether one of these tellers names its addresses at the start alone. Nobody names them again. */
export function areNamedOnce(tellers: readonly Teller[]): boolean {
  return tellers.some(namesOnce);
}

function namesOnce({ kind }: Teller): boolean {
  return kind === 'user' || kind === 'link';
}

function isOther(kind: Teller['kind'], at: number): (teller: Teller, other: number) => boolean {
  return (teller, other) => other !== at && teller.kind === kind;
}

function comesBefore(a: Spare, b: Spare): boolean {
  return a.failures === b.failures ? a.rank > b.rank : a.failures < b.failures;
}
