import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { contactAt } from '../../../../src/discovery/dht/contact.js';
import { decodeState, encodeState } from '../../../../src/discovery/dht/dht-state.js';
import { ExternalAddress } from '../../../../src/discovery/dht/external-address.js';
import { BloomFilter, PeerStore } from '../../../../src/discovery/dht/peer-store.js';
import { Allowance, SourceGuard } from '../../../../src/discovery/dht/source-guard.js';
import { type IpAddress, parseIp } from '../../../../src/net/ip-address.js';
import { seededRandom } from '../../../support/simulation/seeded-random.js';

const ip = (text: string) => parseIp(text) as IpAddress;

test('the example of BEP 33 gives the filter that it states', () => {
  const filter = new BloomFilter();
  for (let number = 0; number < 256; number += 1) filter.add(ip(`192.0.2.${number}`).bytes);
  for (let number = 0; number < 1000; number += 1) filter.add(ip(`2001:db8::${number.toString(16)}`).bytes);
  const expected =
    'F6C3F5EA A07FFD91 BDE89F77 7F26FB2B FF37BDB8 FB2BBAA2 FD3DDDE7 BACFFF75 EE7CCBAE' +
    'FE5EEDB1 FBFAFF67 F6ABFF5E 43DDBCA3 FD9B9FFD F4FFD3E9 DFF12D1B DF59DB53 DBE9FA5B' +
    '7FF3B8FD FCDE1AFB 8BEDD7BE 2F3EE71E BBBFE93B CDEEFE14 8246C2BC 5DBFF7E7 EFDCF24F' +
    'D8DC7ADF FD8FFFDF DDFFF7A4 BBEEDF5C B95CE81F C7FCFF1F F4FFFFDF E5F7FDCB B7FD79B3' +
    'FA1FC77B FE07FFF9 05B7B7FF C7FEFEFF E0B8370B B0CD3F5B 7F2BD93F EB4386CF DD6F7FD5' +
    'BFAF2E9E BFFFFEEC D67ADBF7 C67F17EF D5D75EBA 6FFEBA7F FF47A91E B1BFBB53 E8ABFB57' +
    '62ABE8FF 237279BF EFBFEEF5 FFC5FEBF DFE5ADFF ADFEE1FB 737FFFFB FD9F6AEF FEEE76B6' +
    'FD8F72EF';
  assert.equal(filter.bytes.toString('hex'), expected.replaceAll(' ', '').toLowerCase());
});

test('whatever is announced, the store stays within its limits', () => {
  const options = { lifetime: 1000, maxTorrents: 5, maxPeers: 10, maxTotal: 25, maxPeersOfHost: 3 };
  const announce = fc.record({
    torrent: fc.nat(9),
    host: fc.nat(15),
    port: fc.integer({ min: 1, max: 6 }),
    wait: fc.nat(100),
  });
  fc.assert(
    fc.property(fc.array(announce, { maxLength: 200 }), (announces) => {
      const store = new PeerStore(seededRandom(1), options);
      let now = 0;
      for (const { torrent, host, port, wait } of announces) {
        now += wait;
        const infoHash = Buffer.alloc(20, torrent);
        store.add(infoHash, { host: `192.0.2.${host}`, port }, false, now);
        const peers = store.sample(infoHash, 99, false, now);
        assert.ok(peers.some((peer) => peer.readUInt8(3) === host && peer.readUInt16BE(4) === port));
        assert.ok(peers.length <= 10);
        assert.ok(peers.filter((peer) => peer.readUInt8(3) === host).length <= 3);
        assert.ok(store.torrentCount <= 5 && store.peerCount <= 25);
      }
      store.expire(now + 1001);
      assert.deepEqual([store.torrentCount, store.peerCount], [0, 0]);
    }),
  );
});

test('a sample is random, and has each peer at most once', () => {
  const store = new PeerStore(seededRandom(1), {
    lifetime: 1000,
    maxTorrents: 5,
    maxPeers: 100,
    maxTotal: 100,
    maxPeersOfHost: 3,
  });
  const infoHash = Buffer.alloc(20);
  for (let number = 0; number < 50; number += 1) store.add(infoHash, { host: `192.0.2.${number}`, port: 1 }, false, 0);
  const seen = new Set<string>();
  for (let times = 0; times < 50; times += 1) {
    const sample = store.sample(infoHash, 10, false, 0).map((peer) => peer.toString('hex'));
    assert.equal(new Set(sample).size, 10);
    for (const peer of sample) seen.add(peer);
  }
  assert.equal(seen.size, 50);
});

test('a host that sends a thousand packets a second is blocked for five minutes, and other hosts are not', () => {
  const guard = new SourceGuard();
  let admitted = 0;
  for (let sent = 0; sent < 10_000; sent += 1) if (guard.admits('192.0.2.1', sent)) admitted += 1;
  assert.equal(admitted, 100);
  assert.ok(guard.admits('192.0.2.2', 10_000));
  assert.equal(guard.admits('192.0.2.1', 300_000), false);
  assert.ok(guard.admits('192.0.2.1', 320_000));
});

test('a host that sends twenty packets a second is never blocked, and a /64 counts as one host', () => {
  const guard = new SourceGuard();
  for (let sent = 0; sent < 10_000; sent += 1) assert.ok(guard.admits('192.0.2.1', sent * 50));
  const admitted = Array.from({ length: 200 }, (_, number) => guard.admits(`2001:db8::${number.toString(16)}`, 0));
  assert.equal(admitted.filter(Boolean).length, 100);
});

test('packets from very many forged addresses do not fill the memory', () => {
  const guard = new SourceGuard();
  const before = process.memoryUsage().heapUsed;
  for (let number = 0; number < 300_000; number += 1) {
    guard.admits(`${number >>> 16}.${(number >>> 8) & 255}.${number & 255}.1`, number / 1000);
  }
  assert.ok(process.memoryUsage().heapUsed - before < 50_000_000);
});

test('an allowance gives what has been saved up, within its limit', () => {
  const allowance = new Allowance(10, 5, 0);
  const taken = (now: number) => Array.from({ length: 20 }, () => allowance.take(1, now)).filter(Boolean).length;
  assert.deepEqual([taken(0), taken(0), taken(200), taken(60_000)], [5, 0, 2, 5]);
});

test('our address is the one that at least five networks, and more than half of all, have seen', () => {
  const external = new ExternalAddress();
  const votes = ['8.1.0.1', '8.2.0.1', '8.3.0.1', '8.4.0.1', '8.4.0.2', '8.5.0.1'].map((teller) =>
    external.vote(ip(teller), '203.0.113.7'),
  );
  assert.deepEqual(votes, [false, false, false, false, false, true]);
  assert.equal(external.elected?.text, '203.0.113.7');
  for (let number = 0; number < 5; number += 1)
    assert.equal(external.vote(ip(`9.${number}.0.1`), '198.51.100.1'), false);
  assert.ok(external.vote(ip('9.9.0.1'), '198.51.100.1'));
  assert.equal(external.vote(ip('9.9.0.1'), '0.0.0.0'), false);
});

test('a saved state reads back the same', () => {
  const state = {
    ipv4: { id: Buffer.alloc(20, 1), contacts: [contactAt(Buffer.alloc(20, 2), { host: '192.0.2.1', port: 1 })] },
    ipv6: { id: Buffer.alloc(20, 3), contacts: [contactAt(Buffer.alloc(20, 4), { host: '2001:db8::1', port: 1 })] },
  };
  assert.deepEqual(decodeState(encodeState(state)), state);
  assert.deepEqual(decodeState(encodeState({ ...state, ipv4: null })), { ...state, ipv4: null });
});

test('a damaged state never throws, and what cannot be read is null', () => {
  const nothing = { ipv4: null, ipv6: null };
  assert.deepEqual(decodeState(Buffer.alloc(0)), nothing);
  assert.deepEqual(decodeState(Buffer.from('d2:id3:abc5:nodes3:abce')), nothing);
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => decodeState(Buffer.from(bytes)) !== undefined));
});
