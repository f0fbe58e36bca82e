import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ipOfBytes } from '../../src/net/ip-address.js';
import { type ProxyAnswer, ProxyHandshake } from '../../src/net/proxy/proxy-handshake.js';
import {
  decodeSocksDatagram,
  decodeSocksReply,
  encodeSocksDatagram,
  encodeSocksRequest,
  isSocksAddress,
  type SocksAddress,
} from '../../src/net/proxy/socks5.js';
import { httpHead, reply } from '../support/fakes/fake-proxy.js';
import { seededRandom } from '../support/simulation/seeded-random.js';
import { splits } from '../support/splits.js';

const MUTANTS = 6_000;
const LOGIN = { user: 'user', password: 'hunter2' };

const socks = (...parts: readonly (Buffer | string)[]): Buffer =>
  Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part, 'hex') : part)));
const STREAMS = {
  socks5: [
    socks('0500', reply(0)),
    socks('0502', '0100', reply(0, Buffer.from(`04${'20'.repeat(16)}`, 'hex'), 9)),
    socks('0500', reply(0, Buffer.from('0304686f7374', 'hex'), 9)),
    socks('0502', '0100', reply(5)),
  ],
  http: [
    httpHead('200 OK'),
    socks(httpHead('100 Continue'), httpHead('200 OK')),
    Buffer.from('HTTP/1.0 200\nVia: x\n\n'),
    httpHead('407 Proxy Authentication Required'),
  ],
} as const;
const WORDS = [
  '\r\n',
  '\n',
  '\r',
  ' ',
  '\x05',
  '\x00',
  '\x01',
  '\x03',
  '\x04',
  '\xff',
  'HTTP/1.1 ',
  '200',
  '100',
  '\r\n\r\n',
];

/** What comes of what a proxy says: the answer, what we said, and what is of the host. */
function told(kind: 'socks5' | 'http', parts: readonly Buffer[]) {
  const sent: string[] = [];
  const server = { kind, host: 'p', port: 1, credentials: LOGIN, shown: 'p:1' };
  const target = { host: '192.0.2.1', port: 80 };
  const handshake = new ProxyHandshake(server, 'connect', target, (bytes) => sent.push(bytes.toString('latin1')));
  handshake.begin();
  let answer: ProxyAnswer | null = null;
  let rest = '';
  for (const part of parts) {
    if (answer === null) {
      answer = handshake.dataCameIn(part);
      if (answer?.ok === true) rest = answer.rest.toString('latin1');
    } else rest += part.toString('latin1');
  }
  if (answer?.ok === true) return { sent, rest, bound: answer.bound, failure: null };
  return { sent, rest: null, bound: null, failure: answer?.failure ?? null };
}

test('however a proxy cuts what it says, right or wrong, the same comes of it', () => {
  const random = seededRandom(1);
  for (const kind of ['socks5', 'http'] as const) {
    const ends = { passed: 0, failed: 0, waiting: 0 };
    for (let mutant = 0; mutant < MUTANTS; mutant += 1) {
      let stream: Buffer = Buffer.concat([STREAMS[kind][mutant % 4] ?? assert.fail(), Buffer.from('\x13BitTorrent')]);
      for (let changes = random.below(3); changes > 0; changes -= 1) {
        const at = random.below(stream.length + 1);
        const word = Buffer.from(WORDS[random.below(WORDS.length)] ?? '', 'latin1');
        const put = [word, random.bytes(random.below(3)), Buffer.alloc(0)][random.below(3)] ?? word;
        stream = Buffer.concat([stream.subarray(0, at), put, stream.subarray(at + random.below(4))]);
      }
      if (random.below(20) === 0) stream = Buffer.from(random.bytes(60));
      const [whole, ...cut] = splits(stream, random, 3).map((parts) => told(kind, parts));
      assert.ok(whole !== undefined);
      for (const other of cut) assert.deepEqual(other, whole, stream.toString('hex'));
      assert.ok(!JSON.stringify(whole.failure).includes(LOGIN.password));
      if (whole.rest !== null) {
        ends.passed += 1;
        // What is of the host is the end of what came, byte by byte.
        assert.ok(stream.toString('latin1').endsWith(whole.rest));
      } else if (whole.failure === null) ends.waiting += 1;
      else ends.failed += 1;
    }
    for (const [end, count] of Object.entries(ends)) assert.ok(count > MUTANTS / 200, `${kind} ${end} ${count}`);
  }
});

test('an address that may stand in a message is read back as it was written, and no other byte with it', () => {
  const random = seededRandom(2);
  for (let round = 0; round < 5_000; round += 1) {
    const name = Buffer.alloc(1 + random.below(255), 0).map(() => 0x21 + random.below(0x5e));
    const bytes = random.bytes(random.below(2) === 0 ? 4 : 16);
    const host = random.below(2) === 0 ? ipOfBytes(Buffer.from(bytes)).text : Buffer.from(name).toString('latin1');
    const address: SocksAddress = { host, port: random.below(65_537) };
    if (!isSocksAddress(address)) continue;
    const data = Buffer.from(random.bytes(random.below(50)));
    assert.deepEqual(decodeSocksDatagram(encodeSocksDatagram(address, data)), { from: address, data });
    // A reply has the form of a request, but that its second byte is a code.
    const request = encodeSocksRequest('connect', address);
    request[1] = 0;
    const answer = Buffer.concat([request, data]);
    assert.deepEqual(decodeSocksReply(answer), { code: 0, bound: address, length: request.length });
  }
});

test('a datagram of a relay is read whole or not at all, and never throws', () => {
  const random = seededRandom(3);
  let read = 0;
  for (let round = 0; round < 20_000; round += 1) {
    const datagram = Buffer.from(random.bytes(random.below(40)));
    if (random.below(2) === 0 && datagram.length > 3) datagram.set([0, 0, 0, [1, 3, 4][random.below(3)] ?? 1]);
    const unpacked = decodeSocksDatagram(datagram);
    if (unpacked === undefined) continue;
    read += 1;
    assert.equal(datagram[2], 0);
    assert.ok(datagram.subarray(datagram.length - unpacked.data.length).equals(unpacked.data));
    const again = encodeSocksDatagram(unpacked.from, unpacked.data);
    if (datagram[3] === 1) assert.deepEqual(again.subarray(3), datagram.subarray(3));
  }
  assert.ok(read > 1_000, `${read}`);
});
