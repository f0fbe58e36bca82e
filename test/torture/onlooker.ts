/**
 * A peer that wants nothing and has nothing, and hears of every piece that a download verifies; and a tracker that names the
 * seed only when that peer has heard with what the download begins.
 *
 * Others come to it too: downloads of the same torrent hear of each other from their seed, and of each other's onlookers from
 * each other. A peer that is killed may be heard when the next one runs already. So it goes by peer ids: the one that counts
 * is that of whoever asks the tracker of this run.
 */
import { once } from 'node:events';
import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { encodeBencode } from '../../src/bencode/encode.js';
import type { Metainfo } from '../../src/metainfo/metainfo.js';
import { parseQuery } from '../../src/tracker/announce-query.js';
import { decodeBitfield } from '../../src/wire/bitfield.js';
import { encodeHandshake, HANDSHAKE_HEAD_LENGTH, HANDSHAKE_LENGTH, PEER_ID_LENGTH } from '../../src/wire/handshake.js';
import { encodeReserved } from '../../src/wire/reserved.js';

const HAVE = 4;
const BITFIELD = 5;
/** The handshake of the extension protocol (BEP 10), which follows the bitfield, if there is one. */
const EXTENDED = 20;
const HOUR = 3600;

/** What a peer said of itself. */
export interface Heard {
  /** The pieces that it began with; null while it has not said. An empty set when it began with none. */
  readonly atStart: ReadonlySet<number> | null;
  /** When each of the others came, by `performance.now`. */
  readonly since: ReadonlyMap<number, number>;
}

/** One run of a download. */
export interface Hearing {
  /** Whom it is to ask for the seed. */
  readonly tracker: string;
  /** What it has said by now. */
  heard(): Heard;
}

export interface Onlooker {
  /** Where downloads are to dial. */
  readonly address: string;
  /** A new process is about to begin. */
  listen(): Hearing;
  end(): void;
}

/** `seedPort` is that of the seed on 127.0.0.1. */
export async function startOnlooker(metainfo: Metainfo, seedPort: number): Promise<Onlooker> {
  const sockets = new Set<Socket>();
  const peers = new HeardPeers(metainfo.pieceCount);
  const seed = Buffer.from([127, 0, 0, 1, seedPort >> 8, seedPort & 0xff]);
  const answer = encodeBencode(new Map<string, number | Buffer>(Object.entries({ interval: HOUR, peers: seed })));
  /** Who waits for the tracker's answer. */
  const waiters = new Map<ServerResponse, string>();
  /** Who asked the tracker of each run. */
  const askers: (string | null)[] = [];
  const answerAll = (): void => {
    for (const [response, peerId] of waiters) {
      if (peers.by(peerId).atStart === null) continue;
      waiters.delete(response);
      response.end(answer);
    }
  };
  const tracker = createHttpServer((request, response) => {
    const { run, peerId } = askedBy(request);
    askers[run] = peerId;
    waiters.set(response, peerId);
    response.once('close', () => waiters.delete(response));
    answerAll();
  });
  const server = createServer((socket) => {
    sockets.add(socket);
    let waiting = Buffer.alloc(0);
    let peerId: string | null = null;
    socket.on('error', () => socket.destroy());
    socket.on('close', () => sockets.delete(socket));
    socket.on('data', (chunk) => {
      waiting = Buffer.concat([waiting, chunk]);
      if (peerId === null && waiting.length >= HANDSHAKE_LENGTH) {
        peerId = waiting.toString('latin1', HANDSHAKE_HEAD_LENGTH, HANDSHAKE_LENGTH);
        waiting = waiting.subarray(HANDSHAKE_LENGTH);
        const ownId = Buffer.alloc(PEER_ID_LENGTH, '-LOOK01-');
        socket.write(encodeHandshake(metainfo.infoHash, ownId, encodeReserved(['extended'])));
      }
      while (peerId !== null && waiting.length >= 4 && waiting.length - 4 >= waiting.readUInt32BE(0)) {
        const length = waiting.readUInt32BE(0);
        peers.hear(peerId, waiting.subarray(4, 4 + length));
        waiting = waiting.subarray(4 + length);
      }
      answerAll();
    });
  });
  server.listen(0, '127.0.0.1');
  tracker.listen(0, '127.0.0.1');
  await Promise.all([once(server, 'listening'), once(tracker, 'listening')]);
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    listen: () => {
      const run = askers.push(null) - 1;
      return {
        tracker: `http://127.0.0.1:${(tracker.address() as AddressInfo).port}/${run}/announce`,
        heard: () => peers.by(askers[run] ?? null),
      };
    },
    end: () => {
      tracker.closeAllConnections();
      tracker.close();
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

/** Which run's tracker is asked, and by whom. */
function askedBy({ url = '' }: IncomingMessage): { readonly run: number; readonly peerId: string } {
  const [path = '', query = ''] = url.split('?');
  return { run: Number(path.split('/')[1]), peerId: parseQuery(query).get('peer_id')?.[0]?.toString('latin1') ?? '' };
}

const NOTHING: Heard = { atStart: null, since: new Map() };

/** What each peer said, by its id. */
class HeardPeers {
  readonly #pieceCount: number;
  readonly #heard = new Map<string, { atStart: ReadonlySet<number> | null; readonly since: Map<number, number> }>();

  constructor(pieceCount: number) {
    this.#pieceCount = pieceCount;
  }

  by(peerId: string | null): Heard {
    return (peerId === null ? undefined : this.#heard.get(peerId)) ?? NOTHING;
  }

  hear(peerId: string, message: Buffer): void {
    const heard = this.#heard.get(peerId) ?? { atStart: null, since: new Map<number, number>() };
    this.#heard.set(peerId, heard);
    const note = (piece: number): void => {
      if (!heard.since.has(piece)) heard.since.set(piece, performance.now());
    };
    if (message[0] === BITFIELD) {
      const bitfield = decodeBitfield(message.subarray(1), this.#pieceCount);
      const has = Array.from({ length: this.#pieceCount }, (_, piece) => piece).filter((piece) => bitfield?.has(piece));
      if (heard.atStart === null) heard.atStart = new Set(has);
      // It has come back to us.
      else for (const piece of has) if (!heard.atStart.has(piece)) note(piece);
    } else if (message[0] === EXTENDED) {
      heard.atStart ??= new Set();
    } else if (message[0] === HAVE) {
      note(message.readUInt32BE(1));
    }
  }
}
