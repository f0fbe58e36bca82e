import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DestinationOutcome, findDestinations } from '../../../src/discovery/http/http-destination.js';
import { parseProxy } from '../../../src/net/proxy/proxy-server.js';
import { NodeProxy } from '../../../src/session/node-proxy.js';

function setUp(url: string) {
  const told: string[] = [];
  const events = {
    troubled: (message: string) => told.push(`troubled: ${message}`),
    recovered: (message: string) => told.push(`recovered: ${message}`),
    carriesNoDatagrams: (message: string) => told.push(`no datagrams: ${message}`),
  };
  const asked: ((outcome: DestinationOutcome) => void)[] = [];
  const clock = { now: 0 };
  const find: typeof findDestinations = (_host, _bind, _step, answered) => {
    asked.push(answered);
    return { cancel: () => undefined };
  };
  const parts = { bind: null, timers: { now: () => clock.now }, find };
  return { told, asked, clock, proxy: new NodeProxy(parseProxy(url, 'proxy'), events, parts) };
}

test('the trouble with a proxy is told once, until something passes it again', () => {
  const { told, proxy } = setUp('socks5://10.0.0.1');
  proxy.told(null);
  for (const trouble of ['dead', 'dead', 'still dead']) proxy.told(trouble);
  assert.equal(proxy.trouble, 'still dead');
  proxy.told(null);
  proxy.told(null);
  assert.equal(proxy.trouble, null);
  proxy.told('dead again');
  for (const why of ['no UDP', 'no UDP']) proxy.carriesNoDatagrams(why);
  assert.deepEqual(told, [
    'troubled: dead',
    'recovered: the proxy 10.0.0.1:1080 works again',
    'troubled: dead again',
    'no datagrams: no UDP',
  ]);
});

test('the name of a proxy is looked up once for all who wait, and not again while it is known', () => {
  const { proxy, asked, clock } = setUp('http://proxy.test:3128');
  const found: string[] = [];
  const ask = (who: string) => proxy.findHost((outcome) => found.push(`${who}: ${JSON.stringify(outcome)}`));
  ask('a');
  ask('b');
  ask('given up').cancel();
  assert.equal(asked.length, 1);
  asked[0]?.({ ok: true, destinations: [{ host: '192.0.2.1', localAddress: undefined, by: null }] });
  ask('c');
  assert.deepEqual(
    found,
    ['a', 'b', 'c'].map((who) => `${who}: {"ok":true,"host":"192.0.2.1"}`),
  );
  clock.now = 60_001;
  ask('d');
  assert.equal(asked.length, 2);
  asked[1]?.({ ok: false, code: 'unreachable', message: 'proxy.test was not found' });
  assert.equal(found[3], 'd: {"ok":false,"message":"the proxy proxy.test:3128: proxy.test was not found"}');
});
