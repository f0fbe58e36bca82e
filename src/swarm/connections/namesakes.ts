import type { Millis, Task, Timers } from '../../base/clock.js';
import type { Refusal } from '../../wire/refusal.js';
import type { Merits, PeerConnection } from './peer-connection.js';

/** A connection whose handshake is finished, or is just being finished. */
export interface Namesake extends PeerConnection {
  readonly completeSince: Millis | null;
}

export interface NamesakesParts {
  readonly timers: Timers;
  /** Our peer id. */
  readonly myId: Buffer;
  readonly merits: (connection: PeerConnection) => Merits;
  /** The complete connections with this host under this peer id. */
  readonly withId: (host: string, peerId: Buffer) => readonly Namesake[];
}

/** Two connections that are made within this time of each other may be two peers dialling each other at once. */
const SIMULTANEOUS: Millis = 10_000;
/** A connection over which no block has passed for this long is silent. */
const SILENCE: Millis = 60_000;
/**
 * After so long a silence the same peer is dialled once more: at shorter intervals, idle peers would change
 * connections.
 */
const SILENCE_BEFORE_DIAL: Millis = 300_000;
/** So many connections from outside may stand under one peer id and host. */
const MOST_FROM_OUTSIDE = 3;

const DUPLICATE: Refusal = { code: 'duplicate-peer' };

/**
 * Connections with one host under one peer id. They may be one peer, connected twice, or an honest peer and another
 * behind the same address that borrows its id: a peer id is no secret and proves nothing. So no connection keeps
 * another one out by being there first. Under one id, different hosts are different peers.
 *
 * Two that have dialled each other end with one connection. One of them knows that it is one too many: the acceptor of
 * the later connection, which has dialled the earlier one. If its peer id is the greater, it parts at once, otherwise
 * after ten seconds. The dialler of the later one parts only from a young one, and only when its id is the greater. In
 * all other cases it keeps both, because the peer, if it is honest, parts from one.
 *
 * Of two that we have dialled, the one that has exchanged less goes after a minute. Those from outside stand side by
 * side, up to three; then a silent one gives way to a newcomer.
 */
export class Namesakes {
  readonly #parts: NamesakesParts;
  readonly #tasks = new Map<Namesake, Task>();

  constructor(parts: NamesakesParts) {
    this.#parts = parts;
  }

  /** `newcomer` has said its peer id. A refusal ends it; without one it stays, and others may have been ended. */
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

  /** Whether the peer of `newcomer`, if it is honest, is about to end it: it has just dialled us too. */
  isDoubtful(newcomer: Namesake): boolean {
    if (!newcomer.locallyInitiated || Buffer.compare(this.#parts.myId, newcomer.peerId) > 0) return false;
    return this.#othersOf(newcomer).some((other) => !other.locallyInitiated && this.#isYoung(other));
  }

  /**
   * Whether a peer is worth a dial that is said to have this host and peer id. A silent connection does not speak
   * against it: its peer may have borrowed the id.
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
    return this.#parts.withId(connection.hostKey, connection.peerId).filter((other) => other !== connection);
  }

  #isYoung({ completeSince }: Namesake): boolean {
    return completeSince !== null && this.#parts.timers.now() - completeSince <= SIMULTANEOUS;
  }

  #isSilent(connection: Namesake): boolean {
    return this.#silenceOf(connection) >= SILENCE;
  }

  /** For how long no block has passed over it. */
  #silenceOf(connection: Namesake): Millis {
    const now = this.#parts.timers.now();
    return now - Math.max(connection.completeSince ?? now, this.#parts.merits(connection).lastBlockAt);
  }

  #later(connection: Namesake, delay: Millis, act: () => void): void {
    // Parting from another, the owner may have ended all of them.
    if (connection.closed) return;
    const run = (): void => {
      this.#tasks.delete(connection);
      act();
    };
    this.#tasks.set(connection, this.#parts.timers.addTask(run, delay));
  }
}
