import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ListenHandler, SingleSocket } from '../../../src/net/raw-server.js';
import { NatCheck } from '../../../src/tracker/nat-check.js';
import { LoggingHandler } from '../../support/fakes/logging-handler.js';
import { seededRandom } from '../../support/simulation/seeded-random.js';
import { SimulatedNetwork } from '../../support/simulation/simulated-network.js';
import { Timeline } from '../../support/simulation/timeline.js';
import { splits } from '../../support/splits.js';

const SECOND = 1000;
const INFO_HASH = Buffer.alloc(20, 0xaa);
const PEER_ID = Buffer.from('-XX0001-abcdefghijkl');
const MY_ID = Buffer.from('-BG0001-tracker-----');

const handshake = (infoHash: Buffer, peerId: Buffer) =>
  Buffer.concat([Buffer.from('\u0013BitTorrent protocol\0\0\0\0\0\0\u0010\u0005', 'latin1'), infoHash, peerId]);

/** Calls back a peer that answers its first bytes with `parts`, and returns the verdict of the check. */
function callBack(parts: readonly Buffer[], act: (socket: SingleSocket) => void = () => undefined) {
  const timeline = new Timeline();
  const network = new SimulatedNetwork(timeline, seededRandom(1));
  const tracker = network.host('10.0.0.1');
  const peer = network.host('10.0.0.2', { chunking: 'whole' });
  const events = new LoggingHandler('peer', []);
  let answered = false;
  events.onData = (socket) => {
    if (answered) return;
    answered = true;
    for (const [index, part] of parts.entries()) timeline.addTask(() => socket.write([part]), index);
    act(socket);
  };
  peer.listen({ port: 6881 }, events satisfies ListenHandler, (outcome) => assert.ok(outcome.ok));
  const log: string[] = [];
  const check = new NatCheck(tracker, MY_ID, { limit: 15 * SECOND, maxAtOnce: 2 });
  const call = (host: string, port: number, source = host) =>
    check.check({ host, port }, INFO_HASH, PEER_ID, (reachable) => log.push(`${timeline.now()} ${reachable}`), source);
  return { timeline, network, tracker, events, log, call };
}

test('a peer that answers the handshake is reachable, however its answer is cut', () => {
  const answer = Buffer.concat([handshake(INFO_HASH, PEER_ID), Buffer.from([0, 0, 0, 1, 15])]);
  for (const parts of splits(answer, seededRandom(1))) {
    const { timeline, tracker, events, log, call } = callBack(parts);
    call('10.0.0.2', 6881);
    timeline.run(SECOND);
    assert.deepEqual(
      log.map((line) => line.split(' ')[1]),
      ['true'],
    );
    assert.equal(events.text, handshake(INFO_HASH, MY_ID).toString('latin1').replace('\u0010\u0005', '\0\0'));
    assert.equal(tracker.socketCount, 0);
    timeline.run(60 * SECOND);
    assert.equal(log.length, 1);
  }
});

test('a peer that answers with something else is not reachable', () => {
  const answers: Record<string, Buffer> = {
    'another torrent': handshake(Buffer.alloc(20), PEER_ID),
    'another peer id': handshake(INFO_HASH, MY_ID),
    'another protocol': Buffer.alloc(68, 'HTTP/1.1 400 Bad Request'),
    'half an answer': handshake(INFO_HASH, PEER_ID).subarray(0, 48),
    silence: Buffer.alloc(0),
  };
  for (const [name, answer] of Object.entries(answers)) {
    const { timeline, tracker, log, call } = callBack([answer]);
    call('10.0.0.2', 6881);
    timeline.run(15 * SECOND);
    assert.deepEqual(
      log.map((line) => line.split(' ')[1]),
      ['false'],
      name,
    );
    assert.equal(tracker.socketCount, 0);
  }
});

test('a peer that closes, refuses or does not exist is not reachable', () => {
  const { timeline, log, call } = callBack([], (socket) => socket.close());
  call('10.0.0.2', 6881);
  timeline.run(SECOND);
  call('10.0.0.2', 1);
  timeline.run(SECOND);
  call('10.0.0.3', 1);
  timeline.run(SECOND);
  assert.deepEqual(
    log.map((line) => line.split(' ')[1]),
    ['false', 'false', 'false'],
  );
});

test('a silent peer is given up after the limit; of too many calls the oldest of the host with the most gives way', () => {
  const { timeline, network, log, call } = callBack([]);
  network.silence('10.0.0.2');
  call('10.0.0.2', 6881, 'greedy');
  call('10.0.0.2', 6881, 'modest');
  assert.deepEqual(log, []);
  for (const time of [0, 0]) {
    call('10.0.0.2', 6881, 'greedy');
    // It says nothing about the peer.
    assert.equal(log.pop(), `${time} null`);
  }
  timeline.run(20 * SECOND);
  assert.deepEqual(log.splice(0), ['15000 false', '15000 false']);
  for (let count = 0; count < 2; count += 1) call('10.0.0.2', 6881, 'greedy');
  timeline.run(5 * SECOND);
  call('10.0.0.2', 6881, 'modest');
  timeline.run(12 * SECOND);
  // The newest call does not give way: its time is not over.
  assert.deepEqual(log, ['25000 null', '35000 false']);
});
