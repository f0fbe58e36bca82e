import { toHex } from '../../base/bytes.js';
import type { Millis, Task } from '../../base/clock.js';
import type { Random } from '../../base/random.js';
import type { IpFamily } from '../../net/ip-address.js';
import type { DatagramHandler, DatagramOutcome, DatagramSocket, PeerAddress, RawServer } from '../../net/raw-server.js';
import { Allowance, SourceGuard } from '../dht/source-guard.js';
import type { CreatePeerSource, SeekingTorrent } from '../peer-source.js';
import { announceCapacity, decodeLsdAnnounce, encodeLsdAnnounce, LSD_GROUPS, type LsdAnnounce } from './lsd-message.js';

/** An address of ours, on an interface where others may hear us. */
export interface MulticastPlace {
  readonly family: IpFamily;
  readonly host: string;
}

export interface LocalDiscoveryParts {
  readonly rawServer: Pick<RawServer, 'now' | 'addTask' | 'openDatagram'>;
  readonly random: Random;
  /** One for each interface and family, as they are now. */
  readonly multicastPlaces: () => readonly MulticastPlace[];
  readonly options: LsdOptions;
}

/** A socket that hears the group on one interface, or one that is being opened. */
interface Ear {
  readonly place: MulticastPlace;
  socket: DatagramSocket | null;
}

interface Announced {
  readonly torrent: SeekingTorrent;
  /** When it is to be named again. */
  due: Millis;
}

const COOKIE_LENGTH = 8;

/**
 * Peers of the own network (BEP 14), for all torrents of a session: it says which torrents we have, on each interface,
 * and hands on whoever says the same. It opens nothing before the first torrent begins.
 */
export class LocalDiscovery implements DatagramHandler {
  readonly #parts: LocalDiscoveryParts;
  readonly #cookie: string;
  /** By info-hash. */
  readonly #torrents = new Map<string, Announced>();
  readonly #ears = new Map<string, Ear>();
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
        if (this.#ears.size === 0) this.#listen();
        this.#torrents.set(key, { torrent, due: this.#parts.rawServer.now() + this.#parts.options.gathering });
        this.#waitForNext();
      },
      completed: () => undefined,
      // The protocol has no good-bye.
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
    // An interface that is down now may be up when we announce next.
  }

  close(): void {
    this.#closed = true;
    this.#next?.cancel();
    this.#torrents.clear();
    for (const { socket } of this.#ears.values()) socket?.close();
    this.#ears.clear();
  }

  /** Hears the group on the interfaces that are there now. */
  #listen(): void {
    const places = new Map(this.#parts.multicastPlaces().map((place) => [place.host, place]));
    for (const [host, { socket }] of this.#ears) {
      if (places.has(host)) continue;
      socket?.close();
      this.#ears.delete(host);
    }
    for (const [host, place] of places) {
      if (this.#ears.has(host)) continue;
      const ear: Ear = { place, socket: null };
      this.#ears.set(host, ear);
      const group = LSD_GROUPS[place.family];
      const options = { family: place.family, host, port: group.port, group: group.host };
      this.#parts.rawServer.openDatagram(options, this, (outcome) => this.#opened(ear, outcome));
    }
  }

  #opened(ear: Ear, outcome: DatagramOutcome): void {
    const isWanted = !this.#closed && this.#ears.get(ear.place.host) === ear;
    if (outcome.ok && isWanted) ear.socket = outcome.socket;
    else if (outcome.ok) outcome.socket.close();
    // Tried again with the next announce.
    else if (isWanted) this.#ears.delete(ear.place.host);
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

  /** Names as many torrents as fit, those first that have waited longest. */
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

  /** False when there is no network to say it in. */
  #send(announce: LsdAnnounce): boolean {
    const open = [...this.#ears.values()].filter(({ socket }) => socket !== null);
    for (const { place, socket } of open) {
      socket?.send(encodeLsdAnnounce(place.family, announce), LSD_GROUPS[place.family]);
    }
    return open.length > 0;
  }
}

interface LsdOptions {
  /** Between two announces of one torrent. BEP 14: "every 5 minutes". */
  readonly interval: Millis;
  /** Between two announces of ours, whatever they name. BEP 14: "no more than 1 announce per minute". */
  readonly minInterval: Millis;
  /** A torrent's first announce waits so long for others that begin, which then share it. */
  readonly gathering: Millis;
  /** Peers a second that are handed on, and so many at once. Whoever sends more names nobody that is worth a dial. */
  readonly peersPerSecond: number;
  readonly peersAtOnce: number;
}

export const DEFAULT_LSD_OPTIONS: LsdOptions = {
  interval: 300_000,
  minInterval: 60_000,
  gathering: 200,
  peersPerSecond: 1,
  peersAtOnce: 60,
};
