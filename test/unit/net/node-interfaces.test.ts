import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { BtgetError } from '../../../src/base/failure.js';
import { type Interfaces, resolveBind } from '../../../src/net/node-interfaces.js';

const INTERFACES: Interfaces = {
  lo: [{ address: '127.0.0.1' }, { address: '::1' }],
  eth0: [
    { address: '192.0.2.2' },
    { address: '192.0.2.3' },
    { address: 'fe80::1' },
    { address: '2001:db8:0:0::2' },
    { address: '2001:db8::3' },
  ],
  tun0: [{ address: 'fe80::2' }],
  down0: [],
};

describe('resolveBind', () => {
  for (const [text, expected] of [
    ['192.0.2.3', { ipv4: '192.0.2.3' }],
    ['::ffff:192.0.2.3', { ipv4: '192.0.2.3' }],
    ['127.0.0.1', { ipv4: '127.0.0.1' }],
    ['127.1.2.3', { ipv4: '127.1.2.3' }],
    ['::1', { ipv6: '::1' }],
    ['2001:DB8:0::2', { ipv6: '2001:db8::2' }],
    ['lo', { ipv4: '127.0.0.1', ipv6: '::1' }],
    ['eth0', { ipv4: '192.0.2.2', ipv6: '2001:db8::2' }],
  ] as const) {
    it(`takes ${text} for ${JSON.stringify(expected)}`, () =>
      assert.deepEqual(resolveBind(text, INTERFACES), expected));
  }

  for (const text of ['192.0.2.9', '0.0.0.0', '::', '224.0.0.1', 'fe80::2', 'eth9', 'tun0', 'down0', '', 'toString']) {
    it(`refuses ${text === '' ? 'an empty text' : text}, which this machine does not have, as a usage error`, () => {
      assert.throws(
        () => resolveBind(text, INTERFACES),
        (error) => error instanceof BtgetError && error.code === 'usage' && error.message.includes(text),
      );
    });
  }

  it('knows the interfaces of this machine', () => {
    assert.deepEqual(resolveBind('127.0.0.1'), { ipv4: '127.0.0.1' });
  });
});
