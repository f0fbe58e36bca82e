/**
 * Asks a peer for hashes without end, each time for others, so that it must read and hash a piece for each answer.
 * Arguments: HOST PORT INFO-HASH ROOT WIDTH COUNT AT-ONCE OWN-HOST…. It asks for the WIDTH leaves of one of COUNT pieces
 * after another; each connection waits for AT-ONCE answers at once, and is made anew when it ends. When it is told to
 * end, it says how often it was answered, rejected and parted from.
 */
import { randomBytes, randomInt } from 'node:crypto';
import { connect } from 'node:net';
import { Framer, type Step } from '../../src/wire/framer.js';
import { encodeHandshake, HANDSHAKE_LENGTH } from '../../src/wire/handshake.js';
import { encodeHashMessage } from '../../src/wire/hash-message.js';
import { decodeMessage } from '../../src/wire/message.js';
import { encodeReserved } from '../../src/wire/reserved.js';

const [host = '', port, infoHash = '', root = '', width, count, atOnce, ...ownHosts] = process.argv.slice(2);
const length = Number(width);
let [sent, answered, rejected, parted] = [0, 0, 0, 0];

function askFrom(localAddress: string): void {
  const socket = connect({ host, port: Number(port), localAddress });
  const handshake = encodeHandshake(Buffer.from(infoHash, 'hex'), randomBytes(20), encodeReserved(['v2', 'fast']));
  const ask = (): void => {
    sent += 1;
    const index = randomInt(Number(count)) * length;
    const range = { root: Buffer.from(root, 'hex'), base: 0, index, length, proof: 0 };
    socket.write(encodeHashMessage({ type: 'hashRequest', range }));
  };
  const readLength = (): Step => ({ kind: 'read', nextLen: 4, nextFunc: (frame) => readFrame(frame.readUInt32BE(0)) });
  const readFrame = (frameLength: number): Step =>
    frameLength === 0 ? readLength() : { kind: 'read', nextLen: frameLength, nextFunc: gotFrame };
  const gotFrame = (frame: Buffer): Step => {
    const decoded = decodeMessage(frame);
    const type = decoded.ok ? decoded.message.type : '';
    if (type === 'hashes') answered += 1;
    if (type === 'hashReject') rejected += 1;
    if (type === 'hashes' || type === 'hashReject') ask();
    return readLength();
  };
  const shaken = (): Step => {
    for (let number = 0; number < Number(atOnce); number += 1) ask();
    return readLength();
  };
  const framer = new Framer(HANDSHAKE_LENGTH, shaken, () => socket.destroy());
  socket.on('error', () => undefined);
  socket.on('data', (data) => framer.dataCameIn(data));
  socket.on('close', () => {
    parted += 1;
    setTimeout(askFrom, 200, localAddress);
  });
  socket.on('connect', () => socket.write(handshake));
}

for (const own of ownHosts) for (let number = 0; number < 4; number += 1) askFrom(own);
process.stdout.write('pouring\n');
process.on('SIGINT', () => {
  const said = `sent ${sent}, answered ${answered}, rejected ${rejected}, parted ${parted}\n`;
  process.stdout.write(said, () => process.exit(0));
});
