import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseIpv4Routes, parseIpv6Routes } from '../../../src/net/gateway-routes.js';

const V4 = `Iface	Destination	Gateway 	Flags	RefCnt	Use	Metric	Mask		MTU	Window	IRTT
wlan0	00000000	FE01A8C0	0003	0	0	600	00000000	0	0	0
eth0	00000000	0101A8C0	0003	0	0	100	00000000	0	0	0
eth0	0001A8C0	00000000	0001	0	0	100	00FFFFFF	0	0	0
tun0	00000000	00000000	0001	0	0	50	00000000	0	0	0
eth1	00000000	0102A8C0	0203	0	0	1	00000000	0	0	0
tun0	00000000	0100080A	0003	0	0	0	00000080	0	0	0
`;
const NOWHERE = '0'.repeat(32);
const ROUTER = 'fe800000000000000000000000000001';
const V6 = `${NOWHERE} 00 ${NOWHERE} 00 ${ROUTER} 00000400 00000001 00000000 00000003     eth0
${NOWHERE} 00 ${NOWHERE} 00 20010db8000000000000000000000001 00000064 00000001 00000000 00000003     eth1
${NOWHERE} 00 ${NOWHERE} 00 ${NOWHERE} ffffffff 00000001 00000000 00200200       lo
20010db8000000000000000000000000 40 ${NOWHERE} 00 ${NOWHERE} 00000100 00000001 00000000 00000001     eth0
`;

test('the default routes of IPv4 that lead to a router are found, the preferred one first', () => {
  assert.deepEqual(parseIpv4Routes(V4), [
    { family: 4, interface: 'eth0', gateway: '192.168.1.1', metric: 100 },
    { family: 4, interface: 'wlan0', gateway: '192.168.1.254', metric: 600 },
  ]);
});

test('the default routes of IPv6 are found too, a link-local router with its interface', () => {
  assert.deepEqual(parseIpv6Routes(V6), [
    { family: 6, interface: 'eth1', gateway: '2001:db8::1', metric: 100 },
    { family: 6, interface: 'eth0', gateway: 'fe80::1%eth0', metric: 1024 },
  ]);
});

test('a table that is empty, cut or nonsense gives no half-read route', () => {
  const gateways = new Set(['192.168.1.1', '192.168.1.254', 'fe80::1%eth0', '2001:db8::1']);
  for (let end = 0; end <= V4.length; end += 1)
    for (const { gateway } of parseIpv4Routes(V4.slice(0, end))) assert.ok(gateways.has(gateway), gateway);
  fc.assert(
    fc.property(fc.string(), (text) => {
      parseIpv4Routes(text);
      parseIpv6Routes(text);
    }),
  );
});
