import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encodeBencode } from '../../../../src/bencode/encode.js';
import { placeAt } from '../../../../src/discovery/dht/contact.js';
import { decodeMessage } from '../../../../src/discovery/dht/decode-message.js';
import { decodeState, encodeState } from '../../../../src/discovery/dht/dht-state.js';
import { encodeAnswer, encodeQuery } from '../../../../src/discovery/dht/encode-message.js';
import { targetOf } from '../../../../src/discovery/dht/item-store.js';
import type { Message } from '../../../../src/discovery/dht/message.js';
import { isSecureId, secureId } from '../../../../src/discovery/dht/secure-id.js';
import { type IpAddress, parseIp } from '../../../../src/net/ip-address.js';
import type { PeerAddress } from '../../../../src/net/raw-server.js';
import { DhtWorld, type HonestNode } from '../../../support/worlds/dht-world.js';

const MINUTE = 60_000;
const HASH = Buffer.alloc(20, 7);
const STRANGER = { host: '203.0.113.9', port: 4000 };
const PING = { method: 'ping' } as const;

const network = (count: number, options = {}) => {
  const world = new DhtWorld(1, { lossPercent: 0, latency: [10, 50] }, options);
  for (let number = 0; number < count; number += 1) {
    world.join();
    world.timeline.run(1_000);
  }
  return world;
};

/** A socket of a host that is no node, and the kinds of the messages that reach it. */
function stranger(world: DhtWorld, address = STRANGER) {
  const got: Message['kind'][] = [];
  const socket = world.datagrams.attach(address, (packet) => {
    const message = decodeMessage(packet);
    if (message.kind !== 'bad-query' && message.kind !== 'rubbish') got.push(message.kind);
  });
  return { got, socket };
}

const good = ({ node }: HonestNode) => node.status().families[0]?.good;

test('two nodes that know no others find each other, and find peers through each other', () => {
  const world = network(2);
  world.timeline.run(MINUTE);
  const [first, second] = world.honest as [HonestNode, HonestNode];
  assert.deepEqual([good(first), good(second)], [1, 1]);
  first.node.announce(HASH, { port: 7000, impliedPort: false, isSeed: () => false }, () => undefined);
  world.timeline.run(MINUTE);
  const found: string[] = [];
  second.node.announce(HASH, null, (peers) => found.push(...peers.map(({ host, port }) => `${host} ${port}`)));
  world.timeline.run(MINUTE);
  assert.deepEqual(found, [`${first.address.host} 7000`]);
});

test('in an empty DHT a torrent that looks for peers asks no node', () => {
  const world = network(1);
  world.honest[0]?.node.announce(HASH, null, () => assert.fail('told'));
  world.timeline.run(MINUTE);
  assert.equal(world.datagrams.sent, 0);
});

/** A node that began before its router, and has announced a torrent in vain. It tries again after 145 s in all. */
function lateNode() {
  const world = network(1);
  const router = world.honest[0] as HonestNode;
  world.datagrams.detach(router.address);
  const late = world.join();
  world.timeline.run(MINUTE);
  late.node.announce(HASH, { port: 7000, impliedPort: false, isSeed: () => false }, () => undefined);
  world.timeline.run(MINUTE);
  assert.equal(good(late), 0);
  assert.deepEqual(states(late), ['silent']);
  world.datagrams.attach(router.address, (packet, from) => router.node.datagramCameIn(packet, from));
  return { world, router, late };
}

const states = ({ node }: HonestNode) => node.status().routers.map(({ state }) => state);

test('a node that begins before its router tries again until the router is there, and announces to it', () => {
  const { world, router, late } = lateNode();
  world.timeline.run(20_000);
  assert.equal(good(late), 0);
  world.timeline.run(10_000);
  assert.deepEqual([good(late), states(late)], [1, ['reached']]);
  assert.equal(router.node.status().families[0]?.stored.peers, 1);
});

test('a node that has tried in vain for long enters at once when it may be in another network', () => {
  const { world, router, late } = lateNode();
  world.datagrams.detach(router.address);
  world.timeline.run(100 * MINUTE);
  world.datagrams.attach(router.address, (packet, from) => router.node.datagramCameIn(packet, from));
  late.node.networkChanged();
  world.timeline.run(5_000);
  assert.deepEqual([good(late), router.node.status().families[0]?.stored.peers], [1, 1]);
  late.node.stop();
  late.node.networkChanged();
});

test('as soon as a first node answers, torrents that no node has answered are announced', () => {
  const { world, router, late } = lateNode();
  late.node.addNode(router.address, { kind: 'user' });
  world.timeline.run(2_000);
  assert.equal(router.node.status().families[0]?.stored.peers, 1);
});

test('a torrent whose lookup began just before a first node answered is announced right after that lookup', () => {
  const { world, router, late } = lateNode();
  let asked = 0;
  world.datagrams.detach(router.address);
  world.timeline.run(30 * MINUTE);
  world.datagrams.attach(router.address, (packet) => {
    const message = decodeMessage(packet);
    if (message.kind === 'query' && message.query.method === 'get_peers') asked += 1;
  });
  for (let second = 0; asked === 0 && second < 3_600; second += 1) world.timeline.run(1_000);
  assert.ok(asked > 0);
  world.datagrams.detach(router.address);
  world.datagrams.attach(router.address, (packet, from) => router.node.datagramCameIn(packet, from));
  late.node.addNode(router.address, { kind: 'user' });
  world.timeline.run(MINUTE / 2);
  assert.equal(router.node.status().families[0]?.stored.peers, 1);
});

test('a node that knows no other node asks its router for peers', () => {
  const { world, router, late } = lateNode();
  const target = Buffer.alloc(20, 8);
  let asked = 0;
  world.datagrams.detach(router.address);
  world.datagrams.attach(router.address, (packet, from) => {
    const message = decodeMessage(packet);
    if (message.kind === 'query' && message.query.method === 'get_peers' && message.query.target.equals(target)) {
      asked += 1;
    }
    router.node.datagramCameIn(packet, from);
  });
  late.node.announce(target, { port: 7000, impliedPort: false, isSeed: () => false }, () => assert.fail('told'));
  world.timeline.run(1_000);
  // The announce follows the answer.
  assert.deepEqual([asked, router.node.status().families[0]?.stored.peers], [1, 2]);
});

test('a public router is asked, but not kept as a node', () => {
  const world = network(1);
  world.publicRouters = true;
  const member = world.join();
  world.timeline.run(10 * MINUTE);
  assert.deepEqual([good(member), states(member)], [0, ['reached']]);
});

test('the next run begins with the nodes of the last run, without a router', () => {
  const world = network(20);
  world.timeline.run(MINUTE);
  const leaving = world.honest[10] as HonestNode;
  const state = leaving.node.exportState();
  world.leave(leaving);
  for (const { address } of world.honest.slice(0, 3)) world.datagrams.detach(address);
  const back = world.join(true, state, leaving.address);
  world.timeline.run(MINUTE);
  assert.deepEqual(
    back.node.status().routers.map(({ state: reached }) => reached),
    ['unknown', 'unknown', 'unknown'],
  );
  assert.ok((good(back) ?? 0) >= 8);
  assert.deepEqual(decodeState(back.node.exportState()).ipv4?.id, decodeState(state).ipv4?.id);
});

test('when all nodes of the last run are gone, the router is asked and a torrent is announced within a minute', () => {
  const world = network(1);
  const contacts = Array.from({ length: 60 }, () => {
    const place = placeAt(world.freeAddress());
    return { ...place, id: secureId(place.ip, world.random) };
  });
  const back = world.join(true, encodeState({ ipv4: { id: Buffer.alloc(20, 9), contacts }, ipv6: null }));
  back.node.announce(HASH, { port: 7000, impliedPort: false, isSeed: () => true }, () => undefined);
  world.timeline.run(MINUTE);
  assert.deepEqual(states(back), ['reached']);
  assert.equal(world.honest[0]?.node.status().families[0]?.stored.peers, 1);
});

test('a node takes an id that its address allows as soon as enough other nodes have told it its address', () => {
  const world = network(10);
  const idOf = (state: Buffer) => decodeState(state).ipv4?.id as Buffer;
  const wrong = encodeState({ ipv4: { id: Buffer.alloc(20, 9), contacts: [] }, ipv6: null });
  const member = world.join(true, wrong);
  world.timeline.run(5 * MINUTE);
  assert.equal(member.node.status().families[0]?.externalHost, member.address.host);
  assert.ok(isSecureId(idOf(member.node.exportState()), parseIp(member.address.host) as IpAddress));
  assert.ok((good(member) ?? 0) >= 8);
});

test('a stranger that asks is answered and then probed, and a read-only stranger is answered only', () => {
  const world = network(1);
  const [{ address, node }] = world.honest as [HonestNode];
  const { got, socket } = stranger(world);
  const id = Buffer.alloc(20, 3);
  socket.send(encodeQuery(Buffer.from('a'), id, PING, true), address);
  world.timeline.run(1_000);
  assert.deepEqual(got, ['answer']);
  socket.send(encodeQuery(Buffer.from('b'), id, PING, false), address);
  world.timeline.run(1_000);
  assert.deepEqual(got, ['answer', 'answer', 'query']);
  assert.equal(node.status().families[0]?.good, 0);
});

test('a read-only node answers no queries', () => {
  const world = network(5, { readOnly: true });
  assert.equal(world.honest[0]?.node.status().families[0]?.sent, 0);
  const { got, socket } = stranger(world);
  socket.send(encodeQuery(Buffer.from('a'), Buffer.alloc(20), PING, false), (world.honest[0] as HonestNode).address);
  socket.send(Buffer.from('d1:ade1:q4:ping1:t1:a1:y1:qe'), (world.honest[0] as HonestNode).address);
  world.timeline.run(1_000);
  assert.deepEqual(got, []);
});

test('an unknown or unreadable query is answered with an error, and a packet that is no query with nothing', () => {
  const world = network(1);
  const { address } = world.honest[0] as HonestNode;
  const { got, socket } = stranger(world);
  for (const packet of ['d1:q4:vote1:ad2:id20:abcdefghij0123456789e1:t1:a1:y1:qe', 'd1:ade1:q4:ping1:t1:a1:y1:qe']) {
    socket.send(Buffer.from(packet), address);
  }
  world.timeline.run(1_000);
  assert.deepEqual(got, ['error', 'error']);
  const silent = ['', 'x', 'd1:t1:a1:y1:re', 'd1:eli204e1:xe1:t1:a1:y1:ee', 'd1:y1:qe', 'd1:rd2:id3:abce1:t1:a1:y1:re'];
  for (const packet of silent) socket.send(Buffer.from(packet), address);
  world.timeline.run(1_000);
  assert.equal(got.length, 2);
});

test('a flood of queries in forged names makes us send only a limited number of bytes', () => {
  const world = network(1, { answerBytesPerSecond: 1_000, answerBurst: 10_000 });
  const [{ address, node }] = world.honest as [HonestNode];
  const before = node.status().families[0]?.sent ?? 0;
  for (let number = 0; number < 10_000; number += 1) {
    // A thousand queries a second from a hundred networks.
    const source = { host: `8.${number % 100}.0.1`, port: 7001 };
    world.datagrams.send(encodeQuery(Buffer.from('a'), Buffer.alloc(20, number), PING, true), source, address);
    world.timeline.run(1);
  }
  const sent = (node.status().families[0]?.sent ?? 0) - before;
  assert.ok(sent <= 21_000, `${sent} bytes`);
});

test('a node far away cannot make us send packets into our own network', () => {
  const world = network(1);
  const [{ node }] = world.honest as [HonestNode];
  const inside = stranger(world, { host: '192.168.1.1', port: 53 });
  const liar = { host: '8.8.4.4', port: 7001 };
  const id = Buffer.alloc(20, 5);
  let askedForPeers = 0;
  const socket = world.datagrams.attach(liar, (packet, from) => {
    const message = decodeMessage(packet);
    if (message.kind !== 'query') return;
    if (message.query.method === 'get_peers') askedForPeers += 1;
    const nodes = Buffer.concat([Buffer.alloc(20, 6), Buffer.from('c0a801010035', 'hex')]);
    const fields = new Map<string, Buffer | Buffer[]>([
      ['id', id],
      ['nodes', nodes],
      ['token', id],
      ['values', [Buffer.from('c0a801010035', 'hex')]],
    ]);
    socket.send(
      encodeBencode(
        new Map<string, string | Buffer | typeof fields>([
          ['r', fields],
          ['t', message.transaction],
          ['y', 'r'],
        ]),
      ),
      from,
    );
  });
  node.addNode(liar, { kind: 'user' });
  world.timeline.run(1_000);
  const found: unknown[] = [];
  node.announce(HASH, null, (peers) => found.push(peers));
  world.timeline.run(MINUTE);
  assert.deepEqual([found, askedForPeers, inside.got], [[], 1, []]);
});

test('a link that names ten thousand nodes makes us ask few of them, and does not delay our own lookups', () => {
  const world = network(5);
  world.timeline.run(5 * MINUTE);
  const [, { node }, other] = world.honest as [HonestNode, HonestNode, HonestNode];
  const named = Array.from({ length: 10_000 }, (_, at) => stranger(world, { host: '9.9.9.9', port: 1_000 + at }));
  for (let port = 1_000; port < 11_000; port += 1) node.addNode({ host: '9.9.9.9', port }, { kind: 'link' });
  const began = world.timeline.now();
  node.announce(HASH, { port: 7000, impliedPort: false, isSeed: () => false }, () => undefined);
  // The announce follows the lookup.
  world.timeline.runUntil(() => other.node.status().families[0]?.stored.peers === 1, MINUTE);
  const took = world.timeline.now() - began;
  world.timeline.run(MINUTE);
  assert.ok(took < 5_000, `the lookup took ${took} ms`);
  const asked = named.filter(({ got }) => got.length > 0).length;
  assert.ok(asked > 50 && asked <= 101, `${asked} were asked`);
});

test('when a torrent stops during its lookup, it is told of no peers and no further nodes are asked', () => {
  const world = network(20);
  world.timeline.run(10 * MINUTE);
  const [, , , , searcher] = world.honest as HonestNode[];
  const search = searcher?.node.announce(HASH, null, () => assert.fail('told'));
  world.timeline.run(1);
  search?.stop();
  const before = searcher?.node.status().families[0]?.sent ?? 0;
  world.timeline.run(10_000);
  const after = searcher?.node.status().families[0]?.sent ?? 0;
  assert.ok(before > 300 && after - before < 700, `${before} bytes, then ${after - before}`);
});

test('a torrent is announced again within half an hour, until it is stopped', () => {
  const world = network(10);
  const [first, second] = world.honest as [HonestNode, HonestNode];
  const count = () => {
    let peers = 0;
    const search = second.node.announce(HASH, null, (found) => {
      peers += found.length;
    });
    world.timeline.run(MINUTE);
    search.stop();
    return peers;
  };
  const announced = first.node.announce(HASH, { port: 7000, impliedPort: true, isSeed: () => true }, () => undefined);
  world.timeline.run(120 * MINUTE);
  assert.equal(count(), 1);
  announced.stop();
  world.timeline.run(31 * MINUTE);
  assert.equal(count(), 0);
});

test('a peer that announces itself to us is handed at once to its own torrent, and to no other', () => {
  const world = network(2);
  const [first, second] = world.honest as [HonestNode, HonestNode];
  const place = { port: 7000, impliedPort: false, isSeed: () => false };
  const found: string[] = [];
  first.node.announce(HASH, place, (peers) => found.push(...peers.map(({ host, port }) => `${host} ${port}`)));
  first.node.announce(Buffer.alloc(20, 8), place, () => assert.fail('told of another torrent'));
  world.timeline.run(MINUTE);
  second.node.announce(HASH, place, () => undefined);
  world.timeline.run(MINUTE);
  assert.deepEqual(found, [`${second.address.host} 7000`]);
});

test('a torrent without a place to announce looks for peers again and again, and announces nothing', () => {
  const world = network(10);
  const [first, second, third] = world.honest as [HonestNode, HonestNode, HonestNode];
  let found = 0;
  first.node.announce(HASH, null, (peers) => {
    found += peers.length;
  });
  world.timeline.run(MINUTE);
  assert.deepEqual(third.node.status().families[0]?.stored, { torrents: 0, peers: 0 });
  second.node.announce(HASH, { port: 7000, impliedPort: false, isSeed: () => false }, () => undefined);
  world.timeline.run(31 * MINUTE);
  assert.ok(found > 0);
});

test('when the timers of a torrent end, it is not announced again', () => {
  const world = network(10);
  const [first, second] = world.honest as [HonestNode, HonestNode];
  let ended = false;
  const timers = {
    now: () => world.timeline.now(),
    addTask: (task: () => void, delay: number) => world.timeline.addTask(() => ended || task(), delay),
  };
  const place = { port: 7000, impliedPort: false, isSeed: () => false };
  first.node.announce(HASH, place, () => undefined, timers);
  world.timeline.run(MINUTE);
  assert.equal(second.node.status().families[0]?.stored.peers, 1);
  ended = true;
  world.timeline.run(40 * MINUTE);
  assert.equal(second.node.status().families[0]?.stored.peers, 0);
});

test('a host that sends 6,000 queries gets at most 100 answers, whatever comes in forged names meanwhile', () => {
  const world = network(1);
  const [{ node }] = world.honest as [HonestNode];
  const find = { method: 'find_node', target: HASH, want: { nodes: true, nodes6: true } } as const;
  const question = encodeQuery(Buffer.from('a'), Buffer.alloc(20, 3), find, true);
  const before = node.status().families[0]?.sent ?? 0;
  let answers = 0;
  world.datagrams.attach(STRANGER, () => {
    answers += 1;
  });
  for (let number = 0; number < 60_000; number += 1) {
    // Every tenth query comes from the one host, each other query from a host of its own.
    const forged = { host: `${20 + (number >> 16)}.${(number >> 8) & 255}.${number & 255}.1`, port: 7001 };
    const from = number % 10 === 0 ? STRANGER : forged;
    node.datagramCameIn(question, from);
    if (number % 1_000 === 999) world.timeline.run(10);
  }
  world.timeline.run(1_000);
  assert.ok(answers > 0 && answers <= 100, `${answers} answers`);
  const sent = (node.status().families[0]?.sent ?? 0) - before;
  // This is what may leave at once, and what may leave in the following seconds.
  assert.ok(sent <= 250_000, `${sent} bytes`);
});

test('queries in forged names do not use up the answers for a host that has proven its address', () => {
  const world = network(2);
  const [first, second] = world.honest as [HonestNode, HonestNode];
  world.timeline.run(MINUTE);
  const find = { method: 'find_node', target: HASH, want: { nodes: true, nodes6: true } } as const;
  const question = encodeQuery(Buffer.from('a'), Buffer.alloc(20, 3), find, true);
  for (let number = 0; number < 20_000; number += 1) {
    first.node.datagramCameIn(question, { host: `20.${number >> 8}.${number & 255}.1`, port: 7001 });
  }
  const answers: string[] = [];
  const { datagrams } = world;
  datagrams.detach(second.address);
  datagrams.attach(second.address, (packet) => answers.push(decodeMessage(packet).kind));
  datagrams.send(question, second.address, first.address);
  datagrams.send(question, STRANGER, first.address);
  world.timeline.run(1_000);
  assert.deepEqual(answers, ['answer']);
});

/** The longest value that may be stored, and its target. */
const LONG_ITEM = { value: Buffer.from(`996:${'x'.repeat(996)}`), signed: null };
const LONG_TARGET = targetOf(LONG_ITEM, Buffer.alloc(0));
const NO_NODES = { nodes: false, nodes6: false };
const GET_LONG = { method: 'get', target: LONG_TARGET, want: NO_NODES, newerThan: null } as const;

/** Stores the long value at the node. `writer` is a read-only node. */
function store(world: DhtWorld, writer: PeerAddress, node: PeerAddress): void {
  const id = Buffer.alloc(20, 9);
  const got: string[] = [];
  const socket = world.datagrams.attach(writer, (packet) => {
    const message = decodeMessage(packet);
    if (message.kind !== 'answer') return assert.fail(message.kind);
    const { token } = message.answer;
    got.push(token === null ? 'stored' : 'token');
    if (token === null) return;
    const put = { method: 'put', token, item: LONG_ITEM, salt: Buffer.alloc(0), expected: null } as const;
    socket.send(encodeQuery(Buffer.from('p'), id, put, true), node);
  });
  socket.send(encodeQuery(Buffer.from('g'), id, GET_LONG, true), node);
  world.timeline.run(MINUTE);
  assert.deepEqual(got, ['token', 'stored']);
}

/** The shortest form of every query, and the forms of each that get the longest answers. */
const SHORT_QUESTIONS = [
  'd1:t0:1:y1:qe',
  'd1:ade1:q1:x1:t0:1:y1:qe',
  ...[
    ['ping', ''],
    ['find_node', '6:target20:TARGET'],
    ['find_node', '6:target20:TARGET4:wantl2:n42:n6e'],
    ['get_peers', '9:info_hash20:TARGET'],
    ['get_peers', '9:info_hash20:TARGET4:wantl2:n42:n6e'],
    ['get_peers', '9:info_hash20:TARGET6:scrapei1e'],
    ['get', '6:target20:VALUE'],
    ['get', '6:target20:TARGET4:wantl2:n42:n6e'],
    ['sample_infohashes', '6:target20:TARGET'],
    ['sample_infohashes', '6:target20:TARGET4:wantl2:n42:n6e'],
    ['announce_peer', '9:info_hash20:TARGET4:porti1e5:token0:'],
    ['put', '5:token0:1:v0:'],
  ].map(([method = '', fields]) => `d1:ad2:id20:IDENTITY${fields}e1:q${method.length}:${method}1:t0:1:y1:qe`),
];

test('an address that has proven nothing gets at most eight bytes for each byte of any query', () => {
  for (const family of [4, 6] as const) {
    const world = new DhtWorld(1, { lossPercent: 0, latency: [10, 50] });
    const hosts = Array.from({ length: 12 }, (_, number): readonly [string, string] => [
      `8.${number}.0.1`,
      `2400:${number}::1`,
    ]);
    const router = { host: hosts[0]?.[family === 4 ? 0 : 1] ?? '', port: 6881 };
    const routers = hosts.slice(0, 2).flatMap((pair) => pair.map((host) => ({ host, port: 6881 })));
    for (const pair of hosts) {
      world.joinBoth(pair, routers);
      world.timeline.run(1_000);
    }
    world.timeline.run(10 * MINUTE);
    // The node stores all that it can, so that its answers are as long as they can be.
    store(world, { host: family === 4 ? '9.1.0.1' : '2601::1', port: 7001 }, router);
    const announcers = Array.from({ length: 100 }, (_, number) =>
      family === 4 ? `9.0.${number}.1` : `2600:${number}::1`,
    );
    for (const target of Array.from({ length: 25 }, (_, number) =>
      number === 0 ? HASH : Buffer.alloc(20, number + 100),
    )) {
      for (const host of target === HASH ? announcers : announcers.slice(0, 1)) {
        const at = { host, port: 2000 + (target[0] ?? 0) };
        const socket = world.datagrams.attach(at, (packet) => {
          const message = decodeMessage(packet);
          if (message.kind !== 'answer' || message.answer.token === null) return;
          const { token } = message.answer;
          const query = {
            method: 'announce_peer',
            target,
            token,
            port: 7001,
            impliedPort: false,
            isSeed: false,
          } as const;
          socket.send(encodeQuery(Buffer.from('b'), Buffer.alloc(20, 3), query, true), router);
        });
        const query = {
          method: 'get_peers',
          target,
          want: { nodes: false, nodes6: false },
          noSeeds: false,
          scrape: false,
        } as const;
        socket.send(encodeQuery(Buffer.from('a'), Buffer.alloc(20, 3), query, true), router);
      }
      world.timeline.run(1_000);
    }
    world.timeline.run(5 * MINUTE);
    const factors: number[] = [];
    for (const [number, text] of SHORT_QUESTIONS.entries()) {
      const spelled = text
        .replaceAll('TARGET', HASH.toString('latin1'))
        .replaceAll('VALUE', LONG_TARGET.toString('latin1'));
      const question = Buffer.from(spelled.replaceAll('IDENTITY', 'i'.repeat(19) + number.toString(36)), 'latin1');
      let got = 0;
      const victim = { host: family === 4 ? `11.0.${number}.1` : `2a00:${number}::1`, port: 7001 };
      world.datagrams.attach(victim, (packet) => {
        got += packet.length;
      });
      world.datagrams.send(question, victim, router);
      world.timeline.run(MINUTE);
      factors.push(got / question.length);
      assert.ok(got > 0 && got <= 8 * question.length, `${got} bytes for ${question.length}: ${text}`);
    }
    // Some answers come near the limit, so it is the limit that keeps them short.
    assert.ok(Math.max(...factors) > 6, String(factors));
  }
});

test('an address gets a long value only once it has answered a query of ours, so a forged one never does', () => {
  const world = network(1);
  const [{ address }] = world.honest as [HonestNode];
  store(world, { host: '203.0.113.8', port: 7001 }, address);
  const id = Buffer.alloc(20, 9);
  const get = encodeQuery(Buffer.from('g'), id, GET_LONG, false);
  for (const answersUs of [false, true]) {
    const log: string[] = [];
    const at = { host: answersUs ? '203.0.113.9' : '203.0.113.10', port: 7001 };
    const socket = world.datagrams.attach(at, (packet, from) => {
      const message = decodeMessage(packet);
      if (message.kind === 'answer') log.push(packet.includes(LONG_ITEM.value) ? 'value' : 'no value');
      if (message.kind !== 'query') return;
      log.push(message.query.method);
      if (answersUs) socket.send(encodeAnswer(message.transaction, id, {}, placeAt(from)), from);
    });
    socket.send(get, address);
    world.timeline.run(MINUTE);
    assert.deepEqual(log.sort(), answersUs ? ['find_node', 'ping', 'value'] : ['find_node', 'ping']);
    log.length = 0;
    socket.send(get, address);
    world.timeline.run(MINUTE);
    assert.equal(log.includes('value'), answersUs);
  }
});

test('one node is open in both families, and finds the peers of each', () => {
  const world = network(0);
  const hosts = Array.from({ length: 6 }, (_, number) => [`8.${number}.0.1`, `2001:db8:${number + 1}::1`] as const);
  const routers = hosts.slice(0, 1).flatMap((pair) => pair.map((host) => ({ host, port: 6881 })));
  const nodes = hosts.map((pair) => world.joinBoth(pair, routers));
  world.timeline.run(3 * MINUTE);
  nodes[1]?.announce(HASH, { port: 7000, impliedPort: false, isSeed: () => false }, () => undefined);
  world.timeline.run(MINUTE);
  const found: string[] = [];
  nodes[2]?.announce(HASH, null, (peers) => found.push(...peers.map(({ host }) => host)));
  world.timeline.run(MINUTE);
  assert.deepEqual(found.sort(), ['2001:db8:2::1', '8.1.0.1']);
  assert.deepEqual(
    nodes[2]?.status().families.map(({ family, good: count }) => [family, count]),
    [
      [4, 5],
      [6, 5],
    ],
  );
});

test('after `stop` no packet leaves and no task waits', () => {
  const world = network(5);
  const member = world.honest[4] as HonestNode;
  member.node.announce(HASH, { port: 7001, impliedPort: false, isSeed: () => false }, () => assert.fail('told'));
  member.node.announce(HASH, null, () => assert.fail('told'));
  const [...all] = world.honest;
  for (const each of all) world.leave(each);
  const { sent } = world.datagrams;
  world.timeline.run(60 * MINUTE);
  assert.deepEqual([world.datagrams.sent - sent, world.timeline.pending], [0, 0]);
});
