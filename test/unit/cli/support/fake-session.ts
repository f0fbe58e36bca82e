import { createHash } from 'node:crypto';
import type { BtgetError } from '../../../../src/base/failure.js';
import type { CommandSession, ContentTorrent, CreateSession } from '../../../../src/cli/run/session-face.js';
import type { DhtStatus } from '../../../../src/discovery/dht/dht-node.js';
import type { PortMapping } from '../../../../src/discovery/port-mapping/port-mapper.js';
import { infoHashV1 } from '../../../../src/metainfo/info-hash.js';
import type { MagnetLink } from '../../../../src/metainfo/magnet.js';
import type { Metainfo, TorrentFile } from '../../../../src/metainfo/metainfo.js';
import type { MagnetEvents } from '../../../../src/session/magnet-torrent.js';
import type { AddedEvents, ListenAnswer } from '../../../../src/session/session.js';
import type { SessionOptions } from '../../../../src/session/session-options.js';
import { NO_WEB_SEEDS } from '../../../../src/swarm/web-seed/web-seeds.js';
import type { MetadataEvents } from '../../../../src/torrent/metadata-torrent.js';
import type { TorrentStatus } from '../../../../src/torrent/status.js';
import type { TorrentOptions } from '../../../../src/torrent/torrent-options.js';

export function makeMetainfo(
  name: string,
  lengths: readonly number[] = [1000],
  more: Partial<Metainfo> = {},
): Metainfo {
  const isFolder = lengths.length > 1;
  let begin = 0;
  const files = lengths.map((length, index): TorrentFile => {
    const path = isFolder ? [name, `file${index}`] : [name];
    const file = { path, begin, length, padding: false, executable: false, hidden: false, symlink: null };
    begin += length;
    return file;
  });
  return {
    version: '1',
    name,
    infoHash: createHash('sha1').update(name).digest(),
    infoHashV1: infoHashV1(createHash('sha1').update(name).digest()),
    infoHashV2: null,
    info: Buffer.alloc(0),
    pieceLength: 16384,
    pieceCount: Math.ceil(begin / 16384),
    pieces: Buffer.alloc(20 * Math.ceil(begin / 16384)),
    pieceRoots: null,
    missingLayers: [],
    length: begin,
    files,
    isFolder,
    trackers: [],
    webSeeds: [],
    httpSeeds: [],
    nodes: [],
    private: false,
    comment: null,
    createdBy: null,
    createdAt: null,
    ...more,
  };
}

export function makeStatus(more: Partial<TorrentStatus> = {}): TorrentStatus {
  return {
    state: 'downloading',
    length: 1000,
    wanted: 1000,
    have: 0,
    checked: 0,
    checkLength: 1000,
    downloaded: 0,
    uploaded: 0,
    wasted: 0,
    webSeeds: NO_WEB_SEEDS,
    limited: false,
    downRate: 0,
    upRate: 0,
    superSeeding: false,
    peers: 0,
    seeds: 0,
    useful: 0,
    unchokedBy: 0,
    encrypted: 0,
    falseMetadata: 0,
    reach: { waiting: 0, dialled: 0, answered: 0, refused: 0, silent: 0, turnedAway: 0 },
    eta: null,
    seedGoal: null,
    diskFailure: null,
    waitsFor: null,
    ...more,
  };
}

/** A torrent that a test drives. */
export class FakeTorrent implements ContentTorrent {
  readonly metainfo: Metainfo;
  readonly options: TorrentOptions;
  readonly events: AddedEvents;
  readonly #log: string[];
  current = makeStatus();
  missing: readonly TorrentFile[] = [];

  constructor(metainfo: Metainfo, options: TorrentOptions, events: AddedEvents, log: string[]) {
    this.metainfo = metainfo;
    this.options = options;
    this.events = events;
    this.#log = log;
  }

  status(): TorrentStatus {
    return this.current;
  }

  missingFiles(): readonly TorrentFile[] {
    return this.missing;
  }

  stop(answered: () => void): void {
    this.#log.push(`stop ${this.metainfo.name}`);
    answered();
  }

  is(more: Partial<TorrentStatus>): void {
    this.current = makeStatus({ ...this.current, ...more });
  }

  completes(): void {
    this.is({ have: 1000, downloaded: 1000 });
    for (const file of this.metainfo.files) this.events.fileDone(file, ['out', ...file.path].join('/'));
    this.events.done();
  }
}

/** A magnet link's torrent that a test drives. */
export class FakeMagnet implements ContentTorrent {
  readonly link: MagnetLink;
  readonly options: TorrentOptions;
  readonly events: MetadataEvents;
  readonly #log: string[];
  current = makeStatus({ state: 'metadata', length: 0, wanted: 0, checkLength: 0 });

  constructor(link: MagnetLink, options: TorrentOptions, events: MetadataEvents, log: string[]) {
    this.link = link;
    this.options = options;
    this.events = events;
    this.#log = log;
  }

  status(): TorrentStatus {
    return this.current;
  }

  missingFiles(): readonly TorrentFile[] {
    return [];
  }

  stop(answered: () => void): void {
    this.#log.push('stop magnet');
    answered();
  }
}

/** A session that a test drives. */
export class FakeSession implements CommandSession {
  readonly log: string[] = [];
  dht: DhtStatus | null = null;
  readonly torrents: FakeTorrent[] = [];
  readonly magnets: FakeMagnet[] = [];
  options: SessionOptions | undefined;
  listens: ListenAnswer = { ok: true, port: 6881 };
  portMappings: readonly PortMapping[] = [];
  /** When false, `stop` never answers. */
  stops = true;
  gotException: (error: unknown) => void = () => undefined;

  readonly create: CreateSession = (options, gotException) => {
    this.options = options;
    this.gotException = gotException;
    return this;
  };

  cannotListen(failure: BtgetError): void {
    this.listens = { ok: false, failure };
  }

  listen(answered: (outcome: ListenAnswer) => void): void {
    answered(this.listens);
  }

  portMapping(): readonly PortMapping[] {
    return this.portMappings;
  }

  addTorrent(metainfo: Metainfo, options: TorrentOptions, events: AddedEvents): FakeTorrent {
    const torrent = new FakeTorrent(metainfo, options, events, this.log);
    this.torrents.push(torrent);
    return torrent;
  }

  addMagnet(link: MagnetLink, options: TorrentOptions, events: MagnetEvents): FakeMagnet {
    const magnet = new FakeMagnet(link, options, events, this.log);
    this.magnets.push(magnet);
    return magnet;
  }

  fetchMetadata(link: MagnetLink, options: TorrentOptions, events: MetadataEvents): FakeMagnet {
    const magnet = new FakeMagnet(link, options, events, this.log);
    this.magnets.push(magnet);
    return magnet;
  }

  proxyTrouble(): string | null {
    return null;
  }

  dhtStatus(): DhtStatus | null {
    return this.dht;
  }

  stop(answered: () => void): void {
    this.log.push('stop session');
    if (this.stops) answered();
  }
}
