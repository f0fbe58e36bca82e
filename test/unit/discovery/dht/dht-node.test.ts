import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encodeBencode } from '../../../../src/bencode/encode.js';
import { decodeMessage } from '../../../../src/discovery/dht/decode-message.js';
import { decodeState, encodeState } from '../../../../src/discovery/dht/dht-state.js';
import { encodeQuery } from '../../../../src/discovery/dht/encode-message.js';
import type { Message } from '../../../../src/discovery/dht/message.js';
import { isSecureId } from '../../../../src/discovery/dht/secure-id.js';
import { type IpAddress, parseIp } from '../../../../src/net/ip-address.js';
import { DhtWorld, type HonestNode } from '../../../support/dht-world.js';

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

/** A socket of somebody who is no node, and the messages that reach it. */
function stranger(world: DhtWorld, address = STRANGER) {
  const got: Message['kind'][] = [];
  const socket = world.datagrams.attach(address, (packet) => {
    const message = decodeMessage(packet);
    if (message.kind !== 'bad-query' && message.kind !== 'rubbish') got.push(message.kind);
  });
  return { got, socket };
}

const good = ({ node }: HonestNode) => node.status().families[0]?.good;

test('two nodes that know nobody else find each other, and peers through each other', () => {
  const world = network(2);
  world.timeline.run(MINUTE);
  const [first, second] = world.honest as [HonestNode, HonestNode];
  assert.deepEqual([good(first), good(second)], [1, 1]);
  first.node.announce(HASH, { port: 7000, impliedPort: false, isSeed: () => false }, () => undefined);
  world.timeline.run(MINUTE);
  const found: string[] = [];
  second.node.search(
    HASH,
    (peers) => found.push(...peers.map(({ host, port }) => `${host} ${port}`)),
    () => found.push('done'),
  );
  world.timeline.run(MINUTE);
  assert.deepEqual(found, [`${first.address.host} 7000`, 'done']);
});

test('a search in an empty DHT ends, having asked nobody', () => {
  const world = network(1);
  const log: unknown[] = [];
  world.honest[0]?.node.search(
    HASH,
    () => log.push('found'),
    (outcome) => log.push(outcome),
  );
  world.timeline.run(MINUTE);
  assert.deepEqual(log, [{ answered: 0, queries: 0 }]);
});

/** A node that has come before its router, has announced a torrent in vain, and tries again 145 s after the beginning. */
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

test('who comes before its router tries again until it is there, and announces to it', () => {
  const { world, router, late } = lateNode();
  world.timeline.run(20_000);
  assert.equal(good(late), 0);
  world.timeline.run(10_000);
  assert.deepEqual([good(late), states(late)], [1, ['reached']]);
  assert.equal(router.node.status().families[0]?.stored.peers, 1);
});

test('as soon as anybody answers, torrents that nobody has answered are announced', () => {
  const { world, router, late } = lateNode();
  late.node.addNode(router.address, { kind: 'user' });
  world.timeline.run(2_000);
  assert.equal(router.node.status().families[0]?.stored.peers, 1);
});

test('who knows nobody asks its router for peers, as any node', () => {
  const { world, late } = lateNode();
  const log: unknown[] = [];
  late.node.search(
    HASH,
    () => log.push('found'),
    (outcome) => log.push(outcome),
  );
  world.timeline.run(1_000);
  assert.deepEqual(log, [{ answered: 1, queries: 1 }]);
});

test('a public router is asked, and not kept as a node', () => {
  const world = network(1);
  world.publicRouters = true;
  const member = world.join();
  world.timeline.run(10 * MINUTE);
  assert.deepEqual([good(member), states(member)], [0, ['reached']]);
});

test('the next run begins with the nodes of the last one, without a router', () => {
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

test('a node takes an id that its address allows as soon as enough others say where it is', () => {
  const world = network(10);
  const idOf = (state: Buffer) => decodeState(state).ipv4?.id as Buffer;
  const wrong = encodeState({ ipv4: { id: Buffer.alloc(20, 9), contacts: [] }, ipv6: null });
  const member = world.join(true, wrong);
  world.timeline.run(5 * MINUTE);
  assert.equal(member.node.status().families[0]?.externalHost, member.address.host);
  assert.ok(isSecureId(idOf(member.node.exportState()), parseIp(member.address.host) as IpAddress));
  assert.ok((good(member) ?? 0) >= 8);
});

test('a stranger who asks is answered, and kept when it is of use; one that only reads is not even probed', () => {
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

test('a node that only reads asks and answers nobody', () => {
  const world = network(5, { readOnly: true });
  assert.equal(world.honest[0]?.node.status().families[0]?.sent, 0);
  const { got, socket } = stranger(world);
  socket.send(encodeQuery(Buffer.from('a'), Buffer.alloc(20), PING, false), (world.honest[0] as HonestNode).address);
  socket.send(Buffer.from('d1:ade1:q4:ping1:t1:a1:y1:qe'), (world.honest[0] as HonestNode).address);
  world.timeline.run(1_000);
  assert.deepEqual(got, []);
});

test('a query that we do not know or cannot read is an error, and nothing is said to what is no query', () => {
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

test('whoever floods us in the name of another makes us send that one little', () => {
  const world = network(1, { answerBytesPerSecond: 1_000, answerBurst: 10_000 });
  const [{ address, node }] = world.honest as [HonestNode];
  const before = node.status().families[0]?.sent ?? 0;
  for (let number = 0; number < 10_000; number += 1) {
    // A thousand queries a second from a hundred networks.
    const source = { host: `8.${number % 100}.0.1`, port: 1 };
    world.datagrams.send(encodeQuery(Buffer.from('a'), Buffer.alloc(20, number), PING, true), source, address);
    world.timeline.run(1);
  }
  const sent = (node.status().families[0]?.sent ?? 0) - before;
  assert.ok(sent <= 21_000, `${sent} bytes`);
});

test('nobody far away makes us send packets into our own network', () => {
  const world = network(1);
  const [{ node }] = world.honest as [HonestNode];
  const inside = stranger(world, { host: '192.168.1.1', port: 53 });
  const liar = { host: '8.8.4.4', port: 1 };
  const id = Buffer.alloc(20, 5);
  const socket = world.datagrams.attach(liar, (packet, from) => {
    const message = decodeMessage(packet);
    if (message.kind !== 'query') return;
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
  node.search(
    HASH,
    (peers) => found.push(peers),
    ({ answered }) => found.push(answered),
  );
  world.timeline.run(MINUTE);
  assert.deepEqual([found, inside.got], [[1], []]);
});

test('whoever names ten thousand nodes makes us send no more than ever, and nothing of ours wait', () => {
  const world = network(5);
  world.timeline.run(5 * MINUTE);
  const [, { node }] = world.honest as [HonestNode, HonestNode];
  const named = Array.from({ length: 10_000 }, (_, at) => stranger(world, { host: '9.9.9.9', port: 1_000 + at }));
  for (let port = 1_000; port < 11_000; port += 1) node.addNode({ host: '9.9.9.9', port }, { kind: 'link' });
  let took = Number.POSITIVE_INFINITY;
  const began = world.timeline.now();
  node.search(
    HASH,
    () => undefined,
    () => {
      took = world.timeline.now() - began;
    },
  );
  world.timeline.run(MINUTE);
  assert.ok(took < 5_000, `the search took ${took} ms`);
  const asked = named.filter(({ got }) => got.length > 0).length;
  assert.ok(asked > 50 && asked <= 101, `${asked} were asked`);
});

test('a search that is cancelled tells nothing and asks nobody any more', () => {
  const world = network(20);
  world.timeline.run(10 * MINUTE);
  const [, , , , searcher] = world.honest as HonestNode[];
  const search = searcher?.node.search(
    HASH,
    () => assert.fail('told'),
    () => assert.fail('told'),
  );
  world.timeline.run(1);
  search?.cancel();
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
    second.node.search(
      HASH,
      (found) => (peers += found.length),
      () => undefined,
    );
    world.timeline.run(MINUTE);
    return peers;
  };
  const announced = first.node.announce(HASH, { port: 7000, impliedPort: true, isSeed: () => true }, () => undefined);
  world.timeline.run(120 * MINUTE);
  assert.equal(count(), 1);
  announced.stop();
  world.timeline.run(31 * MINUTE);
  assert.equal(count(), 0);
});

test('a peer that is announced to us is told at once to the torrent that looks for it, and to no other', () => {
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

test('with no place it looks again and again, and nobody hears of it', () => {
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

test('when the timers of a torrent end, nothing more is begun for it', () => {
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

test('a value is stored and found again, and only the one that was stored', () => {
  const world = network(10);
  const [first, second] = world.honest as [HonestNode, HonestNode];
  const item = { value: Buffer.from('12:Hello World!'), signed: null };
  const log: unknown[] = [];
  const target = Buffer.from('e5f96f6f38320f0f33959cb4d3d656452117aadb', 'hex');
  first.node.put(item, Buffer.alloc(0), (at, stored) => log.push(at.equals(target), stored >= 5));
  world.timeline.run(MINUTE);
  second.node.get(target, Buffer.alloc(0), (found) => log.push(found));
  world.timeline.run(MINUTE);
  second.node.get(HASH, Buffer.alloc(0), (found) => log.push(found));
  world.timeline.run(MINUTE);
  assert.deepEqual(log, [true, true, item, null]);
});

test('both families are one node, and each finds its own peers', () => {
  const world = network(0);
  const hosts = Array.from({ length: 6 }, (_, number) => [`8.${number}.0.1`, `2001:db8:${number + 1}::1`] as const);
  const routers = hosts.slice(0, 1).flatMap((pair) => pair.map((host) => ({ host, port: 6881 })));
  const nodes = hosts.map((pair) => world.joinBoth(pair, routers));
  world.timeline.run(3 * MINUTE);
  nodes[1]?.announce(HASH, { port: 7000, impliedPort: false, isSeed: () => false }, () => undefined);
  world.timeline.run(MINUTE);
  const found: string[] = [];
  nodes[2]?.search(
    HASH,
    (peers) => found.push(...peers.map(({ host }) => host)),
    () => found.push('done'),
  );
  world.timeline.run(MINUTE);
  assert.deepEqual(found.sort(), ['2001:db8:2::1', '8.1.0.1', 'done']);
  assert.deepEqual(
    nodes[2]?.status().families.map(({ family, good: count }) => [family, count]),
    [
      [4, 5],
      [6, 5],
    ],
  );
});

test('after the end no packet leaves and no task waits', () => {
  const world = network(5);
  const member = world.honest[4] as HonestNode;
  member.node.announce(HASH, { port: 1, impliedPort: false, isSeed: () => false }, () => assert.fail('told'));
  member.node.search(
    HASH,
    () => assert.fail('told'),
    () => assert.fail('told'),
  );
  const [...all] = world.honest;
  for (const each of all) world.leave(each);
  const { sent } = world.datagrams;
  world.timeline.run(60 * MINUTE);
  assert.deepEqual([world.datagrams.sent - sent, world.timeline.pending], [0, 0]);
});
