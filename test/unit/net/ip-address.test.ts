import assert from 'node:assert/strict';
import { SocketAddress } from 'node:net';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  decodeCompact,
  encodeCompact,
  ipOfBytes,
  isLinkLocal,
  isLoopback,
  isMulticast,
  isPrivate,
  isUnicast,
  isUnspecified,
  normaliseHost,
  parseIp,
} from '../../../src/net/ip-address.js';

const KINDS = { isLinkLocal, isLoopback, isMulticast, isPrivate, isUnicast, isUnspecified };

/** The kinds that an address belongs to. */
function kindsOf(text: string): string {
  const address = parseIp(text);
  assert.ok(address, text);
  return Object.entries(KINDS)
    .filter(([, is]) => is(address))
    .map(([name]) => name.slice(2))
    .join(' ');
}

describe('parseIp', () => {
  it('gives every address one spelling', () => {
    for (const [text, spelling] of [
      ['192.0.2.1', '192.0.2.1'],
      ['::ffff:192.0.2.1', '192.0.2.1'],
      ['::FFFF:c000:0201', '192.0.2.1'],
      ['0:0:0:0:0:ffff:7f00:1', '127.0.0.1'],
      ['::', '::'],
      ['0:0:0:0:0:0:0:0', '::'],
      ['::1', '::1'],
      ['1::', '1::'],
      ['::192.0.2.1', '::c000:201'],
      ['64:ff9b::192.0.2.1', '64:ff9b::c000:201'],
      // The examples of RFC 5952.
      ['2001:0db8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
      ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
      ['2001:db8::1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
      ['2001:0:0:1:0:0:0:1', '2001:0:0:1::1'],
      ['2001:DB8::AAAA', '2001:db8::aaaa'],
      ['fe80::1%eth0', 'fe80::1%eth0'],
    ] as const) {
      assert.equal(normaliseHost(text), spelling, text);
    }
  });

  it('refuses other texts that a system may take for an address', () => {
    for (const text of [
      '',
      ' 127.0.0.1',
      '127.1',
      '2130706433',
      '0x7f000001',
      '0177.0.0.1',
      '127.0.0.01',
      '256.0.0.1',
      '1.2.3.4.5',
      '[::1]',
      '::1%lo',
      '2001:db8::1%eth0',
      '::ffff:127.0.0.1%lo',
      ':::',
      '1::2::3',
      '12345::',
      'localhost',
      '127.0.0.1\n',
      '1.2.3.4\0',
    ]) {
      assert.equal(parseIp(text), undefined, JSON.stringify(text));
    }
  });

  it('reads back what it writes, as the system does', () => {
    const bytes = fc.oneof(
      fc.uint8Array({ minLength: 4, maxLength: 4 }),
      fc.uint8Array({ minLength: 16, maxLength: 16 }),
      fc.array(fc.constantFrom(0, 0, 0, 1, 255), { minLength: 16, maxLength: 16 }).map((list) => Uint8Array.from(list)),
    );
    fc.assert(
      fc.property(bytes, (list) => {
        const address = ipOfBytes(Buffer.from(list));
        assert.deepEqual(parseIp(address.text), address);
        const family = address.family === 4 ? 'ipv4' : 'ipv6';
        const bySystem = new SocketAddress({ address: address.text, family }).address;
        assert.equal(normaliseHost(bySystem), address.text);
      }),
    );
  });

  it('never throws, and takes a text exactly when it is an address', () => {
    fc.assert(fc.property(fc.oneof(fc.string(), fc.ipV4(), fc.ipV6()), (text) => void parseIp(text)));
    fc.assert(fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), (text) => parseIp(text) !== undefined));
  });

  it('keeps a copy of the bytes that it is given', () => {
    const bytes = Buffer.from([192, 0, 2, 1]);
    const address = ipOfBytes(bytes);
    bytes.fill(0);
    assert.deepEqual([...address.bytes], [192, 0, 2, 1]);
    assert.throws(() => ipOfBytes(Buffer.alloc(5)), RangeError);
  });
});

describe('the kinds of addresses', () => {
  for (const [text, kinds] of [
    ['127.0.0.1', 'Loopback Unicast'],
    ['127.255.255.255', 'Loopback Unicast'],
    ['::1', 'Loopback Unicast'],
    ['::ffff:127.0.0.1', 'Loopback Unicast'],
    ['126.255.255.255', 'Unicast'],
    ['128.0.0.0', 'Unicast'],
    ['::2', 'Unicast'],
    ['100::1', 'Unicast'],
    ['0.0.0.0', 'Unspecified'],
    ['0.1.2.3', 'Unspecified'],
    ['::', 'Unspecified'],
    ['169.254.169.254', 'LinkLocal Unicast'],
    ['fe80::1', 'LinkLocal Unicast'],
    ['febf::1', 'LinkLocal Unicast'],
    ['fec0::1', 'Private Unicast'],
    ['10.1.2.3', 'Private Unicast'],
    ['172.16.0.0', 'Private Unicast'],
    ['172.31.255.255', 'Private Unicast'],
    ['172.15.255.255', 'Unicast'],
    ['172.32.0.0', 'Unicast'],
    ['192.168.0.1', 'Private Unicast'],
    ['192.169.0.1', 'Unicast'],
    ['100.64.0.1', 'Private Unicast'],
    ['100.128.0.1', 'Unicast'],
    ['fc00::1', 'Private Unicast'],
    ['fdff::1', 'Private Unicast'],
    ['fe00::1', 'Unicast'],
    ['224.0.0.1', 'Multicast'],
    ['239.255.255.255', 'Multicast'],
    ['240.0.0.1', ''],
    ['255.255.255.255', ''],
    ['ff02::1', 'Multicast'],
    ['2001:db8::1', 'Unicast'],
  ] as const) {
    it(`${text} is ${kinds === '' ? 'of no special kind' : kinds}`, () => assert.equal(kindsOf(text), kinds));
  }
});

describe('compact addresses', () => {
  it('come back as they went in', () => {
    const address = fc
      .tuple(fc.oneof(fc.ipV4(), fc.ipV6()), fc.integer({ min: 1, max: 65_535 }))
      .map(([text, port]) => ({ host: normaliseHost(text) as string, port }));
    fc.assert(
      fc.property(address, (peer) => {
        const compact = encodeCompact(peer);
        assert.ok(compact);
        assert.equal(compact.length, peer.host.includes(':') ? 18 : 6);
        assert.deepEqual(decodeCompact(compact, compact.length === 6 ? 4 : 6), peer);
      }),
    );
  });

  it('are as BEP 23 and BEP 7 write them', () => {
    assert.equal(encodeCompact({ host: '192.0.2.1', port: 6881 })?.toString('hex'), 'c00002011ae1');
    assert.equal(
      encodeCompact({ host: '2001:db8::1', port: 6881 })?.toString('hex'),
      '20010db80000000000000000000000011ae1',
    );
  });

  it('are not made of a name, and not read from too few bytes or with port 0', () => {
    assert.equal(encodeCompact({ host: 'a.example', port: 1 }), undefined);
    assert.equal(decodeCompact(Buffer.from('c00002010000', 'hex'), 4), undefined);
    assert.equal(decodeCompact(Buffer.from('c00002011a', 'hex'), 4), undefined);
    assert.equal(decodeCompact(Buffer.alloc(17, 1), 6), undefined);
  });

  it('are read from the first bytes of a longer buffer', () => {
    const two = Buffer.from('c00002011ae1c00002021ae1', 'hex');
    assert.deepEqual(decodeCompact(two.subarray(6), 4), { host: '192.0.2.2', port: 6881 });
    assert.deepEqual(decodeCompact(two, 4), { host: '192.0.2.1', port: 6881 });
  });
});
