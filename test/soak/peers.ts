/**
 * Sixty peers that come and go: 24 honest seeds, 24 honest leeches, twelve that are hostile, and noise in the DHT. The
 * parent says 'rest' and 'go on'; at rest all connections are closed.
 */
import { createSocket } from 'node:dgram';
import { connect, createServer, type Socket } from 'node:net';
import {
  BLOCK,
  encodeHandshake,
  HANDSHAKE_LENGTH,
  INTERESTED,
  PIECE,
  plainMessage,
  REQUEST,
  UNCHOKE,
} from '../../bench/lean/lean-wire.js';
import { encodeBencode } from '../../src/bencode/encode.js';
import { FUZZED_DECODERS } from '../fuzz/decoders.js';
import { Mutator } from '../fuzz/mutator.js';
import { seededRandom } from '../support/simulation/seeded-random.js';
import { HONEST_HOSTS, HOSTILE_HOSTS, SEED_PORT, type SoakTorrent, SUBJECT, soakTorrents } from './world.js';

const random = seededRandom(Number(process.env['SOAK_SEED'] ?? 1));
const TORRENTS = soakTorrents();
const SEEDED = TORRENTS.filter(({ isSeeded }) => isSeeded);
const sockets = new Set<Socket>();
let resting = false;

function one<T>(all: readonly T[]): T {
  return all[random.below(all.length)] as T;
}

function held(socket: Socket): Socket {
  sockets.add(socket);
  socket.setNoDelay(true).on('error', () => undefined);
  socket.on('close', () => sockets.delete(socket));
  return socket;
}

/** Calls `act` with each message of the stream behind the handshake, its length taken off. */
function readMessages(socket: Socket, gotHandshake: (handshake: Buffer) => void, act: (message: Buffer) => void): void {
  let bytes: Buffer = Buffer.alloc(0);
  let shaken = false;
  socket.on('data', (data) => {
    bytes = Buffer.concat([bytes, data]);
    if (!shaken && bytes.length >= HANDSHAKE_LENGTH) {
      shaken = true;
      const handshake = bytes.subarray(0, HANDSHAKE_LENGTH);
      bytes = bytes.subarray(HANDSHAKE_LENGTH);
      gotHandshake(handshake);
    }
    while (shaken && bytes.length >= 4 && bytes.length >= 4 + bytes.readUInt32BE(0)) {
      const end = 4 + bytes.readUInt32BE(0);
      if (end > 4) act(bytes.subarray(4, end));
      bytes = bytes.subarray(end);
    }
  });
}

function peerId(): string {
  return `-SK0001-${random.bytes(6).toString('hex')}`;
}

function message(id: number, ...numbers: readonly number[]): Buffer {
  const bytes = Buffer.alloc(5 + 4 * numbers.length);
  bytes.writeUInt32BE(1 + 4 * numbers.length);
  bytes[4] = id;
  for (const [index, number] of numbers.entries()) bytes.writeUInt32BE(number, 5 + 4 * index);
  return bytes;
}

function fullBitfield(pieceCount: number): Buffer {
  const field = Buffer.alloc(Math.ceil(pieceCount / 8), 0xff);
  field[field.length - 1] = 0xff << (field.length * 8 - pieceCount);
  const head = Buffer.from([0, 0, 0, 0, 5]);
  head.writeUInt32BE(1 + field.length);
  return Buffer.concat([head, field]);
}

/** An honest seed of everything that listens, and hangs up on each peer after a while. */
function seedAt(host: string, isLiar: boolean): void {
  createServer((socket) => {
    if (resting) {
      socket.destroy();
      return;
    }
    held(socket);
    let torrent: SoakTorrent | undefined;
    const shaken = (handshake: Buffer): void => {
      torrent = TORRENTS.find(({ metainfo }) => handshake.subarray(28, 48).equals(metainfo.infoHash));
      if (torrent === undefined) socket.destroy();
      else {
        socket.write(encodeHandshake(torrent.metainfo.infoHash, peerId(), false));
        socket.write(Buffer.concat([fullBitfield(torrent.metainfo.pieceCount), plainMessage(UNCHOKE)]));
      }
    };
    readMessages(socket, shaken, (got) => {
      if (got[0] !== REQUEST || torrent === undefined || got.length !== 13) return;
      const [piece, begin, length] = [got.readUInt32BE(1), got.readUInt32BE(5), got.readUInt32BE(9)];
      const at = piece * torrent.metainfo.pieceLength + begin;
      const head = message(PIECE, piece, begin);
      head.writeUInt32BE(9 + length);
      const block = torrent.content.subarray(at, at + length);
      socket.write(Buffer.concat([head, isLiar ? random.bytes(length) : block]));
    });
    setTimeout(() => socket.destroy(), 5_000 + random.below(40_000)).unref();
  }).listen(SEED_PORT, host);
}

/** An honest leech: it takes what it can of one torrent for a while, then comes back as another. */
function leechAt(host: string): void {
  if (resting) return;
  const torrent = one(SEEDED);
  const { infoHash, pieceCount, pieceLength } = torrent.metainfo;
  const socket = held(connect({ ...SUBJECT, localAddress: host }));
  let next = random.below(pieceCount) * (pieceLength / BLOCK);
  const blocks = Math.floor(torrent.content.length / BLOCK);
  const ask = (): void => {
    const at = (next++ % blocks) * BLOCK;
    socket.write(message(REQUEST, Math.floor(at / pieceLength), at % pieceLength, BLOCK));
  };
  socket.on('connect', () => {
    socket.write(encodeHandshake(infoHash, peerId(), false));
    socket.write(plainMessage(INTERESTED));
  });
  readMessages(
    socket,
    () => undefined,
    (got) => {
      if (got[0] === UNCHOKE) for (let count = 0; count < 8; count += 1) ask();
      if (got[0] === PIECE) setTimeout(ask, 20);
    },
  );
  const end = setTimeout(() => socket.destroy(), 5_000 + random.below(60_000));
  socket.on('close', () => {
    clearTimeout(end);
    setTimeout(() => leechAt(host), 1_000 + random.below(5_000));
  });
}

type Act = (socket: Socket, torrent: SoakTorrent) => void;

/** Writes what `make` gives, `perSecond` times a second, as long as the kernel takes it. */
function pour(socket: Socket, perSecond: number, make: () => Buffer): void {
  const timer = setInterval(() => {
    if (!socket.destroyed && socket.writableLength < 1 << 20) socket.write(make());
  }, 1000 / perSecond);
  socket.on('close', () => clearInterval(timer));
}

function extended(id: number, payload: Buffer): Buffer {
  const head = Buffer.from([0, 0, 0, 0, 20, id]);
  head.writeUInt32BE(2 + payload.length);
  return Buffer.concat([head, payload]);
}

const greetingExtensions = encodeBencode(
  new Map<string, number | Map<string, number>>([
    [
      'm',
      new Map([
        ['lt_donthave', 4],
        ['ut_metadata', 2],
        ['ut_pex', 1],
      ]),
    ],
    ['metadata_size', 31_337],
    ['p', 9],
    ['reqq', 1],
  ]),
);

function pexOf(count: number): Buffer {
  const added = random.bytes(6 * count);
  for (let at = 0; at < added.length; at += 6) added.set([10, 9, 0, 28 + random.below(12)], at);
  return encodeBencode(
    new Map([
      ['added', added],
      ['added.f', Buffer.alloc(count)],
    ]),
  );
}

const HOSTILE_ACTS: readonly Act[] = [
  (socket) => pour(socket, 10, () => random.bytes(1000)),
  (socket) => pour(socket, 1, () => Buffer.from([0])),
  (socket) => pour(socket, 20, () => Buffer.alloc(16_000)),
  (socket, { metainfo }) =>
    pour(socket, 20, () =>
      Buffer.concat(Array.from({ length: 200 }, () => message(REQUEST, random.below(metainfo.pieceCount), 0, BLOCK))),
    ),
  (socket) => pour(socket, 20, () => Buffer.concat(Array.from({ length: 200 }, () => message(8, 0, 0, BLOCK)))),
  (socket, { metainfo }) =>
    pour(socket, 20, () =>
      Buffer.concat(Array.from({ length: 300 }, () => message(4, random.below(metainfo.pieceCount)))),
    ),
  (socket) => pour(socket, 50, () => Buffer.concat([plainMessage(INTERESTED), plainMessage(3)])),
  (socket) => {
    socket.write(extended(0, greetingExtensions));
    pour(socket, 1, () => extended(1, pexOf(50)));
  },
  (socket) => pour(socket, 20, () => extended(0, greetingExtensions)),
  (socket) => {
    socket.write(extended(0, greetingExtensions));
    pour(socket, 20, () => extended(2, Buffer.from('d8:msg_typei0e5:piecei0ee')));
  },
  (socket) => pour(socket, 5, () => message(PIECE, 0, 0, 0, 0)),
  (socket) => setTimeout(() => socket.resetAndDestroy(), 50 + random.below(500)),
  (socket) => pour(socket, 20, () => message(100 + random.below(100), 1, 2)),
];

function attackFrom(host: string): void {
  if (resting) return;
  const torrent = one(TORRENTS);
  const socket = held(connect({ ...SUBJECT, localAddress: host }));
  socket.on('data', () => undefined);
  socket.on('connect', () => {
    const extensions = random.below(2) === 0;
    if (random.below(5) > 0) socket.write(encodeHandshake(torrent.metainfo.infoHash, peerId(), extensions));
    one(HOSTILE_ACTS)(socket, torrent);
  });
  const end = setTimeout(() => socket.destroy(), 1_000 + random.below(30_000));
  socket.on('close', () => {
    clearTimeout(end);
    setTimeout(() => attackFrom(host), 500 + random.below(3_000));
  });
}

function makeDhtNoise(): void {
  const decoder = FUZZED_DECODERS.find(({ file }) => file === 'discovery/dht/decode-message.ts');
  if (decoder === undefined) throw new Error('no decoder of the DHT');
  const mutator = new Mutator(random, decoder.seeds());
  const sender = createSocket('udp4').on('error', () => undefined);
  sender.bind(0, '10.9.0.40', () => {
    setInterval(() => {
      if (!resting) sender.send(mutator.next().subarray(0, 1400), SUBJECT.port, SUBJECT.host);
    }, 50);
  });
}

function comeBack(): void {
  for (const host of HONEST_HOSTS) leechAt(host);
  for (const host of HOSTILE_HOSTS) attackFrom(host);
}

for (const [index, host] of HONEST_HOSTS.entries()) seedAt(host, index === 0);
makeDhtNoise();
process.on('message', (word) => {
  resting = word === 'rest';
  if (resting) for (const socket of sockets) socket.destroy();
  else comeBack();
  process.send?.(word);
});
process.on('disconnect', () => process.exit());
process.send?.('ready');
