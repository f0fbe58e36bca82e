import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { NO_MERITS, type PeerConnection } from '../../../../src/swarm/connections/peer-connection.js';
import { Extensions } from '../../../../src/swarm/extensions/extensions.js';
import { NodePorts } from '../../../../src/swarm/extensions/node-ports.js';
import { DEFAULT_METADATA_PEERS_OPTIONS, MetadataPeers } from '../../../../src/swarm/metadata/metadata-peers.js';
import { SILENT_HANDSHAKE } from '../../../../src/wire/extended.js';
import { decodeMessage, encodeMessage, type PeerMessage } from '../../../../src/wire/message.js';
import { encodeReserved } from '../../../../src/wire/reserved.js';
import { RecordedConnection } from '../../../support/fakes/recorded-connection.js';
import { Timeline } from '../../../support/simulation/timeline.js';

type Said = Parameters<typeof encodeMessage>[0];

function makeWorld() {
  const timeline = new Timeline();
  const extensions = new Extensions(
    [],
    () => SILENT_HANDSHAKE,
    () => undefined,
  );
  const named: string[] = [];
  const nodePorts = new NodePorts({
    portFor: () => 7000,
    addNode: ({ port }) => named.push(`node at ${port}`),
  });
  const outlooks = new Map<PeerConnection, number | null>();
  const outlook = (connection: PeerConnection) => outlooks.get(connection) ?? null;
  const peers = new MetadataPeers({ timers: timeline, extensions, nodePorts, outlook }, DEFAULT_METADATA_PEERS_OPTIONS);
  const join = (name: string, external?: { readonly host: string }): RecordedConnection => {
    const connection = new RecordedConnection(name, [], external?.host, external === undefined);
    peers.connectionMade(connection);
    return connection;
  };
  const say = (connection: PeerConnection, ...messages: readonly Said[]): void => {
    for (const message of messages) {
      // As Connection does: a frame is a view that is valid during the call.
      const frame = encodeMessage(message).subarray(4);
      peers.gotFrame(connection, frame);
      frame.fill(0);
    }
  };
  const taken: string[] = [];
  const leave = (): void =>
    peers.handPeersTo({
      connectionMade: () => undefined,
      gotFrame: () => undefined,
      connectionFlushed: () => undefined,
      connectionLost: () => undefined,
      leastUseful: () => undefined,
      placeFor: () => undefined,
      listeningPort: () => null,
      hasNothingToSay: () => false,
      wantsNothing: () => false,
      merits: () => NO_MERITS,
      takeOver: (_connection, frames) => {
        taken.push(frames.map((frame) => inWords(decodeMessage(frame))).join(', '));
      },
    });
  return { timeline, peers, join, say, leave, taken, named, outlooks };
}

function inWords(decoded: ReturnType<typeof decodeMessage>): string {
  if (!decoded.ok) return decoded.refusal.code;
  const message: PeerMessage = decoded.message;
  if (message.type === 'bitfield') return `bitfield ${message.bits.toString('hex')}`;
  if (message.type === 'extended') return message.payload.toString();
  return message.type === 'have' ? `have ${message.piece}` : message.type;
}

/** How many entries of maps are looked at in turn while `act` runs. */
function stepsThroughMaps(act: () => void): number {
  const original = Map.prototype[Symbol.iterator];
  let steps = 0;
  Map.prototype[Symbol.iterator] = function counted() {
    const iterator = original.call(this);
    const next = iterator.next.bind(iterator);
    iterator.next = () => {
      steps += 1;
      return next();
    };
    return iterator;
  };
  try {
    act();
  } finally {
    Map.prototype[Symbol.iterator] = original;
  }
  return steps;
}

describe('peers of a torrent without metadata', () => {
  test('are handed on with what they said of themselves, in order, and only the last word on each matter', () => {
    const { join, say, leave, taken, peers } = makeWorld();
    const peer = join('a');
    say(peer, { type: 'bitfield', bits: Buffer.from([5]) }, { type: 'unchoke' }, { type: 'interested' });
    say(peer, { type: 'have', piece: 7 }, { type: 'choke' }, { type: 'have', piece: 8 }, { type: 'unchoke' });
    say(peer, { type: 'request', piece: 0, begin: 0, length: 1 });
    leave();
    assert.deepEqual(taken, ['bitfield 05, interested, have 8, unchoke']);
    assert.equal(peers.count, 0);
  });

  test('are handed on with the last message about all their pieces, and the haves after it', () => {
    const { join, say, leave, taken } = makeWorld();
    const all = { type: 'haveAll' } as const;
    const none = { type: 'haveNone' } as const;
    const bitfield = (...bits: number[]): Said => ({ type: 'bitfield', bits: Buffer.from(bits) });
    const have = (piece: number): Said => ({ type: 'have', piece });
    say(join('a'), bitfield(0, 0), have(0), have(9), have(0), have(16));
    say(join('b'), have(1), have(2), bitfield(0), have(3), all, have(4), have(5));
    say(join('c'), all, all, bitfield(1), none, have(2), have(2), have(1));
    const repeating = join('d');
    for (let time = 0; time < 1_000; time += 1) say(repeating, all);
    leave();
    assert.deepEqual(taken, ['bitfield 8040, have 16', 'haveAll', 'haveNone, have 2, have 1', 'haveAll']);
  });

  test('are handed on with few of their extension handshakes: the first, and those that came last', () => {
    const { join, say, leave, taken } = makeWorld();
    const peer = join('a');
    for (let time = 0; time < 1_000; time += 1) {
      say(peer, { type: 'extended', id: 0, payload: Buffer.from(`d4:reqqi${time}ee`) });
    }
    leave();
    const last = Array.from({ length: 7 }, (_, at) => 993 + at);
    assert.deepEqual(taken, [[0, ...last].map((number) => `d4:reqqi${number}ee`).join(', ')]);
  });

  test('tell us at once where their nodes are, and hear of ours', () => {
    const { peers, say, leave, taken, named } = makeWorld();
    const peer = Object.assign(new RecordedConnection('a'), { reserved: encodeReserved(['extended', 'dht']) });
    peers.connectionMade(peer);
    say(peer, { type: 'port', port: 6881 }, { type: 'port', port: 6882 }, { type: 'unchoke' });
    assert.deepEqual(named, ['node at 6881']);
    assert.equal(peer.log.at(-1), 'port 7000');
    leave();
    assert.deepEqual(taken, ['unchoke']);
  });

  test('are refused when they say more than we keep', () => {
    const { join, say } = makeWorld();
    const talker = join('a');
    for (let piece = 0; piece < DEFAULT_METADATA_PEERS_OPTIONS.maxKept; piece += 1)
      say(talker, { type: 'have', piece });
    assert.equal(talker.closed, false);
    say(talker, { type: 'have', piece: DEFAULT_METADATA_PEERS_OPTIONS.maxKept });
    assert.equal(talker.refusal?.code, 'too-much-junk');
    const long = join('b');
    say(long, { type: 'bitfield', bits: Buffer.alloc(DEFAULT_METADATA_PEERS_OPTIONS.maxKeptLength - 200) });
    assert.equal(long.closed, false);
    const beyond = 8 * DEFAULT_METADATA_PEERS_OPTIONS.maxKeptLength;
    say(long, { type: 'have', piece: beyond }, { type: 'have', piece: beyond + 1 });
    assert.equal(long.refusal?.code, 'too-much-junk');
  });

  test('are handed on with a bounded number of pieces that they suggest or allow, each of them once', () => {
    const { join, say, leave, taken } = makeWorld();
    const peer = join('a');
    const { maxHints } = DEFAULT_METADATA_PEERS_OPTIONS;
    for (let piece = 0; piece < 3 * maxHints; piece += 1)
      say(peer, { type: 'suggest', piece }, { type: 'allowedFast', piece }, { type: 'suggest', piece: 0 });
    say(peer, { type: 'unchoke' });
    assert.equal(peer.closed, false);
    leave();
    const counts = new Map<string, number>();
    for (const type of (taken[0] ?? '').split(', ')) counts.set(type, (counts.get(type) ?? 0) + 1);
    assert.deepEqual([...counts].sort(), [
      ['allowedFast', maxHints],
      ['suggest', maxHints],
      ['unchoke', 1],
    ]);
  });

  test('make no more work by a message about all pieces, however much they have said before', () => {
    const stepsAfter = (...before: readonly Said[]): number => {
      const { join, say } = makeWorld();
      const peer = join('a');
      say(peer, ...before);
      return stepsThroughMaps(() => {
        say(peer, { type: 'haveAll' }, { type: 'haveNone' }, { type: 'bitfield', bits: Buffer.alloc(8) });
        assert.equal(peer.closed, false);
      });
    };
    const little = stepsAfter();
    const hints = Array.from({ length: 1_500 }, (_, piece): Said => ({ type: 'suggest', piece }));
    const haves = Array.from({ length: 4_000 }, (_, piece): Said => ({ type: 'have', piece }));
    assert.deepEqual(
      [stepsAfter(...hints), stepsAfter(...haves), stepsAfter(...hints, ...haves)],
      Array(3).fill(little),
    );
  });

  test('lose their places when they offer nothing or are slow, the slowest first, and only after a while', () => {
    const { timeline, join, peers, outlooks } = makeWorld();
    const { patience, maxOutlook } = DEFAULT_METADATA_PEERS_OPTIONS;
    const [untried, fast, slow, hopeless] = ['untried', 'fast', 'slow', 'hopeless'].map((name) => join(name));
    for (const [peer, outlook] of [
      [untried, null],
      [fast, maxOutlook],
      [slow, maxOutlook + 1],
      [hopeless, Number.POSITIVE_INFINITY],
    ] as const) {
      if (peer !== undefined) outlooks.set(peer, outlook);
    }
    timeline.run(patience - 1);
    assert.equal(peers.leastUseful('dialled'), undefined);
    timeline.run(1);
    assert.equal(peers.leastUseful('external'), undefined, 'all of them were dialled');
    for (const expected of [hopeless, slow]) {
      const least = peers.leastUseful('dialled');
      assert.equal(least, expected);
      if (least !== undefined) peers.connectionLost(least);
    }
    assert.equal(peers.leastUseful('dialled'), undefined);
  });

  test('of the host with the most places give one to a host with fewer: the latest peer goes first', () => {
    const { timeline, peers, join, outlooks } = makeWorld();
    for (const name of ['1', '2', '3']) join(name, { host: '10.0.0.1' });
    join('4', { host: '10.0.0.2' });
    const places: Readonly<Record<string, number>> = { '10.0.0.1': 3, '10.0.0.2': 1 };
    const giving = (hostKey: string, isHostFull = false): string | undefined =>
      peers
        .placeFor({ hostKey, placesOf: (host) => places[host] ?? 0, isHostFull })
        ?.peerId.toString()
        .slice(0, 1);
    assert.equal(giving('10.0.0.3'), '3');
    assert.equal(giving('10.0.0.2'), '3');
    assert.equal(giving('10.0.0.1'), undefined);
    outlooks.set(join('5', { host: '10.0.0.1' }), 5_000);
    timeline.run(1_500);
    assert.equal(giving('10.0.0.1'), '5');
    assert.deepEqual([giving('10.0.0.1', true), giving('10.0.0.2', true)], ['5', undefined]);
    outlooks.set(join('6', { host: '10.0.0.2' }), 6_000);
    timeline.run(1_500);
    assert.deepEqual([giving('10.0.0.1'), giving('10.0.0.1', true), giving('10.0.0.2', true)], ['6', '5', '6']);
  });

  test('are refused for a flood of useless messages, and for a malformed one', () => {
    const { join, say, peers } = makeWorld();
    const flood = join('a');
    for (let count = 0; count <= DEFAULT_METADATA_PEERS_OPTIONS.junk.limit; count += 1)
      say(flood, { type: 'request', piece: 0, begin: 0, length: 1 });
    assert.equal(flood.refusal?.code, 'too-much-junk');
    const mad = join('b');
    peers.gotFrame(mad, Buffer.from([4, 1]));
    assert.equal(mad.refusal?.code, 'malformed-message');
  });
});
