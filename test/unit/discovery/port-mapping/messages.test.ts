import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  decodeNatPmpAnswer,
  encodeNatPmpAddress,
  encodeNatPmpMap,
} from '../../../../src/discovery/port-mapping/nat-pmp.js';
import { decodePcpAnswer, encodePcpMap } from '../../../../src/discovery/port-mapping/pcp.js';
import { decodeSearchAnswer, encodeSearch, gatewayUrl } from '../../../../src/discovery/port-mapping/ssdp-search.js';

const NONCE = Buffer.from('0102030405060708090a0b0c', 'hex');
const hex = (text: string): Buffer => Buffer.from(text.replaceAll(/\s/g, ''), 'hex');

test('a MAP request of PCP has the layout of RFC 6887', () => {
  const request = { lifetime: 3600, client: '192.168.1.2', nonce: NONCE, transport: 'tcp', port: 6881 } as const;
  const expected = hex(`02 01 0000 00000e10 00000000000000000000ffffc0a80102
    0102030405060708090a0b0c 06 000000 1ae1 1ae1 00000000000000000000ffff00000000`);
  assert.deepEqual(encodePcpMap(request), expected);
  const wide = encodePcpMap({ ...request, client: '2001:db8::2', transport: 'udp', lifetime: 0 });
  assert.equal(wide.toString('hex', 4, 24), '0000000020010db8000000000000000000000002');
  assert.equal(wide[36], 17);
  assert.equal(wide.toString('hex', 44), '0'.repeat(32));
});

test('an answer of PCP is read, with success or with an error', () => {
  const answer = hex(`02 81 00 00 00000708 00000001 000000000000000000000000
    0102030405060708090a0b0c 06 000000 1ae1 1ae2 00000000000000000000ffffcb007105`);
  const expected = {
    kind: 'map',
    nonce: NONCE,
    transport: 'tcp',
    port: 6881,
    result: 0,
    lifetime: 1800,
    externalPort: 6882,
    externalHost: '203.0.113.5',
  } as const;
  assert.deepEqual(decodePcpAnswer(answer), expected);
  answer[3] = 8;
  assert.deepEqual(decodePcpAnswer(answer), { ...expected, result: 8 });
  assert.equal(decodePcpAnswer(answer.subarray(0, 59)), undefined);
  assert.equal(decodePcpAnswer(Buffer.concat([answer, Buffer.alloc(1100)])), undefined);
});

test('a gateway that speaks only NAT-PMP answers that it does not know the version of PCP', () => {
  assert.deepEqual(decodePcpAnswer(hex('00 81 0001 00000010 00000000')), { kind: 'unsupported-version' });
});

test('requests of NAT-PMP have the layout of RFC 6886', () => {
  assert.deepEqual(encodeNatPmpAddress(), hex('0000'));
  assert.deepEqual(encodeNatPmpMap('udp', 6881, 3600), hex('00 01 0000 1ae1 1ae1 00000e10'));
  assert.deepEqual(encodeNatPmpMap('tcp', 6881, 0), hex('00 02 0000 1ae1 0000 00000000'));
});

test('answers of NAT-PMP are read, and a short one only when it is an error', () => {
  assert.deepEqual(decodeNatPmpAnswer(hex('00 80 0000 00000001 cb007105')), {
    kind: 'address',
    result: 0,
    externalHost: '203.0.113.5',
  });
  const mapped = { kind: 'map', transport: 'tcp', result: 0, port: 6881, externalPort: 6882, lifetime: 1800 } as const;
  assert.deepEqual(decodeNatPmpAnswer(hex('00 82 0000 00000001 1ae1 1ae2 00000708')), mapped);
  assert.deepEqual(decodeNatPmpAnswer(hex('00 81 0002 00000001')), {
    ...mapped,
    transport: 'udp',
    result: 2,
    port: 0,
    externalPort: 0,
    lifetime: 0,
  });
  for (const cut of [
    '00 80 0000 00000001',
    '00 82 0000 00000001 1ae1 1ae2',
    '00 83 0000 00000001 00000000',
    '02 80 0000',
  ])
    assert.equal(decodeNatPmpAnswer(hex(cut)), undefined, cut);
});

test('a search request of SSDP has the lines of the standard', () => {
  assert.equal(
    encodeSearch('urn:x:1', 1).toString(),
    'M-SEARCH * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\nMAN: "ssdp:discover"\r\nMX: 1\r\nST: urn:x:1\r\n\r\n',
  );
});

const GATEWAY = '192.168.1.1';
const answerOf = (location: string, more = ''): Buffer =>
  Buffer.from(
    `HTTP/1.1 200 OK\r\nST: urn:schemas-upnp-org:device:InternetGatewayDevice:1\r\nLocation: ${location}\r\n${more}\r\n`,
  );

test('an answer to a search gives the URL of a description at the host that sent the answer', () => {
  assert.equal(
    decodeSearchAnswer(answerOf('http://192.168.1.1:5000/d.xml'), GATEWAY)?.href,
    'http://192.168.1.1:5000/d.xml',
  );
  assert.equal(
    decodeSearchAnswer(answerOf('http://192.168.1.1/gerät.xml'), GATEWAY)?.href,
    'http://192.168.1.1/ger%C3%A4t.xml',
    'the bytes as they came',
  );
});

for (const location of [
  'http://192.168.1.2/d.xml',
  'http://127.0.0.1/d.xml',
  'http://169.254.169.254/latest/meta-data',
  'http://router.lan/d.xml',
  'http://user:secret@192.168.1.1/d.xml',
  'https://192.168.1.1/d.xml',
  'file:///etc/passwd',
  'http://192.168.1.1:0/',
  `http://192.168.1.1/${'x'.repeat(600)}`,
  'nonsense',
  '',
]) {
  test(`an answer with the location '${location.slice(0, 50)}' is not trusted`, () => {
    assert.equal(decodeSearchAnswer(answerOf(location), GATEWAY), undefined);
  });
}

test('an answer from the Internet, from ourselves, of another device, with a failure or too long is ignored', () => {
  assert.equal(decodeSearchAnswer(answerOf('http://203.0.113.9/d.xml'), '203.0.113.9'), undefined);
  assert.equal(decodeSearchAnswer(answerOf('http://127.0.0.1/d.xml'), '127.0.0.1'), undefined);
  const good = answerOf(`http://${GATEWAY}/`).toString();
  assert.equal(
    decodeSearchAnswer(Buffer.from(good.replace('InternetGatewayDevice', 'MediaServer')), GATEWAY),
    undefined,
  );
  assert.equal(decodeSearchAnswer(Buffer.from(good.replace('200', '500')), GATEWAY), undefined);
  assert.equal(decodeSearchAnswer(answerOf(`http://${GATEWAY}/`, `X: ${'x'.repeat(2048)}\r\n`), GATEWAY), undefined);
});

test('whatever a location says, its URL is at the host that sent it', () => {
  const part = fc.constantFrom(
    'http:',
    '//',
    '192.168.1.1',
    '10.0.0.9',
    '@',
    ':80',
    '/',
    '#',
    '?',
    '\\',
    'a',
    '%',
    '[::1]',
  );
  fc.assert(
    fc.property(
      fc.oneof(
        fc.webUrl(),
        fc.string(),
        fc.array(part).map((parts) => parts.join('')),
      ),
      (text) => {
        const url = gatewayUrl(text, GATEWAY, new URL(`http://${GATEWAY}/base`));
        if (url !== undefined) assert.deepEqual([url.hostname, url.protocol, url.username], [GATEWAY, 'http:', '']);
      },
    ),
  );
});

test('no datagram makes decoding throw, and decoded values are in their ranges', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 1200 }), fc.constantFrom('', '0281', '0082', '0080'), (bytes, head) => {
      const data = Buffer.concat([hex(head), bytes]);
      const pcp = decodePcpAnswer(data);
      if (pcp?.kind === 'map') assert.ok(pcp.port <= 65_535 && pcp.nonce.length === 12);
      decodeNatPmpAnswer(data);
      decodeSearchAnswer(data, GATEWAY);
    }),
  );
});
