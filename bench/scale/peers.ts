/** Odd peers in the process of the bench: some wait, some are asked once, some ask for everything and read nothing. */
import { once } from 'node:events';
import { type AddressInfo, createServer, Socket } from 'node:net';
import { diffieHellmanGroup } from '../../src/base/system-diffie-hellman.js';
import { systemRandom } from '../../src/base/system-random.js';
import type { Metainfo } from '../../src/metainfo/metainfo.js';
import { Framer, type Step } from '../../src/wire/framer.js';
import { PRIME, PRIVATE_KEY_LENGTH } from '../../src/wire/mse/key-exchange.js';
import { dialMse } from '../../src/wire/mse/mse-dial.js';
import { CRYPTO } from '../../src/wire/mse/mse-keys.js';
import {
  BLOCK,
  decodeHandshake,
  encodeGreeting,
  encodeHandshake,
  HANDSHAKE_LENGTH,
  INTERESTED,
  type LeanTorrent,
  plainMessage,
  REQUEST,
  UNCHOKE,
} from '../lean/lean-wire.js';

/** Clients accept few connections of one host. */
const PEERS_PER_HOST = 8;

/** A seed that waits for one request and answers none. */
export interface AskedOnce {
  readonly port: number;
  /** Resolves to the time of the first request, on the clock of `performance.now`. */
  readonly asked: Promise<number>;
  end(): void;
}

/** The seed says that it has all pieces, unchokes each peer that is interested, and waits for the first request. */
export async function startAskedOnce(torrent: LeanTorrent & Pick<Metainfo, 'pieceCount'>): Promise<AskedOnce> {
  const { pieceCount } = torrent;
  const sockets = new Set<Socket>();
  let gotRequest: (at: number) => void = () => undefined;
  const asked = new Promise<number>((resolve) => {
    gotRequest = resolve;
  });
  const server = createServer((socket) => {
    sockets.add(socket);
    let waiting = Buffer.alloc(0);
    let handshakeDone = false;
    socket.on('error', () => socket.destroy());
    socket.on('data', (chunk) => {
      waiting = Buffer.concat([waiting, chunk]);
      if (!handshakeDone && waiting.length >= HANDSHAKE_LENGTH) {
        handshakeDone = true;
        const peer = decodeHandshake(waiting);
        socket.write(encodeHandshake(torrent.infoHash, '-ONCE01-', true));
        socket.write(encodeGreeting(peer, pieceCount, 0, 1));
        waiting = waiting.subarray(HANDSHAKE_LENGTH);
      }
      while (handshakeDone && waiting.length >= 4 && waiting.length - 4 >= waiting.readUInt32BE(0)) {
        const length = waiting.readUInt32BE(0);
        if (length > 0 && waiting[4] === INTERESTED) socket.write(plainMessage(UNCHOKE));
        if (length > 0 && waiting[4] === REQUEST) gotRequest(performance.now());
        waiting = waiting.subarray(4 + length);
      }
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    asked,
    end: () => {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

/** Connections that must stay open until `end`. */
export interface Crowd {
  /** How many of them have closed before. */
  readonly lost: number;
  end(): void;
}

/** `count` peers that finish the handshake, one after the other, and then say nothing. */
export async function connectIdle(torrent: LeanTorrent, port: number, count: number): Promise<Crowd> {
  const crowd = new Sockets();
  for (let peer = 0; peer < count; peer += 1) {
    const socket = crowd.connect(peer, port);
    let length = 0;
    const answered = new Promise<void>((resolve, reject) => {
      socket.on('data', (chunk) => {
        length += chunk.length;
        if (length >= HANDSHAKE_LENGTH) resolve();
      });
      socket.once('close', () => reject(new Error(`peer ${peer} of ${count} was not let in`)));
    });
    socket.write(encodeHandshake(torrent.infoHash, peerId(peer), false));
    await answered;
  }
  return crowd;
}

/** The same by message stream encryption, with RC4 alone. */
export async function connectIdleEncrypted(torrent: LeanTorrent, port: number, count: number): Promise<Crowd> {
  const crowd = new Sockets();
  const makeKeyPair = diffieHellmanGroup(PRIME);
  for (let peer = 0; peer < count; peer += 1) {
    const socket = crowd.connect(peer, port);
    await new Promise<void>((resolve, reject) => {
      const refused = (why: string): void => reject(new Error(`peer ${peer} of ${count} was not let in: ${why}`));
      const dial = dialMse({
        pair: makeKeyPair(systemRandom.bytes(PRIVATE_KEY_LENGTH)),
        random: systemRandom,
        skey: torrent.infoHash,
        provide: CRYPTO.rc4,
        first: encodeHandshake(torrent.infoHash, peerId(peer), false),
        send: (bytes) => socket.write(bytes),
        agreed: () => ({
          kind: 'read',
          nextLen: HANDSHAKE_LENGTH,
          nextFunc: () => {
            resolve();
            return WAIT;
          },
        }),
      });
      if (dial.kind === 'refuse') throw new Error('a handshake that ends before it begins');
      const framer = new Framer(dial.nextLen, dial.nextFunc, ({ code }) => refused(code));
      socket.on('data', (chunk) => framer.dataCameIn(chunk));
      socket.once('close', () => refused('closed'));
    });
  }
  return crowd;
}

/** `count` peers that ask for the whole torrent again and again, as fast as the seed reads, and read nothing. */
export function connectGreedy(torrent: LeanTorrent, port: number, count: number): Crowd {
  const requests = everyRequest(torrent);
  const crowd = new Sockets();
  for (let peer = 0; peer < count; peer += 1) {
    const socket = crowd.connect(peer, port);
    // A paused socket leaves the bytes in the kernel's buffer. When the buffer is full, they stay with the sender.
    socket.pause();
    const ask = (): void => {
      while (!socket.destroyed && socket.write(requests));
    };
    socket.on('drain', ask);
    socket.write(encodeHandshake(torrent.infoHash, peerId(peer), false));
    socket.write(plainMessage(INTERESTED));
    ask();
  }
  return crowd;
}

/** Reads on and looks at nothing. */
const WAIT: Step = { kind: 'read', nextLen: 1, nextFunc: () => WAIT };

class Sockets implements Crowd {
  lost = 0;
  readonly #sockets: Socket[] = [];
  #ending = false;

  /** Groups of peers get a host each: all addresses of 127.0.0.0/8 are this machine. */
  connect(peer: number, port: number): Socket {
    const host = Math.floor(peer / PEERS_PER_HOST);
    const socket = new Socket();
    socket.on('error', () => socket.destroy());
    socket.once('close', () => {
      if (!this.#ending) this.lost += 1;
    });
    socket.connect({ port, host: '127.0.0.1', localAddress: `127.0.${1 + (host >> 7)}.${1 + (host & 127)}` });
    this.#sockets.push(socket);
    return socket;
  }

  end(): void {
    this.#ending = true;
    for (const socket of this.#sockets) socket.destroy();
  }
}

function peerId(peer: number): string {
  return `-CROWD1-${String(peer).padStart(12, '0')}`;
}

function everyRequest({ length, pieceLength }: LeanTorrent): Buffer {
  const REQUEST_LENGTH = 17;
  const requests = Buffer.alloc(Math.ceil(length / BLOCK) * REQUEST_LENGTH);
  for (let at = 0, offset = 0; offset < length; at += REQUEST_LENGTH, offset += BLOCK) {
    requests.writeUInt32BE(13, at);
    requests[at + 4] = REQUEST;
    requests.writeUInt32BE(Math.floor(offset / pieceLength), at + 5);
    requests.writeUInt32BE(offset % pieceLength, at + 9);
    requests.writeUInt32BE(Math.min(BLOCK, length - offset), at + 13);
  }
  return requests;
}
