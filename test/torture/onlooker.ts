/**
 * A peer that wants nothing and has nothing, and hears of every piece that a download verifies; and a tracker that names the
 * seed only when that peer has heard with what the download begins.
 */
import { once } from 'node:events';
import { createServer as createHttpServer, type ServerResponse } from 'node:http';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { encodeBencode } from '../../src/bencode/encode.js';
import type { Metainfo } from '../../src/metainfo/metainfo.js';
import { decodeBitfield } from '../../src/wire/bitfield.js';
import { encodeHandshake, HANDSHAKE_LENGTH, PEER_ID_LENGTH } from '../../src/wire/handshake.js';
import { encodeReserved } from '../../src/wire/reserved.js';

const HAVE = 4;
const BITFIELD = 5;
/** The handshake of the extension protocol (BEP 10), which follows the bitfield, if there is one. */
const EXTENDED = 20;
const HOUR = 3600;

/** What a download said of itself in one run. */
export interface Heard {
  /** The pieces that it began with; null while it has not said. An empty set when it began with none. */
  atStart: ReadonlySet<number> | null;
  /** When each of the others came, by `performance.now`. */
  readonly since: Map<number, number>;
}

export interface Onlooker {
  /** Where downloads are to dial. */
  readonly address: string;
  /** Whom they are to ask for the seed. */
  readonly tracker: string;
  /** Forgets what was heard before: a new process is about to begin. */
  listen(): Heard;
  end(): void;
}

/** `seedPort` is that of the seed on 127.0.0.1. */
export async function startOnlooker(metainfo: Metainfo, seedPort: number): Promise<Onlooker> {
  const sockets = new Set<Socket>();
  let heard: Heard = { atStart: null, since: new Map() };
  let waiters: ServerResponse[] = [];
  const peers = Buffer.from([127, 0, 0, 1, seedPort >> 8, seedPort & 0xff]);
  const answer = encodeBencode(new Map<string, number | Buffer>(Object.entries({ interval: HOUR, peers })));
  const answerAll = (): void => {
    if (heard.atStart === null) return;
    for (const waiter of waiters) waiter.end(answer);
    waiters = [];
  };
  const tracker = createHttpServer((_request, response) => {
    waiters.push(response);
    answerAll();
  });
  const server = createServer((socket) => {
    const ears = heard;
    sockets.add(socket);
    let waiting = Buffer.alloc(0);
    let isShaken = false;
    socket.on('error', () => socket.destroy());
    socket.on('close', () => sockets.delete(socket));
    socket.on('data', (chunk) => {
      waiting = Buffer.concat([waiting, chunk]);
      if (!isShaken && waiting.length >= HANDSHAKE_LENGTH) {
        isShaken = true;
        waiting = waiting.subarray(HANDSHAKE_LENGTH);
        const peerId = Buffer.alloc(PEER_ID_LENGTH, '-LOOK01-');
        socket.write(encodeHandshake(metainfo.infoHash, peerId, encodeReserved(['extended'])));
      }
      while (isShaken && waiting.length >= 4 && waiting.length - 4 >= waiting.readUInt32BE(0)) {
        const length = waiting.readUInt32BE(0);
        hear(ears, waiting.subarray(4, 4 + length), metainfo.pieceCount);
        waiting = waiting.subarray(4 + length);
      }
      answerAll();
    });
  });
  server.listen(0, '127.0.0.1');
  tracker.listen(0, '127.0.0.1');
  await Promise.all([once(server, 'listening'), once(tracker, 'listening')]);
  return {
    tracker: `http://127.0.0.1:${(tracker.address() as AddressInfo).port}/announce`,
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    listen: () => {
      waiters = [];
      heard = { atStart: null, since: new Map() };
      return heard;
    },
    end: () => {
      tracker.closeAllConnections();
      tracker.close();
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

function hear(heard: Heard, message: Buffer, pieceCount: number): void {
  if (message[0] === BITFIELD) {
    const bitfield = decodeBitfield(message.subarray(1), pieceCount);
    const pieces = Array.from({ length: pieceCount }, (_, piece) => piece);
    heard.atStart = new Set(pieces.filter((piece) => bitfield?.has(piece)));
  } else if (message[0] === EXTENDED) {
    heard.atStart ??= new Set();
  } else if (message[0] === HAVE) {
    heard.since.set(message.readUInt32BE(1), performance.now());
  }
}
