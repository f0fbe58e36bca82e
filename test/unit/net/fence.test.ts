import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { type BindAddresses, listenPlace, passFence } from '../../../src/net/fence.js';
import { ipOfBytes, isLoopback, parseIp } from '../../../src/net/ip-address.js';

const LOOPBACK: BindAddresses = { ipv4: '127.0.0.1' };
const BOTH: BindAddresses = { ipv4: '192.0.2.2', ipv6: '2001:db8::2' };

const anyHost = fc
  .oneof(fc.uint8Array({ minLength: 4, maxLength: 4 }), fc.uint8Array({ minLength: 16, maxLength: 16 }))
  .map((bytes) => ipOfBytes(Buffer.from(bytes)).text);

describe('passFence', () => {
  it('lets everything pass in its one spelling when there is no fence', () => {
    assert.deepEqual(passFence(null, '::FFFF:192.0.2.1'), { code: 'pass', host: '192.0.2.1', localAddress: undefined });
    assert.deepEqual(passFence(null, '2001:DB8::0:1'), { code: 'pass', host: '2001:db8::1', localAddress: undefined });
  });

  it('binds each family to its own address', () => {
    assert.deepEqual(passFence(BOTH, '198.51.100.1'), {
      code: 'pass',
      host: '198.51.100.1',
      localAddress: '192.0.2.2',
    });
    assert.deepEqual(passFence(BOTH, '2001:db8::9'), {
      code: 'pass',
      host: '2001:db8::9',
      localAddress: '2001:db8::2',
    });
    assert.deepEqual(passFence({ ipv4: '192.0.2.2' }, '2001:db8::9'), { code: 'forbidden' });
    assert.deepEqual(passFence({ ipv6: '2001:db8::2' }, '::ffff:192.0.2.1'), { code: 'forbidden' });
  });

  it('lets nothing out of the machine when bound to loopback', () => {
    fc.assert(
      fc.property(
        anyHost,
        fc.constantFrom(LOOPBACK, { ipv6: '::1' }, { ipv4: '127.0.0.1', ipv6: '::1' }),
        (host, bind) => {
          const address = parseIp(host);
          assert.ok(address);
          if (passFence(bind, host).code === 'pass') assert.ok(isLoopback(address));
        },
      ),
    );
    assert.equal(passFence(LOOPBACK, '127.9.9.9').code, 'pass');
    assert.equal(passFence(LOOPBACK, '0.0.0.0').code, 'forbidden');
  });

  it('takes only IP literals', () => {
    for (const host of [
      'localhost',
      '',
      '127.1',
      '0x7f000001',
      '2130706433',
      '[::1]',
      '127.0.0.1:80',
      '127.0.0.1%lo',
    ]) {
      for (const bind of [null, LOOPBACK, BOTH]) assert.deepEqual(passFence(bind, host), { code: 'not-an-address' });
    }
  });

  it('throws when a bound address is no address of its family', () => {
    assert.throws(() => passFence({ ipv4: 'eth0' }, '127.0.0.1'), RangeError);
    assert.throws(() => passFence({ ipv6: '::ffff:127.0.0.1' }, '::1'), RangeError);
  });
});

describe('listenPlace', () => {
  it('is the address that was asked for when there is no fence, and every address when none was', () => {
    assert.deepEqual(listenPlace(null, undefined), { ok: true, hosts: [undefined] });
    assert.deepEqual(listenPlace(null, '::ffff:127.0.0.1'), { ok: true, hosts: ['127.0.0.1'] });
    assert.deepEqual(listenPlace(null, 'localhost'), { ok: false, code: 'failed' });
  });

  it('is only the bound addresses behind the fence', () => {
    assert.deepEqual(listenPlace(BOTH, undefined), { ok: true, hosts: ['192.0.2.2', '2001:db8::2'] });
    assert.deepEqual(listenPlace(LOOPBACK, undefined), { ok: true, hosts: ['127.0.0.1'] });
    assert.deepEqual(listenPlace(BOTH, '0.0.0.0'), { ok: true, hosts: ['192.0.2.2'] });
    assert.deepEqual(listenPlace(BOTH, '::'), { ok: true, hosts: ['2001:db8::2'] });
    assert.deepEqual(listenPlace(BOTH, '192.0.2.2'), { ok: true, hosts: ['192.0.2.2'] });
    for (const host of ['127.0.0.1', '192.0.2.3', '::1']) {
      assert.deepEqual(listenPlace(BOTH, host), { ok: false, code: 'forbidden' });
    }
    assert.deepEqual(listenPlace(LOOPBACK, '::'), { ok: false, code: 'forbidden' });
  });
});
