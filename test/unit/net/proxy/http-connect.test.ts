import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  basicAuthorization,
  ConnectAnswerReader,
  encodeConnect,
  MAX_CONNECT_HEAD,
} from '../../../../src/net/proxy/http-connect.js';

describe('CONNECT', () => {
  it('names the host twice, IPv6 in brackets, and logs in when there is a password', () => {
    const lines = (host: string, login: Parameters<typeof encodeConnect>[1]): string[] =>
      encodeConnect({ host, port: 80 }, login).toString('latin1').split('\r\n');
    assert.deepEqual(lines('t.example', null), ['CONNECT t.example:80 HTTP/1.1', 'Host: t.example:80', '', '']);
    assert.deepEqual(lines('2001:db8::1', null).slice(0, 2), [
      'CONNECT [2001:db8::1]:80 HTTP/1.1',
      'Host: [2001:db8::1]:80',
    ]);
    // RFC 7617, section 2: the example.
    const login = { user: 'Aladdin', password: 'open sesame' };
    assert.equal(lines('t', login)[2], 'Proxy-Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==');
    assert.equal(basicAuthorization({ user: 'test', password: '123£' }), 'Basic dGVzdDoxMjPCow==');
  });
});

describe('the answer to CONNECT', () => {
  const read = (text: string) => new ConnectAnswerReader().feed(Buffer.from(text, 'latin1'));

  it('ends at the first empty line, whatever ends the lines, and what follows is left', () => {
    const heads = [
      'HTTP/1.1 200 OK\r\n\r\n',
      'HTTP/1.0 200 Connection established\r\nVia: x\r\n\r\n',
      'HTTP/1.1 200\r\n\r\n',
      'HTTP/1.1 200 \n\n',
      'HTTP/1.1 200 OK\nVia: x\n\n',
      'HTTP/1.1 200 OK\r\nVia: x\n\r\n',
      'HTTP/1.1 200 OK\nVia: x\r\n\n',
    ];
    for (const head of heads) {
      for (const rest of ['', 'x', '\r\n', '\n\n', '\r\n\r\n', 'HTTP/1.1 500\r\n\r\n'])
        assert.deepEqual(read(head + rest), { status: 200, length: head.length }, JSON.stringify(head));
      for (let cut = 0; cut < head.length; cut += 1) assert.equal(read(head.slice(0, cut)), 'more', `${cut}`);
    }
  });

  it('may come in any parts', () => {
    const [head, rest] = ['HTTP/1.0 200 Connection established\r\nVia: x\r\n\r\n', 'rest'];
    for (let cut = 1; cut < head.length; cut += 1) {
      const reader = new ConnectAnswerReader();
      for (const byte of Buffer.from(head.slice(0, cut - 1))) assert.equal(reader.feed(Buffer.of(byte)), 'more');
      assert.equal(reader.feed(Buffer.from(head.slice(cut - 1, cut))), 'more');
      const answer = reader.feed(Buffer.from(head.slice(cut) + rest));
      assert.deepEqual(answer, { status: 200, length: head.length - cut });
    }
  });

  it('comes after any interim answers, within the limit of one head', () => {
    const interim = 'HTTP/1.1 100 Continue\r\nX: y\r\n\r\nHTTP/1.0 199\n\n';
    const head = 'HTTP/1.1 200 OK\r\n\r\n';
    assert.deepEqual(read(`${interim}${head}rest`), { status: 200, length: interim.length + head.length });
    assert.equal(read(interim), 'more');
    assert.equal(read(`${interim}SSH-2.0`), 'malformed');
    assert.equal(read(interim.repeat(MAX_CONNECT_HEAD / interim.length + 1)), 'malformed');
  });

  it('has a status of three digits from 100 to 599', () => {
    for (const status of [200, 204, 299, 302, 407, 502, 599])
      assert.equal((read(`HTTP/1.1 ${status} x\r\n\r\n`) as { status: number }).status, status);
    for (const status of ['', '20', '2000', '099', '600', '-20', ' 200', 'abc', '2 0'])
      assert.equal(read(`HTTP/1.1 ${status}\r\n\r\n`), 'malformed', status);
  });

  it('is no HTTP when it begins otherwise, from the first byte that differs', () => {
    for (const other of ['S', 'HTTP/2', 'http/1.1 200 OK\r\n\r\n', '\r\nHTTP/1.1 200\r\n\r\n', '\x05\x00', '<html>'])
      assert.equal(read(other), 'malformed', other);
    assert.equal(read('HTTP/1.x 200 OK\r\n\r\n'), 'malformed');
    assert.equal(read('HTTP/1.1\r\n\r\n'), 'malformed');
  });

  it('has a head of a limited length', () => {
    const head = (length: number): string => `${'HTTP/1.1 200 OK\r\nX: '.padEnd(length - 4, 'x')}\r\n\r\n`;
    assert.deepEqual(read(head(MAX_CONNECT_HEAD)), { status: 200, length: MAX_CONNECT_HEAD });
    assert.equal(read(head(MAX_CONNECT_HEAD + 1)), 'malformed');
    assert.equal(read(head(MAX_CONNECT_HEAD + 1).slice(0, MAX_CONNECT_HEAD)), 'malformed');
    assert.equal(read(head(MAX_CONNECT_HEAD).slice(0, -1)), 'more');
  });
});
