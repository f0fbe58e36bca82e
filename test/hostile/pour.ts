/**
 * Pours one kind of message over a peer, as fast as it is taken, over a number of connections at once; each that ends is
 * made anew. Arguments: HOST PORT INFO-HASH CONNECTIONS OWN-HOST INTRODUCTION MESSAGE, of which the last two are files. It
 * says how often it was parted from when it is told to end.
 */
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { encodeHandshake } from '../../src/wire/handshake.js';
import { encodeReserved } from '../../src/wire/reserved.js';

const [host = '', port, infoHash = '', connections, localAddress = '', introduction = '', message = ''] =
  process.argv.slice(2);
const first = readFileSync(introduction);
const HANDSHAKE_LENGTH = 68;
const chunk = repeated(readFileSync(message), 256 * 1024);
let parted = 0;

function pour(): void {
  const socket = connect({ host, port: Number(port), localAddress });
  const handshake = encodeHandshake(
    Buffer.from(infoHash, 'hex'),
    randomBytes(20),
    encodeReserved(['fast', 'extended']),
  );
  socket.on('error', () => undefined);
  socket.on('close', () => {
    parted += 1;
    setTimeout(pour, 200);
  });
  let heard = 0;
  socket.on('data', (data) => {
    const isShaken = heard < HANDSHAKE_LENGTH && heard + data.length >= HANDSHAKE_LENGTH;
    heard += data.length;
    if (!isShaken) return;
    socket.write(first);
    more();
  });
  const more = (): void => {
    while (!socket.destroyed && socket.write(chunk));
  };
  socket.on('drain', more);
  socket.on('connect', () => socket.write(handshake));
}

function repeated(part: Buffer, length: number): Buffer {
  return Buffer.concat(Array.from({ length: Math.max(1, Math.floor(length / part.length)) }, () => part));
}

for (let number = 0; number < Number(connections); number += 1) pour();
process.stdout.write('pouring\n');
process.on('SIGINT', () => {
  process.stdout.write(`parted ${parted}\n`, () => process.exit(0));
});
