import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { MAX_CONNECT_HEAD } from '../../../../src/net/proxy/http-connect.js';
import { type ProxyAnswer, ProxyHandshake } from '../../../../src/net/proxy/proxy-handshake.js';
import type { ProxyServer } from '../../../../src/net/proxy/proxy-server.js';
import type { SocksAddress, SocksCommand } from '../../../../src/net/proxy/socks5.js';
import type { SocketFailure } from '../../../../src/net/raw-server.js';
import { httpHead, reply } from '../../../support/fakes/fake-proxy.js';
import { seededRandom } from '../../../support/simulation/seeded-random.js';
import { splits } from '../../../support/splits.js';

const LOGIN = { user: 'user', password: 'hunter2' };
const TARGET = { host: '192.0.2.1', port: 80 };

interface Asked {
  readonly kind?: ProxyServer['kind'];
  readonly credentials?: ProxyServer['credentials'];
  readonly command?: SocksCommand;
  readonly target?: SocksAddress;
}

/** What the proxy gets to know, and what comes of what it says, in the parts in which it says it. */
function talk(parts: readonly Buffer[], asked: Asked = {}) {
  const { kind = 'socks5', credentials = null, command = 'connect', target = TARGET } = asked;
  const sent: string[] = [];
  const server = { kind, host: 'p', port: 1, credentials, shown: 'p:1' };
  const handshake = new ProxyHandshake(server, command, target, (bytes) => sent.push(bytes.toString('latin1')));
  handshake.begin();
  let answer: ProxyAnswer | null = null;
  let rest: Buffer = Buffer.alloc(0);
  for (const part of parts) {
    // The buffer that it comes in is used again.
    const room = Buffer.from(part);
    if (answer === null) {
      answer = handshake.dataCameIn(room);
      if (answer?.ok === true) rest = answer.rest;
      room.fill(0xdb);
    } else rest = Buffer.concat([rest, part]);
  }
  return { sent, answer, rest: rest.toString('latin1') };
}

const said = (...hexes: readonly string[]): Buffer => Buffer.from(hexes.join('').replaceAll(' ', ''), 'hex');
const http = (text: string): Buffer => Buffer.from(text, 'latin1');

/** What a proxy says before it is known that it will not do: what is told of it, and whether all would fail so. */
const REFUSALS: readonly (readonly [string, Buffer, Asked, SocketFailure['code'], string, boolean])[] = [
  ['another version', said('04 5b'), {}, 'failed', 'does not answer as a SOCKS5 proxy does', true],
  ['a single byte of something else', said('48'), {}, 'failed', 'does not answer as a SOCKS5 proxy does', true],
  ['HTTP', http('HTTP/1.1 400 Bad'), {}, 'failed', 'does not answer as a SOCKS5 proxy does', true],
  ['that it wants a password', said('05 02'), {}, 'failed', 'wants a user name and a password', true],
  ['that no method will do', said('05 ff'), {}, 'failed', 'wants a user name and a password', true],
  ['that a password will not do', said('05 ff'), { credentials: LOGIN }, 'failed', 'wants another way to log in', true],
  ['that it wants GSSAPI', said('05 01'), { credentials: LOGIN }, 'failed', 'wants another way to log in', true],
  [
    'that the password is wrong',
    said('05 02', '01 01'),
    { credentials: LOGIN },
    'failed',
    'does not take the user name and the password',
    true,
  ],
  [
    'another version in its reply',
    said('05 00', '04 00'),
    {},
    'failed',
    'does not answer as a SOCKS5 proxy does',
    true,
  ],
  ['an unknown address', said('05 00', '05 00 00 02'), {}, 'failed', 'does not answer as a SOCKS5 proxy does', true],
  ['code 1', said('05 00', '05 01'), {}, 'failed', 'failed', false],
  ['code 2', said('05 00', '05 02'), {}, 'forbidden', 'does not allow it', false],
  ['code 3', said('05 00', '05 03'), {}, 'unreachable', 'cannot reach the network', false],
  ['code 4', said('05 00', '05 04'), {}, 'unreachable', 'cannot reach the host', false],
  ['code 5', said('05 00', '05 05'), {}, 'refused', 'was refused the connection', false],
  ['code 6', said('05 00', '05 06'), {}, 'unreachable', 'did not reach the host in time', false],
  ['code 7', said('05 00', '05 07'), {}, 'failed', 'does not do that', true],
  ['code 7 for a relay', said('05 00', '05 07'), { command: 'associate' }, 'failed', 'does not do that', false],
  ['code 8', said('05 00', '05 08'), {}, 'failed', 'does not know this kind of address', false],
  ['an unknown code', said('05 00', '05 5b'), {}, 'failed', 'answers 91', false],
  ['SOCKS5 for HTTP', said('05 00'), { kind: 'http' }, 'failed', 'does not answer as an HTTP proxy does', true],
  ['a page', http('<html>'), { kind: 'http' }, 'failed', 'does not answer as an HTTP proxy does', true],
  ['407', httpHead('407 x'), { kind: 'http' }, 'failed', 'wants a user name and a password', true],
  [
    '407 to a password',
    httpHead('407 x'),
    { kind: 'http', credentials: LOGIN },
    'failed',
    'does not take the user name and the password',
    true,
  ],
  ['403', httpHead('403 x'), { kind: 'http' }, 'forbidden', 'does not connect (HTTP status 403)', false],
  ['405', httpHead('405 x'), { kind: 'http' }, 'forbidden', 'does not connect (HTTP status 405)', false],
  ['400', httpHead('400 x'), { kind: 'http' }, 'failed', 'did not reach it (HTTP status 400)', false],
  ['302', httpHead('302 x'), { kind: 'http' }, 'failed', 'did not reach it (HTTP status 302)', false],
  ['502', httpHead('502 x'), { kind: 'http' }, 'unreachable', 'did not reach it (HTTP status 502)', false],
  [
    'a head without an end',
    Buffer.alloc(MAX_CONNECT_HEAD, 'HTTP/1.1 200 OK\r\nX: '),
    { kind: 'http' },
    'failed',
    'does not answer as an HTTP proxy does',
    true,
  ],
  [
    'interim answers without an end',
    http('HTTP/1.1 100 Continue\r\n\r\n'.repeat(MAX_CONNECT_HEAD / 25 + 1)),
    { kind: 'http' },
    'failed',
    'does not answer as an HTTP proxy does',
    true,
  ],
];

describe('what we and a proxy say to each other', () => {
  const random = seededRandom(1);

  for (const [what, bytes, asked, code, words, isOurs] of REFUSALS) {
    it(`ends when it says ${what}`, () => {
      const expected = { ok: false, isOurs, failure: { code, cause: `the proxy p:1 ${words}` } };
      const ways = bytes.length < 100 ? splits(bytes, random) : [[bytes], ...splits(bytes, random, 1).slice(2)];
      for (const parts of ways) assert.deepEqual(talk(parts, asked).answer, expected);
      const { sent } = talk([bytes], asked);
      assert.ok(!JSON.stringify(expected).includes(LOGIN.password));
      if (asked.credentials === undefined) assert.ok(!sent.join('').includes(LOGIN.password));
    });
  }

  it('is the same however the proxy cuts it, and what the host sends with it is kept', () => {
    const rows: readonly (readonly [Buffer, Asked, readonly string[]])[] = [
      [Buffer.concat([said('0500'), reply(0)]), {}, ['\x05\x01\x00', '\x05\x01\x00\x01\xc0\x00\x02\x01\x00\x50']],
      [
        Buffer.concat([said('0502', '0100'), reply(0, said('03 04 686f7374'), 5)]),
        { credentials: LOGIN, target: { host: 'h', port: 1 } },
        ['\x05\x02\x00\x02', '\x01\x04user\x07hunter2', '\x05\x01\x00\x03\x01h\x00\x01'],
      ],
      [
        Buffer.concat([said('0500'), reply(0, said(`04 ${'00'.repeat(16)}`))]),
        { credentials: LOGIN },
        ['\x05\x02\x00\x02', '\x05\x01\x00\x01\xc0\x00\x02\x01\x00\x50'],
      ],
      [httpHead('200 OK'), { kind: 'http' }, ['CONNECT 192.0.2.1:80 HTTP/1.1\r\nHost: 192.0.2.1:80\r\n\r\n']],
      [
        Buffer.concat([httpHead('100 Continue'), httpHead('103 Early Hints'), httpHead('204 x')]),
        { kind: 'http' },
        ['CONNECT 192.0.2.1:80 HTTP/1.1\r\nHost: 192.0.2.1:80\r\n\r\n'],
      ],
    ];
    for (const [bytes, asked, expected] of rows) {
      for (const rest of ['', '\x13BitTorrent protocol', '\r\n\r\n', '\x05\x00'.repeat(500)]) {
        for (const parts of splits(Buffer.concat([bytes, http(rest)]), random)) {
          const talked = talk(parts, asked);
          assert.equal(talked.answer?.ok, true);
          assert.deepEqual(talked.sent, expected);
          assert.equal(talked.rest, rest);
        }
      }
    }
  });

  it('tells where the relay is', () => {
    const bytes = Buffer.concat([said('0500'), reply(0, said('01 0a000001'), 7)]);
    const { answer, sent } = talk([bytes], { command: 'associate', target: { host: '0.0.0.0', port: 0 } });
    assert.deepEqual(answer?.ok === true && answer.bound, { host: '10.0.0.1', port: 7 });
    assert.equal(sent[1], '\x05\x03\x00\x01\0\0\0\0\0\0');
  });

  it('ends when the host has a name that no request has room for', () => {
    const { answer, sent } = talk([said('0500')], { target: { host: 'n'.repeat(256), port: 80 } });
    const failure = { code: 'failed', cause: 'the proxy p:1 cannot be asked for such a host' };
    assert.deepEqual([answer, sent.length], [{ ok: false, isOurs: false, failure }, 1]);
  });

  it('does not give the password to a proxy that chose a method that we did not offer', () => {
    const { sent } = talk([said('0502', '0100')], {});
    assert.deepEqual(sent, ['\x05\x01\x00']);
  });
});
