/**
 * A program that squats: `squatter TARGET INFO-HASH HABIT PEER-ID HOST…` opens sixteen connections from each host, and
 * a new one for each that ends. PEER-ID is the id of the peer that listens at that address, or `own`. HABIT says what it
 * does: `wants` wants everything, and takes one block each time that it is unchoked; `offers` says that it has
 * everything, and gives nothing; `lies` answers each request with wrong bytes, under a new id each time.
 */
import { connect, type Socket } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import { decodeMessage, encodeMessage, type PeerMessage } from '../../src/wire/message.js';

const PER_HOST = 16;
const [target = '', infoHashText = '', habit = '', idOf = 'own', ...hosts] = process.argv.slice(2);
const infoHash = Buffer.from(infoHashText, 'hex');
let made = 0;

function dial(address: string, localAddress: string | undefined): Socket {
  const at = address.lastIndexOf(':');
  const host = address.slice(0, at);
  const port = Number(address.slice(at + 1));
  return connect(localAddress === undefined ? { host, port } : { host, port, localAddress });
}

function handshake(peerId: Buffer): Buffer {
  return Buffer.concat([Buffer.from('\x13BitTorrent protocol', 'latin1'), Buffer.alloc(8), infoHash, peerId]);
}

/** The peer id that is said at `address`. */
function idAt(address: string): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const socket = dial(address, undefined).on('error', reject);
    let heard = Buffer.alloc(0);
    socket.write(handshake(Buffer.alloc(20, 'l')));
    socket.on('data', (chunk: Buffer) => {
      heard = Buffer.concat([heard, chunk]);
      if (heard.length < 68) return;
      resolve(heard.subarray(48, 68));
      socket.destroy();
    });
  });
}

function answer(message: PeerMessage): Parameters<typeof encodeMessage>[0] | null {
  if (habit === 'wants' && message.type === 'unchoke') return { type: 'request', piece: 0, begin: 0, length: 16384 };
  if (habit !== 'lies' || message.type !== 'request') return null;
  return { type: 'piece', piece: message.piece, begin: message.begin, block: Buffer.alloc(message.length, 'x') };
}

/** One connection, from beginning to end. */
function squat(host: string, peerId: Buffer, pieceCount: number): Promise<void> {
  return new Promise((resolve) => {
    const socket = dial(target, host).on('error', () => socket.destroy());
    socket.on('close', () => resolve());
    socket.on('connect', () => {
      made += 1;
      process.stdout.write(`${made} connections\n`);
    });
    socket.write(handshake(peerId));
    const bits = Buffer.alloc(Math.ceil(pieceCount / 8), 0xff);
    if (pieceCount % 8 > 0) bits[bits.length - 1] = (0xff << (8 - (pieceCount % 8))) & 0xff;
    if (habit === 'wants') socket.write(encodeMessage({ type: 'interested' }));
    else socket.write(Buffer.concat([encodeMessage({ type: 'bitfield', bits }), encodeMessage({ type: 'unchoke' })]));
    let unread = Buffer.alloc(0);
    let isGreeted = false;
    socket.on('data', (chunk: Buffer) => {
      unread = Buffer.concat([unread, chunk]);
      if (!isGreeted && unread.length >= 68) {
        isGreeted = true;
        unread = unread.subarray(68);
      }
      while (isGreeted && unread.length >= 4 && unread.length >= 4 + unread.readUInt32BE(0)) {
        const end = 4 + unread.readUInt32BE(0);
        const decoded = end === 4 ? null : decodeMessage(unread.subarray(4, end));
        const reply = decoded?.ok === true ? answer(decoded.message) : null;
        if (reply !== null) socket.write(encodeMessage(reply));
        unread = unread.subarray(end);
      }
    });
  });
}

async function main(): Promise<void> {
  const borrowed = idOf === 'own' ? null : await idAt(idOf);
  const pieceCount = Number(process.env['PIECES'] ?? 0);
  let number = 0;
  for (const host of hosts) {
    for (let count = 0; count < PER_HOST; count += 1) {
      void (async () => {
        for (;;) {
          number += 1;
          await squat(host, borrowed ?? Buffer.from(`-XX0001-${String(number).padStart(12, '0')}`), pieceCount);
          await wait(200);
        }
      })();
    }
  }
}

await main();
