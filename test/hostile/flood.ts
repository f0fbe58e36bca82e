/**
 * Floods a port as fast as it goes. Arguments: KIND HOST PORT OWN-HOST…, where KIND is one of those below; each of OWN-HOST
 * takes part. When it is told to end, it says how much it has sent, and how many datagrams came back.
 */
import { randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { connect } from 'node:net';
import { type Encodable, encodeBencode } from '../../src/bencode/encode.js';

const [kind = '', host = '', port, ...ownHosts] = process.argv.slice(2);
/** Connections at once from each host, and datagrams between two looks of the loop. */
const AT_ONCE = 32;
const BURST = 64;
let count = 0;
let heard = 0;

function dictionary(entries: Readonly<Record<string, Encodable>>): Encodable {
  return new Map(Object.entries(entries));
}

function krpc(type: string, entries: Readonly<Record<string, Encodable>>): Buffer {
  return encodeBencode(dictionary({ t: randomBytes(2), y: type, ...entries }));
}

const id = randomBytes(20);
const infoHash = randomBytes(20);

/** What one datagram of a kind is. */
const DATAGRAMS: Readonly<Record<string, () => Buffer>> = {
  queries: () => krpc('q', { q: 'get_peers', a: dictionary({ id, info_hash: infoHash }) }),
  answers: () => krpc('r', { r: dictionary({ id, nodes: randomBytes(26 * 8) }) }),
  rubbish: () => randomBytes(1_400),
  lists: () => Buffer.from('l'.repeat(1_400)),
};

/** What one connection does when it is through; true when it ends itself. */
const CONNECTIONS: Readonly<Record<string, { readonly says: Buffer; readonly ends: boolean }>> = {
  connects: { says: Buffer.alloc(0), ends: true },
  held: { says: Buffer.alloc(0), ends: false },
  'first bytes': { says: Buffer.of(19), ends: true },
  'first bytes held': { says: Buffer.of(19), ends: false },
};

function pourFrom(address: string, datagram: () => Buffer): void {
  const socket = createSocket('udp4');
  socket.on('error', () => undefined);
  socket.on('message', () => {
    heard += 1;
  });
  const burst = (): void => {
    for (let number = 0; number < BURST; number += 1) socket.send(datagram(), Number(port), host);
    count += BURST;
    setImmediate(burst);
  };
  socket.bind({ address, port: 0 }, burst);
}

function dialFrom(localAddress: string, { says, ends }: { readonly says: Buffer; readonly ends: boolean }): void {
  const socket = connect({ host, port: Number(port), localAddress });
  const again = (): void => {
    count += 1;
    setImmediate(dialFrom, localAddress, { says, ends });
  };
  socket.on('error', () => undefined);
  socket.once('close', again);
  socket.on('connect', () => {
    if (says.length > 0) socket.write(says);
    // A reset leaves no port behind that waits.
    if (ends) setImmediate(() => socket.resetAndDestroy());
  });
}

const datagram = DATAGRAMS[kind];
const connection = CONNECTIONS[kind];
for (const address of ownHosts) {
  if (datagram !== undefined) pourFrom(address, datagram);
  else if (connection !== undefined) for (let at = 0; at < AT_ONCE; at += 1) dialFrom(address, connection);
  else throw new Error(`no such flood: ${kind}`);
}
process.stdout.write('pouring\n');
process.on('SIGINT', () => {
  process.stdout.write(`sent ${count}, heard ${heard}\n`, () => process.exit(0));
});
