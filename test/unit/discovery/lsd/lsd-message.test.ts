import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { announceCapacity, decodeLsdAnnounce, encodeLsdAnnounce } from '../../../../src/discovery/lsd/lsd-message.js';

const HASH = 'aa'.repeat(20);

function decode(...lines: string[]) {
  return decodeLsdAnnounce(Buffer.from(`${lines.join('\r\n')}\r\n\r\n\r\n`, 'latin1'));
}

test('an announce has the form that BEP 14 gives', () => {
  const announce = { port: 6881, infoHashes: [Buffer.alloc(20, 0xaa)], cookie: 'c0' };
  const text = `BT-SEARCH * HTTP/1.1\r\nHost: 239.192.152.143:6771\r\nPort: 6881\r\nInfohash: ${HASH}\r\ncookie: c0\r\n\r\n\r\n`;
  assert.equal(encodeLsdAnnounce(4, announce).toString(), text);
  assert.match(encodeLsdAnnounce(6, announce).toString(), /^Host: \[ff15::efc0:988f\]:6771\r$/m);
});

test('every encoded announce fits a packet and decodes to the same announce', () => {
  const hashes = fc.uniqueArray(fc.uint8Array({ minLength: 20, maxLength: 20 }), {
    minLength: 1,
    maxLength: announceCapacity(6, 'cookie'),
    selector: (bytes) => Buffer.from(bytes).toString('hex'),
  });
  fc.assert(
    fc.property(
      hashes,
      fc.integer({ min: 1, max: 65_535 }),
      fc.constantFrom(4, 6) as fc.Arbitrary<4 | 6>,
      (list, port, family) => {
        const announce = { port, infoHashes: list.map((bytes) => Buffer.from(bytes)), cookie: 'cookie' };
        const bytes = encodeLsdAnnounce(family, announce);
        assert.ok(bytes.length <= 1400);
        assert.deepEqual(decodeLsdAnnounce(bytes), announce);
      },
    ),
  );
});

test('an announce is read in any case and order, with bare line feeds, unknown headers or no cookie', () => {
  const bytes = `bt-search * http/1.1\nX-Y: z\nINFOHASH:${HASH.toUpperCase()}\nport: 51413\nHost: x\n\n`;
  assert.deepEqual(decodeLsdAnnounce(Buffer.from(bytes)), {
    port: 51_413,
    infoHashes: [Buffer.alloc(20, 0xaa)],
    cookie: null,
  });
});

test('an info-hash that is named twice counts once, and an invalid one is ignored', () => {
  const found = decode('BT-SEARCH * HTTP/1.1', 'Port: 1', `Infohash: ${HASH}`, `Infohash: ${HASH}`, 'Infohash: zz');
  assert.equal(found?.infoHashes.length, 1);
});

for (const [what, lines] of [
  ['another request line', ['M-SEARCH * HTTP/1.1', 'Port: 1', `Infohash: ${HASH}`]],
  ['no port', ['BT-SEARCH * HTTP/1.1', `Infohash: ${HASH}`]],
  ['port 0', ['BT-SEARCH * HTTP/1.1', 'Port: 0', `Infohash: ${HASH}`]],
  ['port 65536', ['BT-SEARCH * HTTP/1.1', 'Port: 65536', `Infohash: ${HASH}`]],
  ['a port that is no number', ['BT-SEARCH * HTTP/1.1', 'Port: 0x50', `Infohash: ${HASH}`]],
  ['no info-hash', ['BT-SEARCH * HTTP/1.1', 'Port: 1', 'Infohash: abc']],
] as const) {
  test(`a datagram with ${what} is no announce`, () => assert.equal(decode(...lines), undefined));
}

test('a datagram of ten thousand info-hashes is not read', () => {
  const many = Array.from({ length: 10_000 }, (_, index) => `Infohash: ${index.toString(16).padStart(40, '0')}`);
  assert.equal(decode('BT-SEARCH * HTTP/1.1', 'Port: 1', ...many), undefined);
});

test('no datagram makes decoding throw', () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 3000 }), (bytes) => void decodeLsdAnnounce(Buffer.from(bytes))));
  const words = fc.constantFrom(
    'BT-SEARCH * HTTP/1.1',
    '\r\n',
    ':',
    'Port: 1',
    `Infohash: ${HASH}`,
    '\n',
    '',
    'cookie:',
  );
  fc.assert(fc.property(fc.array(words), (parts) => void decodeLsdAnnounce(Buffer.from(parts.join('')))));
});
