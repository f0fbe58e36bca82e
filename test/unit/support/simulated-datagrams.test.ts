import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type DatagramHandler,
  type DatagramOptions,
  type DatagramSocket,
  MAX_UNSENT_LENGTH,
} from '../../../src/net/raw-server.js';
import { seededRandom } from '../../support/simulation/seeded-random.js';
import type { SimulatedHost } from '../../support/simulation/simulated-host.js';
import type { SimulatedHostOptions } from '../../support/simulation/simulated-host-options.js';
import { SimulatedNetwork } from '../../support/simulation/simulated-network.js';
import { Timeline } from '../../support/simulation/timeline.js';

const SENT = 1000;

function openAt(
  timeline: Timeline,
  host: SimulatedHost,
  options: DatagramOptions,
  cameIn: DatagramHandler['datagramCameIn'],
): DatagramSocket {
  const handler: DatagramHandler = {
    datagramCameIn: cameIn,
    sendFailed: (_socket, to, { code }) => assert.fail(`${to.host} ${code}`),
  };
  const sockets: DatagramSocket[] = [];
  host.openDatagram(options, handler, (outcome) => {
    assert.ok(outcome.ok);
    sockets.push(outcome.socket);
  });
  timeline.runUntil(() => sockets.length === 1, 1);
  return sockets[0] as DatagramSocket;
}

/** Sends a thousand numbered datagrams, one per millisecond, and returns the numbers that came and their delays. */
function sendNumbers(seed: number, options: Partial<SimulatedHostOptions>, length = 4) {
  const timeline = new Timeline();
  const network = new SimulatedNetwork(timeline, seededRandom(seed), 10);
  const came: { number: number; at: number }[] = [];
  const receiver = openAt(timeline, network.host('10.0.0.2'), { family: 4, host: '10.0.0.2', port: 7 }, (_, data) =>
    came.push({ number: data.readUInt32BE(0), at: timeline.now() }),
  );
  const sender = openAt(timeline, network.host('10.0.0.1', options), { family: 4, port: 0 }, () => undefined);
  const begin = timeline.now();
  for (let number = 0; number < SENT; number += 1) {
    timeline.addTask(() => {
      const data = Buffer.alloc(length);
      data.writeUInt32BE(number);
      sender.send(data, receiver.local);
      // The socket has copied the bytes, so this does not change the datagram.
      data.fill(0xff);
    }, number);
  }
  timeline.run(10_000);
  return came.map(({ number, at }) => ({ number, delay: at - begin - number }));
}

test('all datagrams come in order, each after the latency', () => {
  const came = sendNumbers(1, { latency: 5 });
  assert.deepEqual(
    came,
    Array.from({ length: SENT }, (_, number) => ({ number, delay: 15 })),
  );
});

test('a share of the datagrams is lost, the same for the same seed', () => {
  const came = sendNumbers(2, { datagramLoss: 0.2 });
  assert.ok(came.length > 750 && came.length < 850, `${came.length}`);
  assert.deepEqual(sendNumbers(2, { datagramLoss: 0.2 }), came);
  assert.notDeepEqual(sendNumbers(3, { datagramLoss: 0.2 }), came);
});

test('a share of the datagrams comes twice', () => {
  const came = sendNumbers(2, { datagramDoubling: 0.1 });
  assert.equal(new Set(came.map(({ number }) => number)).size, SENT);
  assert.ok(came.length > SENT + 70 && came.length < SENT + 130, `${came.length}`);
});

test('jitter lets datagrams overtake each other', () => {
  const came = sendNumbers(2, { datagramJitter: 30 });
  assert.equal(came.length, SENT);
  assert.ok(came.every(({ delay }) => delay >= 10 && delay < 40));
  assert.ok(came.some(({ number }, index) => number < (came[index - 1]?.number ?? 0)));
});

test('a slow line delays datagrams, and drops those that do not fit into its queue', () => {
  const length = 4000;
  const came = sendNumbers(1, { upload: 1_000_000 }, length);
  const held = MAX_UNSENT_LENGTH / length;
  assert.ok(came.length < SENT && came.length > SENT / 4 + held - 3, `${came.length}`);
  const longest = Math.max(...came.map(({ delay }) => delay));
  assert.ok(longest > 900 && longest < MAX_UNSENT_LENGTH / 1000 + 20, `${longest}`);
});

test('a datagram to a silent host is lost, even if the host is restored later', () => {
  const timeline = new Timeline();
  const network = new SimulatedNetwork(timeline, seededRandom(1));
  const came: string[] = [];
  const receiver = openAt(timeline, network.host('10.0.0.2'), { family: 4, host: '10.0.0.2', port: 7 }, (_, data) =>
    came.push(data.toString()),
  );
  const sender = openAt(timeline, network.host('10.0.0.1'), { family: 4, port: 0 }, () => undefined);
  network.silence('10.0.0.2');
  sender.send(Buffer.from('lost'), receiver.local);
  timeline.run(100);
  network.restore('10.0.0.2');
  sender.send(Buffer.from('heard'), receiver.local);
  timeline.run(100);
  assert.deepEqual(came, ['heard']);
});

test('a datagram to a group reaches every socket of the group, that of the sender too', () => {
  const timeline = new Timeline();
  const network = new SimulatedNetwork(timeline, seededRandom(1));
  const log: string[] = [];
  const group = '239.192.152.143';
  const join = (name: string, host: string, options: DatagramOptions) =>
    openAt(timeline, network.host(host), options, (_, data, from) => log.push(`${name} ${data} ${from.host}`));
  const asked: DatagramOptions = { family: 4, port: 6771, group };
  const sender = join('a', '10.0.0.1', asked);
  join('b', '10.0.0.2', asked);
  join('b too', '10.0.0.2', asked);
  join('c', '10.0.0.3', { family: 4, port: 6771 });
  join('d', '10.0.0.4', { family: 4, port: 6772, group });
  sender.send(Buffer.from('x'), { host: group, port: 6771 });
  timeline.run(100);
  assert.deepEqual(log.sort(), ['a x 10.0.0.1', 'b too x 10.0.0.1', 'b x 10.0.0.1']);
});
