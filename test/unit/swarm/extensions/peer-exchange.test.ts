import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { encodeBencode } from '../../../../src/bencode/encode.js';
import { parseIp } from '../../../../src/net/ip-address.js';
import type { PeerAddress } from '../../../../src/net/raw-server.js';
import { mayLead, NO_OWN_NETWORKS } from '../../../../src/net/reach-rule.js';
import type { ExtendedPeer } from '../../../../src/swarm/extensions/extensions.js';
import {
  DEFAULT_PEER_EXCHANGE_OPTIONS,
  decodePexMessage,
  encodePexMessage,
  PeerExchange,
  type PexMessage,
  type PexPeer,
} from '../../../../src/swarm/extensions/peer-exchange.js';
import { FINE, JUNK } from '../../../../src/swarm/judgement.js';
import { DEFAULT_WORK_OPTIONS } from '../../../../src/swarm/work-budget.js';
import { SILENT_HANDSHAKE } from '../../../../src/wire/extended.js';
import { RecordedConnection } from '../../../support/fakes/recorded-connection.js';
import { Timeline } from '../../../support/simulation/timeline.js';

const at = (host: string, port = 6881): PeerAddress => ({ host, port });
const known = (host: string, port = 6881): PexPeer => ({
  address: at(host, port),
  isSeed: false,
  isReachable: true,
  prefersEncryption: false,
});
const MINUTE = 60_000;

class Partner implements ExtendedPeer {
  readonly connection: RecordedConnection;
  readonly handshake = { ...SILENT_HANDSHAKE, ids: new Map([['ut_pex', 1]]), port: 7777 };
  readonly heard: string[] = [];

  constructor(host: string) {
    this.connection = Object.assign(new RecordedConnection(host), { address: at(host) });
  }

  send(_name: string, payload: Buffer): boolean {
    const { added, dropped } = decodePexMessage(payload) ?? assert.fail('not a message');
    this.heard.push(`+${added.map(({ address }) => address.host)} -${dropped.map(({ host }) => host)}`);
    return true;
  }
}

function setUp() {
  const timeline = new Timeline();
  const dialled: string[] = [];
  let peers: PexPeer[] = [];
  const exchange = new PeerExchange(
    {
      timers: timeline,
      peers: () => peers,
      startConnection: ({ address: { host, port } }, source) => {
        const ip = parseIp(host) ?? assert.fail(host);
        if (mayLead(source, ip, port, NO_OWN_NETWORKS)) dialled.push(`${host}:${port}`);
      },
    },
    DEFAULT_PEER_EXCHANGE_OPTIONS,
  );
  const meet = (...hosts: string[]) => {
    peers = [...hosts.map((host) => known(host)), known('9.0.0.1', 7777)];
  };
  return { timeline, dialled, exchange, meet };
}

test('a peer hears which peers we know, then once a minute what has changed, and never of itself', () => {
  const { timeline, exchange, meet } = setUp();
  const partner = new Partner('9.0.0.1');
  meet('9.0.0.1', '9.0.0.2', '9.0.0.3');
  exchange.gotHandshake(partner);
  exchange.gotHandshake(partner);
  timeline.run(5_000);
  meet('9.0.0.1', '9.0.0.3', '2001:db8::4');
  timeline.run(3 * MINUTE);
  assert.deepEqual(partner.heard, ['+9.0.0.2,9.0.0.3 -', '+2001:db8::4 -9.0.0.2']);
  exchange.peerLeft(partner);
  assert.equal(timeline.pending, 0);
});

test('a message holds fifty peers, and the next messages bring the others', () => {
  const { timeline, exchange, meet } = setUp();
  const partner = new Partner('9.0.0.1');
  meet(...Array.from({ length: 70 }, (_, index) => `9.1.0.${index}`));
  exchange.gotHandshake(partner);
  timeline.run(2 * MINUTE);
  assert.deepEqual(
    partner.heard.map((line) => line.split(',').length),
    [50, 20],
  );
});

test('we dial the peers that a peer names, but no port of a service, and no network that the peer is not in', () => {
  const { dialled, exchange } = setUp();
  const say = (from: string, ...added: PexPeer[]) => {
    const partner = new Partner(from);
    exchange.gotHandshake(partner);
    assert.equal(exchange.gotMessage(partner, encodePexMessage({ added, dropped: [] })), FINE);
  };
  const named = ['8.8.8.8', '127.0.0.1', '10.0.0.7', '169.254.1.1', '224.0.0.1', '0.0.0.0', '255.255.255.255', '::1'];
  say('9.0.0.1', ...named.map((host) => known(host)), known('8.8.4.4', 25), known('2001:db8::1'));
  assert.deepEqual(dialled.splice(0), ['8.8.8.8:6881', '2001:db8::1:6881']);
  say('10.0.0.1', ...named.map((host) => known(host)), known('2001:db8::2'));
  assert.deepEqual(dialled.splice(0), ['8.8.8.8:6881', '10.0.0.7:6881', '2001:db8::2:6881']);
  say('127.0.0.1', known('127.0.0.1', 7000));
  assert.deepEqual(dialled, ['127.0.0.1:7000']);
});

test('a peer does not hear of peers in a network that it is not in, nor of ports of services', () => {
  const { timeline, exchange, meet } = setUp();
  const [far, near] = [new Partner('9.0.0.2'), new Partner('10.0.0.1')];
  meet('127.0.0.1', '10.0.0.7', '192.168.1.1', '169.254.1.1', '::1', 'fe80::7', '9.0.0.3');
  for (const partner of [far, near]) exchange.gotHandshake(partner);
  timeline.run(5_000);
  assert.deepEqual(far.heard, ['+9.0.0.3,9.0.0.1 -']);
  assert.deepEqual(near.heard, ['+10.0.0.7,192.168.1.1,9.0.0.3,9.0.0.1 -']);
});

test('the messages of a peer that sends more than one a minute are junk', () => {
  const { timeline, dialled, exchange } = setUp();
  const partner = new Partner('9.0.0.1');
  exchange.gotHandshake(partner);
  const verdicts = Array.from({ length: 6 }, (_, index) =>
    exchange.gotMessage(partner, encodePexMessage({ added: [known(`8.0.0.${index}`)], dropped: [] })),
  );
  assert.deepEqual(verdicts, [FINE, FINE, FINE, JUNK, JUNK, JUNK]);
  assert.equal(dialled.length, 3);
  timeline.run(3 * MINUTE);
  assert.equal(exchange.gotMessage(partner, encodePexMessage({ added: [], dropped: [] })), FINE);
});

test('peers of one host that dial again and again name no more than as many as may be there at once', () => {
  const { timeline, dialled, exchange } = setUp();
  const added = Array.from({ length: 100 }, (_, index) => known(`8.0.0.${index}`));
  const payload = encodePexMessage({ added, dropped: [] });
  const named = (): number => {
    const before = dialled.length;
    for (let connection = 0; connection < 100; connection += 1) {
      const partner = new Partner('9.0.0.1');
      exchange.gotHandshake(partner);
      for (let message = 0; message < 3; message += 1) exchange.gotMessage(partner, payload);
      exchange.peerLeft(partner);
    }
    return (dialled.length - before) / 100;
  };
  const { limit } = DEFAULT_PEER_EXCHANGE_OPTIONS.messagesOfHost;
  assert.equal(named(), limit);
  timeline.run(MINUTE);
  const later = named();
  assert.ok(later >= 16 && later <= limit + 1, `${later} a minute later`);
});

test('a message makes work for each address that it names', () => {
  const { exchange } = setUp();
  const partner = new Partner('9.0.0.1');
  exchange.gotHandshake(partner);
  const added = Array.from({ length: 100 }, (_, index) => known(`8.0.0.${index}`));
  exchange.gotMessage(partner, encodePexMessage({ added, dropped: [] }));
  assert.ok(partner.connection.work >= DEFAULT_WORK_OPTIONS.ofOneRead);
  assert.equal(partner.connection.idleWork, 0);
});

test('a message that is malformed or cuts an address in two ends the connection', () => {
  const { exchange } = setUp();
  const partner = new Partner('9.0.0.1');
  exchange.gotHandshake(partner);
  const payload = encodeBencode(new Map([['added', Buffer.alloc(7)]]));
  assert.deepEqual(exchange.gotMessage(partner, payload), {
    kind: 'refuse',
    reason: { code: 'malformed-extension', name: 'ut_pex', length: payload.length },
  });
  assert.equal(decodePexMessage(Buffer.from('le')), undefined);
  assert.equal(decodePexMessage(encodeBencode(new Map([['added', Buffer.alloc(40_002)]]))), undefined);
});

test('of a message with thousands of peers a hundred are read', () => {
  const added = encodeBencode(new Map([['added', Buffer.alloc(30_000, 9)]]));
  assert.equal(decodePexMessage(added)?.added.length, 100);
});

test('the flags of a peer are the bits of BEP 11', () => {
  const flags = { isSeed: false, isReachable: false, prefersEncryption: false };
  const bitsOf = (more: Partial<PexPeer>): number => {
    const added = [{ address: at('9.0.0.2'), ...flags, ...more }];
    const message = encodePexMessage({ added, dropped: [] });
    return message[message.indexOf('7:added.f1:') + '7:added.f1:'.length] as number;
  };
  assert.deepEqual(
    [bitsOf({}), bitsOf({ prefersEncryption: true }), bitsOf({ isSeed: true }), bitsOf({ isReachable: true })],
    [0, 0x01, 0x02, 0x10],
  );
});

test('messages are read as they were written, and any other bytes are read or refused', () => {
  const host = fc.oneof(fc.ipV4(), fc.constantFrom('2001:db8::1', 'fe80::7'));
  const address = fc.record({ host, port: fc.integer({ min: 1, max: 65535 }) }, { noNullPrototype: true });
  const peer = fc.record(
    { address, isSeed: fc.boolean(), isReachable: fc.boolean(), prefersEncryption: fc.boolean() },
    { noNullPrototype: true },
  );
  const isIpv4 = (each: PeerAddress) => Number(each.host.includes(':'));
  fc.assert(
    fc.property(fc.array(peer), fc.array(address), (added, dropped) => {
      const message: PexMessage = {
        added: added.sort((a, b) => isIpv4(a.address) - isIpv4(b.address)),
        dropped: dropped.sort((a, b) => isIpv4(a) - isIpv4(b)),
      };
      assert.deepEqual(decodePexMessage(encodePexMessage(message)), message);
    }),
  );
  fc.assert(fc.property(fc.uint8Array(), (bytes) => void decodePexMessage(Buffer.from(bytes))));
});
