import { toHex } from '../../base/bytes.js';
import type { Millis, Task } from '../../base/clock.js';
import type { Random } from '../../base/random.js';
import type { IpFamily } from '../../net/ip-address.js';
import type { DatagramHandler, DatagramOutcome, DatagramSocket, PeerAddress, RawServer } from '../../net/raw-server.js';
import { Allowance, SourceGuard } from '../dht/source-guard.js';
import type { CreatePeerSource, SeekingTorrent } from '../peer-source.js';
import { announceCapacity, decodeLsdAnnounce, encodeLsdAnnounce, LSD_GROUPS, type LsdAnnounce } from './lsd-message.js';

/** An address of ours on an interface that has multicast, so that other hosts may hear us there. */
export interface MulticastPlace {
  readonly family: IpFamily;
  readonly host: string;
}

interface LsdOptions {
  /** Time between two announces of one torrent. BEP 14: "every 5 minutes". */
  readonly interval: Millis;
  /** Shortest time between two announces of ours, whatever they name. BEP 14: "no more than 1 announce per minute". */
  readonly minInterval: Millis;
  /** How long the first announce of a torrent waits for other torrents that begin, so that they share it. */
  readonly gathering: Millis;
  /**
   * How many peers per second we hand on, on average. The announces of a host that sends more are not worth a dial.
   */
  readonly peersPerSecond: number;
  /** How many peers we may hand on at once after a quiet time. */
  readonly peersAtOnce: number;
}

export const DEFAULT_LSD_OPTIONS: LsdOptions = {
  interval: 300_000,
  minInterval: 60_000,
  gathering: 200,
  peersPerSecond: 1,
  peersAtOnce: 60,
};

export interface LocalDiscoveryParts {
  readonly rawServer: Pick<RawServer, 'now' | 'addTask' | 'openDatagram'>;
  readonly random: Random;
  /** One place for each interface and family that there is now. */
  readonly multicastPlaces: () => readonly MulticastPlace[];
  readonly options: LsdOptions;
}

/** The socket that receives what is sent to the group on one interface. Null while it opens. */
interface GroupSocket {
  readonly place: MulticastPlace;
  socket: DatagramSocket | null;
}

interface Announced {
  readonly torrent: SeekingTorrent;
  /** When we must announce it again. */
  due: Millis;
}

const COOKIE_LENGTH = 8;

/**
 * Finds peers in our own network (BEP 14), for all torrents of a session. It announces our torrents on each interface,
 * and hands on the peers that announce the same torrents. It opens no socket before the first torrent begins.
 */
export class LocalDiscovery implements DatagramHandler {
  readonly #parts: LocalDiscoveryParts;
  readonly #cookie: string;
  /** By info-hash. */
  readonly #torrents = new Map<string, Announced>();
  /** By our own host. */
  readonly #sockets = new Map<string, GroupSocket>();
  readonly #guard = new SourceGuard();
  readonly #allowance: Allowance;
  #lastAnnounce: Millis = Number.NEGATIVE_INFINITY;
  #next: Task | null = null;
  #closed = false;

  constructor(parts: LocalDiscoveryParts) {
    const { rawServer, random, options } = parts;
    this.#parts = parts;
    this.#cookie = toHex(random.bytes(COOKIE_LENGTH));
    this.#allowance = new Allowance(options.peersPerSecond, options.peersAtOnce, rawServer.now());
  }

  readonly createSource: CreatePeerSource = (torrent) => {
    const key = toHex(torrent.infoHash);
    return {
      begin: () => {
        if (this.#sockets.size === 0) this.#listen();
        this.#torrents.set(key, { torrent, due: this.#parts.rawServer.now() + this.#parts.options.gathering });
        this.#waitForNext();
      },
      completed: () => undefined,
      // Each announce looks which networks there are.
      networkChanged: () => undefined,
      // The protocol has no message for the end.
      stop: (answered) => {
        this.#torrents.delete(key);
        torrent.timers.addTask(answered, 0);
      },
    };
  };

  datagramCameIn(_: DatagramSocket, data: Buffer, from: PeerAddress): void {
    const now = this.#parts.rawServer.now();
    if (!this.#guard.admits(from.host, now)) return;
    const announce = decodeLsdAnnounce(data);
    if (announce === undefined || announce.cookie === this.#cookie) return;
    for (const infoHash of announce.infoHashes) {
      const torrent = this.#torrents.get(toHex(infoHash))?.torrent;
      if (torrent === undefined || !this.#allowance.take(1, now)) continue;
      const address = { host: from.host, port: announce.port };
      const source = { kind: 'lsd', teller: from.host } as const;
      torrent.timers.addTask(() => torrent.startConnection(address, source), 0);
    }
  }

  sendFailed(): void {
    // An interface that is down now may be up at our next announce.
  }

  close(): void {
    this.#closed = true;
    this.#next?.cancel();
    this.#torrents.clear();
    for (const { socket } of this.#sockets.values()) socket?.close();
    this.#sockets.clear();
  }

  /** Opens a socket on each new interface, and closes those of interfaces that are gone. */
  #listen(): void {
    const places = new Map(this.#parts.multicastPlaces().map((place) => [place.host, place]));
    for (const [host, { socket }] of this.#sockets) {
      if (places.has(host)) continue;
      socket?.close();
      this.#sockets.delete(host);
    }
    for (const [host, place] of places) {
      if (this.#sockets.has(host)) continue;
      const opening: GroupSocket = { place, socket: null };
      this.#sockets.set(host, opening);
      const group = LSD_GROUPS[place.family];
      const options = { family: place.family, host, port: group.port, group: group.host };
      this.#parts.rawServer.openDatagram(options, this, (outcome) => this.#opened(opening, outcome));
    }
  }

  #opened(opening: GroupSocket, outcome: DatagramOutcome): void {
    const isWanted = !this.#closed && this.#sockets.get(opening.place.host) === opening;
    if (outcome.ok && isWanted) opening.socket = outcome.socket;
    else if (outcome.ok) outcome.socket.close();
    // The next announce tries again.
    else if (isWanted) this.#sockets.delete(opening.place.host);
  }

  #waitForNext(): void {
    this.#next?.cancel();
    this.#next = null;
    if (this.#closed || this.#torrents.size === 0) return;
    const { rawServer, options } = this.#parts;
    const earliest = Math.min(...[...this.#torrents.values()].map(({ due }) => due));
    const at = Math.max(earliest, this.#lastAnnounce + options.minInterval);
    this.#next = rawServer.addTask(() => this.#announce(), Math.max(0, at - rawServer.now()));
  }

  /** Announces as many torrents as fit into one packet, those first that have waited longest. */
  #announce(): void {
    const { rawServer, options } = this.#parts;
    const now = rawServer.now();
    const due = [...this.#torrents.values()].filter((announced) => announced.due <= now).sort((a, b) => a.due - b.due);
    const port = due[0]?.torrent.port ?? 0;
    const capacity = Math.min(announceCapacity(4, this.#cookie), announceCapacity(6, this.#cookie));
    const named = due.filter(({ torrent }) => torrent.port === port).slice(0, capacity);
    this.#lastAnnounce = now;
    const infoHashes = named.map(({ torrent }) => torrent.infoHash);
    const wasSent = named.length > 0 && this.#send({ port, infoHashes, cookie: this.#cookie });
    for (const announced of named) announced.due = now + (wasSent ? options.interval : options.minInterval);
    this.#listen();
    this.#waitForNext();
  }

  /** Sends `announce` through each open socket. False when none is open. */
  #send(announce: LsdAnnounce): boolean {
    const open = [...this.#sockets.values()].filter(({ socket }) => socket !== null);
    for (const { place, socket } of open) {
      socket?.send(encodeLsdAnnounce(place.family, announce), LSD_GROUPS[place.family]);
    }
    return open.length > 0;
  }
}
