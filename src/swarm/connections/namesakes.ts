/**
 * Namesakes are connections with one host under one peer id. They may be with one peer that is connected twice. Or they
 * are with an honest peer and with another peer behind the same address that borrows its id: a peer id is no secret and
 * proves nothing. So no connection keeps another one out because it came first. Under one id, different hosts are
 * different peers.
 *
 * When two peers have dialled each other, one connection must go. One of the two peers knows that for sure: the one
 * that accepted the later connection and had dialled the earlier one. If its id is the greater one, it ends the later
 * connection at once, otherwise after ten seconds. The peer that dialled the later connection ends the earlier one only
 * if that is young, and only if its own id is the greater one. In all other cases it keeps both, because the other peer
 * ends one of them if it is honest.
 *
 * Of two connections that we dialled, the one that has exchanged less goes after a minute. Connections from outside
 * stand side by side, up to three. Then a silent one gives way to a newcomer.
 */
import type { Millis, Task, Timers } from '../../base/clock.js';
import { hostKey } from '../../net/host-key.js';
import type { Refusal } from '../../wire/refusal.js';
import type { Merits, PeerConnection } from './peer-connection.js';

/** A connection whose handshake is finished or about to be. */
export interface Namesake extends PeerConnection {
  /** When the handshake was finished; null before that. */
  readonly completeSince: Millis | null;
}

export interface NamesakesParts {
  readonly timers: Timers;
  /** Our peer id. */
  readonly myId: Buffer;
  readonly merits: (connection: PeerConnection) => Merits;
  /** The complete connections with the host of this `hostKey` under this peer id. */
  readonly withId: (host: string, peerId: Buffer) => readonly Namesake[];
}

/** When two connections are made within this time, two peers may have dialled each other at once. */
const SIMULTANEOUS: Millis = 10_000;
/** A connection over which no block has passed for this long is silent. */
const SILENCE: Millis = 60_000;
/**
 * After this long a silence we dial the same peer once more. After a shorter time, idle peers would replace one
 * connection by another again and again.
 */
const SILENCE_BEFORE_DIAL: Millis = 300_000;
/** The most connections from outside with one host under one peer id. */
const MOST_FROM_OUTSIDE = 3;

const DUPLICATE: Refusal = { code: 'duplicate-peer' };

export class Namesakes {
  readonly #parts: NamesakesParts;
  readonly #tasks = new Map<Namesake, Task>();

  constructor(parts: NamesakesParts) {
    this.#parts = parts;
  }

  /**
   * `newcomer` has said its peer id. Returns the refusal that ends it. Without one it stays, and others may have ended.
   */
  judge(newcomer: Namesake): Refusal | undefined {
    const others = this.#othersOf(newcomer);
    const isGreater = Buffer.compare(this.#parts.myId, newcomer.peerId) > 0;
    const dialled = others.filter(({ locallyInitiated }) => locallyInitiated);
    const external = others.filter(({ locallyInitiated }) => !locallyInitiated);
    if (newcomer.locallyInitiated) {
      if (isGreater) for (const other of external) if (this.#isYoung(other)) other.refuse(DUPLICATE);
      if (dialled.length > 0) this.#later(newcomer, SILENCE, () => this.#compare(newcomer));
      return undefined;
    }
    for (const other of dialled) if (this.#isSilent(other)) other.refuse(DUPLICATE);
    if (dialled.some(({ closed }) => !closed)) {
      if (isGreater) return DUPLICATE;
      this.#later(newcomer, SIMULTANEOUS, () => this.#partIfDialled(newcomer));
    }
    if (external.length < MOST_FROM_OUTSIDE) return undefined;
    const [silent] = external
      .filter((other) => this.#isSilent(other))
      .sort((a, b) => this.#silenceOf(b) - this.#silenceOf(a));
    if (silent === undefined) return DUPLICATE;
    silent.refuse(DUPLICATE);
    return undefined;
  }

  /**
   * Whether the peer of `newcomer`, if it is honest, is about to end this connection, because it has just dialled us.
   */
  isDoubtful(newcomer: Namesake): boolean {
    if (!newcomer.locallyInitiated || Buffer.compare(this.#parts.myId, newcomer.peerId) > 0) return false;
    return this.#othersOf(newcomer).some((other) => !other.locallyInitiated && this.#isYoung(other));
  }

  /**
   * Whether to dial a peer that is said to have this host and peer id. A connection that has long been silent is no
   * reason against it, because its peer may have borrowed the id.
   */
  mayDial(host: string, peerId: Buffer): boolean {
    return this.#parts.withId(host, peerId).every((other) => this.#silenceOf(other) >= SILENCE_BEFORE_DIAL);
  }

  /** The connection has ended. */
  ended(connection: Namesake): void {
    this.#tasks.get(connection)?.cancel();
    this.#tasks.delete(connection);
  }

  #partIfDialled(newcomer: Namesake): void {
    if (this.#othersOf(newcomer).some(({ locallyInitiated }) => locallyInitiated)) newcomer.refuse(DUPLICATE);
  }

  #compare(newcomer: Namesake): void {
    const { merits } = this.#parts;
    for (const other of this.#othersOf(newcomer)) {
      if (!other.locallyInitiated || newcomer.closed) continue;
      const isBetter = merits(newcomer).exchanged > merits(other).exchanged;
      (isBetter ? other : newcomer).refuse(DUPLICATE);
    }
  }

  #othersOf(connection: Namesake): Namesake[] {
    return this.#parts
      .withId(hostKey(connection.address.host), connection.peerId)
      .filter((other) => other !== connection);
  }

  #isYoung({ completeSince }: Namesake): boolean {
    return completeSince !== null && this.#parts.timers.now() - completeSince <= SIMULTANEOUS;
  }

  #isSilent(connection: Namesake): boolean {
    return this.#silenceOf(connection) >= SILENCE;
  }

  /** For how long no block has passed over the connection. */
  #silenceOf(connection: Namesake): Millis {
    const now = this.#parts.timers.now();
    return now - Math.max(connection.completeSince ?? now, this.#parts.merits(connection).lastBlockAt);
  }

  #later(connection: Namesake, delay: Millis, act: () => void): void {
    // When we ended another connection, the owner may have ended all of them.
    if (connection.closed) return;
    const run = (): void => {
      this.#tasks.delete(connection);
      act();
    };
    this.#tasks.set(connection, this.#parts.timers.addTask(run, delay));
  }
}
