import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  decodeSocksDatagram,
  decodeSocksMethod,
  decodeSocksReply,
  decodeSocksVerdict,
  encodeSocksCredentials,
  encodeSocksDatagram,
  encodeSocksMethods,
  encodeSocksRequest,
  isSocksAddress,
} from '../../../../src/net/proxy/socks5.js';

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex');
const V6 = '20010db8000000000000000000000001';

describe('what we say in SOCKS5', () => {
  it('offers a password only when there is one', () => {
    assert.deepEqual(encodeSocksMethods(false), hex('05 01 00'));
    assert.deepEqual(encodeSocksMethods(true), hex('05 02 00 02'));
  });

  it('gives the lengths of user name and password in bytes', () => {
    const said = encodeSocksCredentials({ user: 'ü', password: 'abc' });
    assert.deepEqual(said, hex('01 02 c3bc 03 616263'));
    assert.deepEqual(encodeSocksCredentials({ user: 'u', password: '' }), hex('01 01 75 00'));
    assert.equal(encodeSocksCredentials({ user: 'u'.repeat(255), password: 'p'.repeat(255) }).length, 513);
  });

  it('asks for addresses by their bytes, and for names as they are', () => {
    assert.deepEqual(encodeSocksRequest('connect', { host: '192.0.2.1', port: 80 }), hex('050100 01 c0000201 0050'));
    assert.deepEqual(encodeSocksRequest('connect', { host: '2001:db8::1', port: 6881 }), hex(`050100 04 ${V6} 1ae1`));
    // A mapped address is the IPv4 address that it names.
    assert.deepEqual(
      encodeSocksRequest('connect', { host: '::ffff:c000:201', port: 1 }),
      hex('050100 01 c0000201 0001'),
    );
    assert.deepEqual(encodeSocksRequest('connect', { host: 'a.b', port: 65_535 }), hex('050100 03 03 612e62 ffff'));
    assert.deepEqual(encodeSocksRequest('associate', { host: '0.0.0.0', port: 0 }), hex('050300 01 00000000 0000'));
  });

  it('takes hosts and ports that can stand in a message, and no others', () => {
    const hosts = ['192.0.2.1', '2001:db8::1', 'fe80::1%eth0', 'a', 'a_b-c.example', 'n'.repeat(255)];
    for (const host of hosts) assert.ok(isSocksAddress({ host, port: 1 }), host);
    for (const port of [1, 65_535]) assert.ok(isSocksAddress({ host: 'a', port }), `${port}`);
    const marks = [...' \r\n\t\0:/@?#[]\\%\x7fé'].map((mark) => `a${mark}b`);
    for (const host of ['', 'n'.repeat(256), '[::1]', '1.2.3.4:5', ...marks])
      assert.ok(!isSocksAddress({ host, port: 1 }), JSON.stringify(host));
    for (const port of [0, -1, 65_536, 1.5, Number.NaN]) assert.ok(!isSocksAddress({ host: 'a', port }), `${port}`);
  });
});

describe('what a SOCKS5 proxy says', () => {
  it('names a method in two bytes', () => {
    assert.equal(decodeSocksMethod(hex('0500')), 0);
    assert.equal(decodeSocksMethod(hex('05ff')), 255);
    for (const other of ['0400', '0000', '4854']) assert.equal(decodeSocksMethod(hex(other)), undefined);
  });

  it('takes a password or not, whatever the version says', () => {
    assert.ok(decodeSocksVerdict(hex('0100')) && decodeSocksVerdict(hex('0500')));
    assert.ok(!decodeSocksVerdict(hex('0101')) && !decodeSocksVerdict(hex('01ff')));
  });

  it('is read by the type of its address, and what follows is left', () => {
    const rows: Readonly<Record<string, readonly [string, number, number]>> = {
      '050000 01 c0000201 1ae1': ['192.0.2.1', 6881, 10],
      [`050000 04 ${V6} 1ae1`]: ['2001:db8::1', 6881, 22],
      '050000 04 00000000000000000000ffffc0000201 1ae1': ['192.0.2.1', 6881, 22],
      '050000 03 03 612e62 0001': ['a.b', 1, 10],
      // Some name no host by a name of no length.
      '050000 03 00 0000': ['', 0, 7],
      // The third byte says nothing.
      '050007 01 00000000 0000': ['0.0.0.0', 0, 10],
    };
    for (const [text, [host, port, length]] of Object.entries(rows)) {
      for (const rest of ['', 'ff', '0500000100000000'.repeat(9)])
        assert.deepEqual(decodeSocksReply(hex(text + rest)), { code: 0, bound: { host, port }, length }, text);
      for (let cut = 0; cut < length; cut += 1)
        assert.equal(decodeSocksReply(hex(text).subarray(0, cut)), 'more', text);
    }
  });

  it('refuses by a code, and the rest of that answer does not matter', () => {
    for (let code = 1; code <= 255; code += 1) {
      const refusal = { code, bound: null, length: 2 };
      for (const rest of ['', '00', '0001000000000000', '00ff', '000300'])
        assert.deepEqual(decodeSocksReply(Buffer.concat([Buffer.from([5, code]), hex(rest)])), refusal);
    }
  });

  it('is no SOCKS5 with another version or an unknown type of address', () => {
    for (const wrong of ['04', '00', '48', '04000001c00002011ae1', '05000000', '05000002', '050000ff00', '05000005'])
      assert.equal(decodeSocksReply(hex(wrong)), 'malformed', wrong);
  });
});

describe('datagrams by a SOCKS5 relay', () => {
  it('name where they go to and where they come from', () => {
    const data = Buffer.from('a datagram');
    for (const [host, length] of [
      ['192.0.2.1', 10],
      ['2001:db8::1', 22],
      ['node.example', 19],
    ] as const) {
      const from = { host, port: 6881 };
      const packed = encodeSocksDatagram(from, data);
      assert.equal(packed.length, length + data.length);
      assert.deepEqual(decodeSocksDatagram(packed), { from, data });
      assert.deepEqual(decodeSocksDatagram(encodeSocksDatagram(from, Buffer.alloc(0))), {
        from,
        data: Buffer.alloc(0),
      });
      for (let cut = 0; cut < length; cut += 1) assert.equal(decodeSocksDatagram(packed.subarray(0, cut)), undefined);
    }
  });

  it('are dropped when they are fragments', () => {
    const packed = encodeSocksDatagram({ host: '192.0.2.1', port: 1 }, Buffer.from('x'));
    for (const fragment of [1, 0x80, 0x81, 255]) {
      packed[2] = fragment;
      assert.equal(decodeSocksDatagram(packed), undefined);
    }
  });
});
