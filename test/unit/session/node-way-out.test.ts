import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DestinationOutcome } from '../../../src/discovery/http/http-destination.js';
import type { LookUp } from '../../../src/discovery/http/known-names.js';
import type { UrlStep } from '../../../src/net/url-rule.js';
import { UNHEARD } from '../../../src/session/node-proxy.js';
import { openWayOut } from '../../../src/session/node-way-out.js';

test('the name servers are asked once for a host that is asked often', () => {
  const asked: string[] = [];
  const lookUp: LookUp = (name, _options, answered) => {
    asked.push(name);
    answered({ ok: true, addresses: ['192.0.2.1'] });
    return { cancel: () => undefined };
  };
  const direct = { bind: null, caCertificates: null, proxy: null, httpProxies: null };
  const { findDestinations } = openWayOut(direct, null, UNHEARD, lookUp);
  const step: UrlStep = { source: 'user', port: 80, path: '/', query: '', redirect: null };
  const outcomes: DestinationOutcome[] = [];
  for (const host of ['mirror.test', 'mirror.test', 'other.test'])
    findDestinations(host, null, step, (outcome) => outcomes.push(outcome));
  assert.deepEqual(asked, ['mirror.test', 'other.test']);
  const found = { ok: true, destinations: [{ host: '192.0.2.1', localAddress: undefined, by: null }] };
  assert.deepEqual(outcomes, [found, found, found]);
});
