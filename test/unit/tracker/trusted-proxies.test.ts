import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseIp, parseNetwork } from '../../../src/net/ip-address.js';
import { TrustedProxies } from '../../../src/tracker/trusted-proxies.js';

function proxies(...texts: string[]): TrustedProxies {
  return new TrustedProxies(texts.map((text) => parseNetwork(text) ?? assert.fail(text)));
}

const OURS = proxies('127.0.0.1', '10.0.0.0/9', 'fd00::/8');
const byFor = (...forwardedFor: string[]) => OURS.clientOf('10.0.0.1', { forwardedFor, forwarded: [] });
const byForwarded = (...forwarded: string[]) => OURS.clientOf('10.0.0.1', { forwardedFor: [], forwarded });

test('only a trusted proxy is believed, and a proxy that names no client is the client itself', () => {
  const headers = { forwardedFor: ['9.9.9.9'], forwarded: ['for=9.9.9.9'] };
  for (const host of ['8.0.0.1', '10.128.0.1', '127.0.0.2', 'fe80::1%lo', '2001:db8::1']) {
    assert.equal(OURS.clientOf(host, headers), host);
  }
  for (const host of ['127.0.0.1', '::ffff:127.0.0.1', '10.127.255.255', 'fdff::1']) {
    assert.equal(OURS.clientOf(host, headers), '9.9.9.9');
  }
  assert.equal(byFor(), '10.0.0.1');
});

test('the right-most address of X-Forwarded-For that is no trusted proxy counts', () => {
  assert.equal(byFor('1.1.1.1, 9.9.9.9'), '9.9.9.9');
  assert.equal(byFor('1.1.1.1', '9.9.9.9, 10.0.0.7', 'fd00::7'), '9.9.9.9');
  assert.equal(byFor(' 2001:DB8::0:1 '), '2001:db8::1');
  assert.equal(byFor('[2001:db8::1]:80'), '2001:db8::1');
  assert.equal(byFor('9.9.9.9:80'), '9.9.9.9');
  assert.equal(byFor('10.0.0.3, 10.0.0.2'), '10.0.0.3');
});

test('a hop that is no address hides the hops left of it', () => {
  for (const text of ['unknown', '_hidden', '', '9.9.9', '999.9.9.9', '0.0.0.0', '224.0.0.1', 'fe80::1%eth0', '::']) {
    assert.equal(byFor(`9.9.9.9, ${text}`), '10.0.0.1', text);
    assert.equal(byForwarded(`for=9.9.9.9, for="${text}"`), '10.0.0.1', text);
  }
});

test('Forwarded is read with its quotes, ports and other fields, and only without X-Forwarded-For', () => {
  assert.equal(byForwarded('for=1.1.1.1, proto=http;FOR=9.9.9.9;by=10.0.0.1'), '9.9.9.9');
  assert.equal(byForwarded('For="[2001:db8::1]:4711"'), '2001:db8::1');
  assert.equal(byForwarded('for="9.9.9.9:80"', 'for=10.0.0.2'), '9.9.9.9');
  assert.equal(byForwarded('host="a,for=1.1.1.1;\\"";for=9.9.9.9'), '9.9.9.9');
  assert.equal(byForwarded('proto=https'), '10.0.0.1');
  assert.equal(OURS.clientOf('10.0.0.1', { forwardedFor: ['9.9.9.9'], forwarded: ['for=1.1.1.1'] }), '9.9.9.9');
});

test('when a client leaves a quote open, no address in the header is believed', () => {
  assert.equal(byForwarded('for="1.1.1.1', 'for=9.9.9.9'), '10.0.0.1');
});

test('in a header with ten thousand trusted proxies only the last 32 count', () => {
  assert.equal(byFor(`9.9.9.9, ${Array.from({ length: 10_000 }, () => '10.0.0.2').join()}`), '10.0.0.2');
});

test('whatever the headers hold, the client has an address, and hops left of an honest one change nothing', () => {
  fc.assert(
    fc.property(fc.array(fc.string()), fc.array(fc.string()), (forwardedFor, forwarded) => {
      assert.ok(parseIp(OURS.clientOf('10.0.0.1', { forwardedFor, forwarded })) !== undefined);
      assert.equal(byFor(...forwardedFor, '9.9.9.9'), '9.9.9.9');
      assert.ok(['9.9.9.9', '10.0.0.1'].includes(byForwarded(...forwarded, 'for=9.9.9.9')));
    }),
  );
});

test('networks of both families are read, and other texts are refused', () => {
  const bits = (text: string) => parseNetwork(text)?.bits;
  assert.deepEqual(
    ['10.0.0.1', '::1', '10.0.0.0/8', '::/0', '0.0.0.0/0', '::ffff:10.0.0.0/104'].map(bits),
    [32, 128, 8, 0, 0, 8],
  );
  for (const text of ['', 'x', '10.0.0.0/33', '::/129', '10.0.0.0/', '10.0.0.0/-1', '10/8', '::ffff:10.0.0.0/8']) {
    assert.equal(parseNetwork(text), undefined, text);
  }
});
