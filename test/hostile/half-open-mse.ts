/**
 * Dials a port with encrypted handshakes that never end, as fast as it goes. Arguments: KIND COUNT INFO-HASH HOST PORT
 * OWN-HOST…. KIND `mixed` stops at each place in turn, `keys` behind the public key. When it is told to end, it goes on
 * until it has dialled COUNT times, and says how often it has.
 */
import { randomBytes } from 'node:crypto';
import { connect, type Socket } from 'node:net';
import { diffieHellmanGroup } from '../../src/base/system-diffie-hellman.js';
import { PRIME, PUBLIC_KEY_LENGTH } from '../../src/wire/mse/key-exchange.js';
import { CRYPTO, dialledCipher, req1, req2, req3, xor } from '../../src/wire/mse/mse-keys.js';

const [kind = '', least = '', infoHash = '', host = '', port = '', ...ownHosts] = process.argv.slice(2);
const skey = Buffer.from(infoHash, 'hex');
/** One pair for all: the keys are to cost the other side something, not us. */
const pair = diffieHellmanGroup(PRIME)(randomBytes(20));
/** Connections at once from each host: as many as a host may have open, and some that are refused. */
const AT_ONCE = 20;
let count = 0;
let heard = 0;

type Act = (socket: Socket) => void;

/** Says the whole key, and when the other key is there a second message with a constant that is wrong. */
const liesBehindTheKey: Act = (socket) => {
  socket.write(pair.publicKey);
  let key = Buffer.alloc(0);
  const gotBytes = (bytes: Buffer): void => {
    key = Buffer.concat([key, bytes]);
    if (key.length < PUBLIC_KEY_LENGTH) return;
    socket.off('data', gotBytes);
    const secret = pair.secretWith(key.subarray(0, PUBLIC_KEY_LENGTH));
    const offer = Buffer.concat([Buffer.alloc(8, 1), Buffer.of(0, 0, 0, CRYPTO.rc4), Buffer.alloc(4)]);
    socket.write(Buffer.concat([req1(secret), xor(req2(skey), req3(secret)), dialledCipher(secret, skey).copy(offer)]));
  };
  socket.on('data', gotBytes);
};

const says =
  (length: number): Act =>
  (socket) => {
    if (length > 0) socket.write(Buffer.concat([pair.publicKey, randomBytes(512)]).subarray(0, length));
  };

const ACTS: Readonly<Record<string, readonly Act[]>> = {
  mixed: [says(0), says(1), says(95), says(96), says(96 + 512), liesBehindTheKey],
  keys: [says(96)],
};

const acts = ACTS[kind];
if (acts === undefined) throw new Error(`no such kind: ${kind}`);

function dialFrom(localAddress: string): void {
  const act = (acts as readonly Act[])[count % (acts as readonly Act[]).length] as Act;
  count += 1;
  const socket = connect({ host, port: Number(port), localAddress });
  socket.on('error', () => undefined);
  socket.on('data', ({ length }) => {
    heard += length;
  });
  socket.on('connect', () => act(socket));
  socket.once('close', () => setImmediate(dialFrom, localAddress));
}

for (const address of ownHosts) for (let at = 0; at < AT_ONCE; at += 1) dialFrom(address);
process.stdout.write('dialling\n');
process.on('SIGINT', () => {
  const enough = setInterval(() => {
    if (count < Number(least)) return;
    clearInterval(enough);
    process.stdout.write(`sent ${count}, heard ${heard}\n`, () => process.exit(0));
  }, 10);
});
