import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { decodeUdpAnswer, encodeUdpAnswer, type UdpTrackerAnswer } from '../../../src/wire/udp-tracker-answer.js';
import {
  decodeUdpRequest,
  encodeUdpRequest,
  MAX_SCRAPED,
  type UdpAnnounce,
  type UdpTrackerRequest,
} from '../../../src/wire/udp-tracker-request.js';

const hex = (digits: string) => Buffer.from(digits.replaceAll(/\s/g, ''), 'hex');
const ID = hex('0102030405060708');

const ANNOUNCE: UdpAnnounce = {
  kind: 'announce',
  connectionId: ID,
  transactionId: 0xdeadbeef,
  infoHash: Buffer.alloc(20, 'h'),
  peerId: Buffer.alloc(20, 'p'),
  downloaded: 1,
  left: 2 ** 40,
  uploaded: 3,
  event: 'started',
  ip: null,
  key: 0xfedcba98,
  numwant: null,
  port: 6881,
  urlData: '/announce?key=1',
};

test('requests have the layout of BEP 15, with BEP 41 after it', () => {
  assert.deepEqual(
    encodeUdpRequest({ kind: 'connect', transactionId: 0x01020304 }),
    hex('0000041727101980 00000000 01020304'),
  );
  assert.deepEqual(
    encodeUdpRequest(ANNOUNCE),
    hex(`0102030405060708 00000001 deadbeef ${'68'.repeat(20)} ${'70'.repeat(20)} 0000000000000001 0000010000000000
       0000000000000003 00000002 00000000 fedcba98 ffffffff 1ae1 020f 2f616e6e6f756e63653f6b65793d31`),
  );
  assert.deepEqual(
    encodeUdpRequest({ kind: 'scrape', connectionId: ID, transactionId: 5, infoHashes: [ANNOUNCE.infoHash] }),
    hex(`0102030405060708 00000002 00000005 ${'68'.repeat(20)}`),
  );
});

test('answers have the layout of BEP 15', () => {
  const rows: readonly [UdpTrackerAnswer, string][] = [
    [{ kind: 'connect', transactionId: 7, connectionId: ID }, '00000000 00000007 0102030405060708'],
    [
      { kind: 'announce', transactionId: 7, interval: 1800, leeches: 2, seeds: 3, peers: hex('c00002011ae1') },
      '00000001 00000007 00000708 00000002 00000003 c0000201 1ae1',
    ],
    [
      { kind: 'scrape', transactionId: 7, counts: [{ seeds: 1, downloaded: 2, leeches: 3 }] },
      '00000002 00000007 00000001 00000002 00000003',
    ],
    [{ kind: 'error', transactionId: 7, message: Buffer.from('no') }, '00000003 00000007 6e6f'],
  ];
  for (const [answer, bytes] of rows) {
    assert.deepEqual(encodeUdpAnswer(answer), hex(bytes));
    assert.deepEqual(decodeUdpAnswer(hex(bytes)), answer);
  }
});

test('a datagram that is too short or of an unknown action is no message; of a long one the known part is read', () => {
  const connect = encodeUdpRequest({ kind: 'connect', transactionId: 1 });
  const announce = encodeUdpRequest({ ...ANNOUNCE, urlData: '' });
  for (const whole of [connect, announce]) {
    for (let length = 0; length < whole.length; length += 1) {
      assert.equal(decodeUdpRequest(whole.subarray(0, length)), undefined, `${length} of ${whole.length}`);
    }
  }
  assert.equal(decodeUdpRequest(Buffer.concat([Buffer.alloc(8), connect.subarray(8)])), undefined, 'another protocol');
  assert.equal(decodeUdpRequest(hex('0102030405060708 00000004 00000001')), undefined);
  assert.deepEqual(decodeUdpRequest(Buffer.concat([connect, ID])), { kind: 'connect', transactionId: 1 });
  for (const answer of ['00000000 00000007 01020304050607', '00000001 00000007 0000000000000000000000', '0000000000']) {
    assert.equal(decodeUdpAnswer(hex(answer)), undefined, answer);
  }
  assert.equal(decodeUdpAnswer(hex('00000004 00000007 00000000')), undefined);
  assert.deepEqual(decodeUdpAnswer(hex('00000000 00000007 0102030405060708 ff')), {
    kind: 'connect',
    transactionId: 7,
    connectionId: ID,
  });
});

test('an event that BEP 15 does not have is read as none, and a negative number of peers as not stated', () => {
  const data = encodeUdpRequest({ ...ANNOUNCE, event: 'stopped', numwant: 7, ip: '192.0.2.1', urlData: '' });
  const read = () => decodeUdpRequest(data) as UdpAnnounce;
  assert.deepEqual([read().event, read().numwant, read().ip], ['stopped', 7, '192.0.2.1']);
  data.writeUInt32BE(4, 80);
  data.writeInt32BE(-2, 92);
  data.writeUInt32BE(0, 84);
  assert.deepEqual([read().event, read().numwant, read().ip], [null, null, null]);
});

test('of the options behind an announce the URL parts are joined, unknown ones skipped, and a cut one ends all', () => {
  const plain = encodeUdpRequest({ ...ANNOUNCE, urlData: '' });
  const urlDataOf = (options: string) =>
    (decodeUdpRequest(Buffer.concat([plain, hex(options)])) as UdpAnnounce).urlData;
  const rows: readonly [string, string][] = [
    ['', ''],
    ['02 01 2f', '/'],
    ['01 02 01 2f 01 02 02 6162', '/ab'],
    ['02 01 2f 00 02 01 61', '/'],
    ['05 03 ffffff 02 01 2f', '/'],
    ['02 01 2f 02 05 6161', '/'],
    ['02', ''],
    ['02 00', ''],
  ];
  for (const [options, urlData] of rows) assert.equal(urlDataOf(options), urlData, options);
  assert.equal(urlDataOf('02ff'.concat('61'.repeat(255)).repeat(250)).length, 4096);
});

const uint32 = fc.nat({ max: 0xffff_ffff });
const bytes = (length: number) =>
  fc.uint8Array({ minLength: length, maxLength: length }).map((array) => Buffer.from(array));
const anyRequest: fc.Arbitrary<UdpTrackerRequest> = fc.oneof(
  fc.record({ kind: fc.constant('connect' as const), transactionId: uint32 }),
  fc.record({
    kind: fc.constant('announce' as const),
    connectionId: bytes(8),
    transactionId: uint32,
    infoHash: bytes(20),
    peerId: bytes(20),
    downloaded: fc.maxSafeNat(),
    left: fc.maxSafeNat(),
    uploaded: fc.maxSafeNat(),
    event: fc.constantFrom('started' as const, 'completed' as const, 'stopped' as const, null),
    ip: fc.constantFrom(null, '192.0.2.1', '255.255.255.255'),
    key: uint32,
    numwant: fc.oneof(fc.constant(null), fc.nat()),
    port: fc.nat({ max: 65_535 }),
    urlData: fc.webPath().map((path) => path.slice(0, 4096)),
  }),
  fc.record({
    kind: fc.constant('scrape' as const),
    connectionId: bytes(8),
    transactionId: uint32,
    infoHashes: fc.array(bytes(20), { maxLength: MAX_SCRAPED }),
  }),
);

test('every request is read as it was written', () => {
  fc.assert(
    fc.property(anyRequest, (request) => {
      assert.deepEqual(decodeUdpRequest(encodeUdpRequest(request)), { ...request });
    }),
  );
});

test('any bytes are read without an exception, within the limits', () => {
  const noise = fc.uint8Array({ maxLength: 3000 }).map((array) => Buffer.from(array));
  const framed = fc.tuple(fc.nat({ max: 4 }), noise).map(([action, data]) => {
    if (data.length >= 12) data.writeUInt32BE(action, 8);
    return data;
  });
  fc.assert(
    fc.property(framed, (data) => {
      const request = decodeUdpRequest(data);
      if (request?.kind === 'scrape') assert.ok(request.infoHashes.length <= MAX_SCRAPED);
      if (data.length >= 4) data.writeUInt32BE((data[3] ?? 0) % 5);
      const answer = decodeUdpAnswer(data);
      if (answer?.kind === 'scrape') assert.ok(answer.counts.length <= MAX_SCRAPED);
      if (answer !== undefined && answer.kind !== 'scrape') {
        assert.deepEqual(encodeUdpAnswer(answer), data.subarray(0, answer.kind === 'connect' ? 16 : data.length));
      }
    }),
  );
});
