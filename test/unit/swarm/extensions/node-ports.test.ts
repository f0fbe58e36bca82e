import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NodePorts } from '../../../../src/swarm/extensions/node-ports.js';
import { FINE, JUNK } from '../../../../src/swarm/judgement.js';
import { encodeReserved } from '../../../../src/wire/reserved.js';
import { RecordedConnection } from '../../../support/fakes/recorded-connection.js';

const WITH_DHT = encodeReserved(['extended', 'dht']);

function setUp() {
  const named: string[] = [];
  const ports = new NodePorts({
    portFor: (host) => (host.includes(':') ? null : 7000),
    addNode: ({ host, port }) => named.push(`${host} ${port}`),
  });
  return { ports, named };
}

function peerAt(host: string, reserved: Buffer): RecordedConnection {
  return Object.assign(new RecordedConnection(), { address: { host, port: 6881 }, reserved });
}

test('a peer that announces the DHT hears our port once, if our node can be reached from its host', () => {
  const { ports } = setUp();
  const peers = [
    peerAt('10.0.0.1', WITH_DHT),
    peerAt('10.0.0.2', encodeReserved(['extended', 'fast'])),
    peerAt('2001:db8::1', WITH_DHT),
  ];
  for (const peer of [...peers, ...peers]) ports.connectionMade(peer);
  assert.deepEqual(
    peers.map(({ log }) => log),
    [['port 7000'], [], []],
  );
});

test('a peer names the node at its own address once; port 0 and each later port are junk', () => {
  const { ports, named } = setUp();
  const [one, other] = [peerAt('10.0.0.1', WITH_DHT), peerAt('10.0.0.2', WITH_DHT)];
  const told = [ports.gotPort(one, 0), ports.gotPort(one, 6881), ports.gotPort(one, 6882), ports.gotPort(other, 6883)];
  assert.deepEqual(told, [JUNK, FINE, JUNK, FINE]);
  assert.deepEqual(named, ['10.0.0.1 6881', '10.0.0.2 6883']);
});
