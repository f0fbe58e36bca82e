import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { PeerConnection } from '../../../../src/swarm/connections/peer-connection.js';
import type { FakeTalk } from '../../../support/fakes/fake-talk.js';
import { at, type Client, EncoderWorld, idOf, PORT, USER } from '../../../support/worlds/encoder-world.js';

const A = '10.0.0.1';
const B = '10.0.0.2';
const C = '10.0.0.3';
const A6 = '2001:db8:9::1';
const MINUTE = 60_000;

describe('the identity of a peer', () => {
  it('is our own when we have dialled ourselves: both sides refuse, and we do not dial the address again', () => {
    const world = new EncoderWorld();
    const client = world.client(A, 'a');
    client.encoder.startConnection(at(A), USER, null);
    world.run(1_000);
    for (let minute = 0; minute < 5; minute += 1) {
      world.run(MINUTE);
      client.encoder.startConnection(at(A), USER, null);
    }
    assert.deepEqual(client.log, []);
    assert.deepEqual([...client.encoder.refusals], [['own-peer-id', client.refused.length]]);
    assert.ok(client.refused.length <= 2);
    assert.equal(client.encoder.everIncoming, false);
    const { dialled, turnedAway } = client.encoder.reach;
    assert.deepEqual([dialled, turnedAway], [0, 0], 'nobody has hung up');
  });

  it('may differ from what the tracker said, even when the peer that the tracker named is connected', () => {
    const world = new EncoderWorld();
    const client = world.client(A, 'a');
    world.polite(B, 'b');
    world.polite(C, 'c');
    client.encoder.startConnection(at(B), USER, idOf('x'));
    world.run(1_000);
    client.encoder.startConnection(at(C), USER, idOf('b'));
    world.run(1_000);
    assert.deepEqual(client.log, ['made b', 'made c']);
    assert.deepEqual([...client.encoder.refusals], []);
  });

  it('is our own when the tracker says our id, and then we do not dial', () => {
    const world = new EncoderWorld();
    const client = world.client(A, 'a');
    const fake = world.fake(B, 'b');
    client.encoder.startConnection(at(B), USER, idOf('a'));
    world.run(5 * MINUTE);
    assert.equal(fake.talks.length, 0);
  });

  it('may be another one when we dial the peer than when it came from outside', () => {
    const world = new EncoderWorld();
    const client = world.client(A, 'a', { listeningPort: () => 6_881 });
    world.polite(B, 'c');
    const talk = world.fake(B, 'b', {}, 7_000).dial(at(A));
    talk.sayHandshake();
    world.run(1_000);
    talk.socket.close();
    world.run(2 * MINUTE);
    assert.deepEqual(client.log, ['made b', 'lost b', 'made c']);
    assert.deepEqual([...client.encoder.refusals], []);
  });

  it('keeps no other peer out: under one id each host has connections of its own, in any order', () => {
    for (const [first, second] of [
      [B, C],
      [C, B],
    ] as const) {
      const world = new EncoderWorld();
      const client = world.client(A, 'a');
      world.fake(first, 'b').dial(at(A)).sayHandshake();
      world.run(20_000);
      world.polite(second, 'b', 7_000);
      client.encoder.startConnection(at(second, 7_000), USER, null);
      world.run(20_000);
      assert.deepEqual([client.log, [...client.encoder.refusals]], [['made b', 'made b'], []]);
    }
  });

  it('is the same from every address of a /64 of IPv6, and another from another /64', () => {
    const world = new EncoderWorld();
    const client = world.client(A6, 'a');
    for (const host of ['2001:db8:1::1', '2001:db8:1::2', '2001:db8:1::3', '2001:db8:1::4', '2001:db8:2::1']) {
      world.fake(host, 'b').dial(at(A6)).sayHandshake();
    }
    world.run(1_000);
    assert.deepEqual([client.peers, [...client.encoder.refusals]], ['bbbb', [['duplicate-peer', 1]]]);
  });

  it('lets three connections of one host stand side by side; then a silent one gives way to a newcomer', () => {
    const world = new EncoderWorld();
    let isBusy = false;
    const client: Client = world.client(A, 'a', {
      merits: (connection) =>
        isBusy && connection === client.connections[0] ? { lastBlockAt: world.timeline.now() } : {},
    });
    const fake = world.fake(B, 'b');
    const dial = (): FakeTalk => {
      const talk = fake.dial(at(A));
      talk.sayHandshake();
      world.run(1_000);
      return talk;
    };
    const talks = [dial(), dial(), dial(), dial()];
    const isLost = (): boolean[] => talks.map((talk) => talk.lost);
    assert.deepEqual(isLost(), [false, false, false, true]);
    world.run(MINUTE);
    isBusy = true;
    talks.push(dial());
    assert.deepEqual(isLost(), [false, true, false, true, false]);
    assert.deepEqual([...client.encoder.refusals], [['duplicate-peer', 2]]);
  });

  it('cannot be borrowed behind the address of its owner to push out an owner that we dialled', () => {
    for (const myId of ['a', 'c']) {
      const world = new EncoderWorld();
      const client: Client = world.client(A, myId, {
        merits: (connection) =>
          connection === client.connections[0] ? { lastBlockAt: world.timeline.now(), exchanged: 1 } : {},
      });
      world.polite(B, 'b');
      client.encoder.startConnection(at(B), USER, null);
      world.run(1_000);
      const thief = world.fake(B, 'b', {}, 7_000);
      for (let minute = 0; minute < 4; minute += 1) {
        thief.dial(at(A)).sayHandshake();
        world.run(MINUTE);
      }
      assert.deepEqual(client.connections[0]?.closed, false, myId);
      assert.equal(client.peers, 'b');
    }
  });

  it('cannot be borrowed behind the address of its owner to keep us from dialling the owner', () => {
    for (const myId of ['a', 'c']) {
      const world = new EncoderWorld();
      const client = world.client(A, myId);
      const thief = world.fake(B, 'b', {}, 7_000);
      for (let count = 0; count < 3; count += 1) thief.dial(at(A)).sayHandshake();
      world.run(1_000);
      const owner = world.fake(B, 'b', {
        gotHandshake: (talk) => talk.say(Buffer.concat([talk.handshake(), Buffer.of(0, 0, 0, 1, 1)])),
      });
      client.encoder.startConnection(at(B), USER, null);
      world.run(3_000);
      assert.deepEqual([client.log.slice(-2), owner.talk.lost], [['made b', 'frame b 01'], false], myId);
    }
  });

  it('is no reason to keep a dialled connection that was silent for a minute when another one comes', () => {
    const world = new EncoderWorld();
    const client = world.client(A, 'c');
    world.polite(B, 'b');
    client.encoder.startConnection(at(B), USER, null);
    world.run(61_000);
    world.fake(B, 'b', {}, 7_000).dial(at(A)).sayHandshake();
    world.run(MINUTE);
    assert.deepEqual(client.log, ['made b', 'lost b', 'made b']);
    assert.deepEqual(
      client.connections.map(({ closed }) => closed),
      [true, false],
    );
  });

  it('may be found at two ports of a host: the connection that brought less goes after a minute', () => {
    const world = new EncoderWorld();
    const client: Client = world.client(A, 'a', {
      merits: (connection) => ({ exchanged: connection.address.port === PORT ? 5 : 1 }),
    });
    for (const port of [7_000, PORT, 7_001]) {
      world.polite(B, 'b', port);
      client.encoder.startConnection(at(B, port), USER, null);
    }
    world.run(59_000);
    assert.equal(client.peers, 'bbb');
    world.run(2_000);
    const open = client.connections.filter(({ closed }) => !closed);
    assert.deepEqual(
      open.map(({ address }) => address.port),
      [PORT],
    );
  });

  it('does not keep us from dialling a peer when its connection has been silent for five minutes', () => {
    const world = new EncoderWorld();
    const client = world.client(A, 'a');
    const owner = world.polite(B, 'b');
    client.encoder.startConnection(at(B), USER, null);
    world.run(1_000);
    owner.talk.hangUp();
    const thief = world.fake(B, 'b', {}, 7_000).dial(at(A));
    thief.sayHandshake();
    const peers: string[] = [];
    for (let time = 0; time < 3; time += 1) {
      world.run(2 * MINUTE);
      client.encoder.startConnection(at(B), USER, null);
      thief.sayKeepAlive();
      world.run(1_000);
      peers.push(client.peers);
    }
    assert.deepEqual(peers, ['b', 'b', 'bb']);
  });

  it('is found out although each side sends 48 bytes and waits for the answer before it goes on', () => {
    const world = new EncoderWorld();
    const client = world.client(A, 'a');
    const fake = world.fake(B, 'b', {
      connected: (talk) => talk.say(talk.handshake().subarray(0, 48)),
      gotHandshake: (talk) => talk.say(talk.handshake().subarray(48)),
    });
    fake.dial(at(A));
    world.run(1_000);
    client.connections[0]?.refuse({ code: 'both-complete' });
    client.encoder.startConnection(at(B), USER, null);
    world.run(1_000);
    assert.deepEqual(client.log, ['made b', 'lost b', 'made b']);
  });

  it('shows that we can be reached only once a peer from outside has finished the handshake', () => {
    const world = new EncoderWorld();
    const client = world.client(A, 'a');
    world.polite(B, 'b');
    client.encoder.startConnection(at(B), USER, null);
    const talk = world.fake(C, 'c').dial(at(A));
    talk.say(talk.handshake().subarray(0, 67));
    world.run(1_000);
    assert.equal(client.encoder.everIncoming, false);
    talk.say(talk.handshake().subarray(67));
    world.run(1_000);
    assert.equal(client.encoder.everIncoming, true);
  });

  it('leaves one connection when two peers dial each other: the one that the greater id dialled', () => {
    const skews = Array.from({ length: 41 }, (_, index) => 3 * index - 60);
    for (const skew of [-61_000, -30_000, -10_010, -9_990, ...skews, 9_990, 10_010, 30_000, 61_000]) {
      const world = new EncoderWorld(10);
      const a = world.client(A, 'a');
      const b = world.client(B, 'b');
      const dialA = (): unknown => a.encoder.startConnection(at(B), USER, null);
      const dialB = (): unknown => b.encoder.startConnection(at(A), USER, null);
      world.timeline.addTask(dialA, Math.max(0, skew));
      world.timeline.addTask(dialB, Math.max(0, -skew));
      world.run(5 * MINUTE);
      const open = (client: typeof a): boolean[] =>
        client.connections.filter(({ closed }) => !closed).map(({ locallyInitiated }) => locallyInitiated);
      assert.deepEqual([a.peers, b.peers], ['b', 'a'], `skew ${skew}`);
      assert.notDeepEqual(open(a), open(b), `skew ${skew}: both hold the same connection`);
      if (Math.abs(skew) < 10) assert.deepEqual([open(a), open(b)], [[false], [true]], `skew ${skew}`);
      assert.equal(a.log.filter((line) => line.startsWith('made')).length <= 2, true);
    }
  });
});

describe('the part of the loop that belongs to a torrent', () => {
  it('ends both connections when it is closed while one makes room for the other', () => {
    const world = new EncoderWorld(10);
    const a = world.client(A, 'a');
    const b = world.client(B, 'b');
    b.connectionLost = () => b.encoder.close();
    a.encoder.startConnection(at(B), USER, null);
    b.encoder.startConnection(at(A), USER, null);
    world.run(1_000);
    assert.deepEqual([b.log, b.peers], [['made a'], '']);
    assert.equal(b.encoder.howManyConnections(), 0);
  });

  it('is the only one that a fault of ours stops, even in the chunk that named the torrent', () => {
    const world = new EncoderWorld(10);
    const faults: unknown[] = [];
    const fault = new Error('our own bug');
    const client = world.client(A, 'a', {
      gotException: (error) => faults.push(error),
      gotFrame: () => {
        throw fault;
      },
    });
    const talk = world.fake(B, 'b').dial(at(A));
    talk.say(Buffer.concat([talk.handshake(), Buffer.of(0, 0, 0, 1, 0)]));
    world.run(1_000);
    assert.deepEqual(faults, [fault]);
    assert.deepEqual(client.log, ['made b', 'frame b 00']);
  });

  it('reads what came with the info-hash before what comes right behind it', () => {
    const world = new EncoderWorld(10);
    const client = world.client(A, 'a');
    const talk = world.fake(B, 'b').dial(at(A));
    world.run(100);
    const stream = Buffer.concat([talk.handshake(), Buffer.of(0, 0, 0, 2, 20, 0)]);
    talk.say(stream.subarray(0, 60), stream.subarray(60, 70), stream.subarray(70));
    world.run(1_000);
    assert.deepEqual(client.log, ['made b', 'frame b 1400']);
  });
});

describe('banning', () => {
  const lie = { kind: 'wrong-piece', piece: 3 } as const;

  /** Dials the client at `to` from `host`, under the id `letter`. */
  function visit(world: EncoderWorld, host: string, letter: string, to = A): FakeTalk {
    const talk = world.fake(host, letter, {}, 0).dial(at(to));
    talk.sayHandshake();
    world.run(1_000);
    return talk;
  }

  function banLast(client: Client): void {
    const liar = client.connections.at(-1);
    assert.ok(liar !== undefined);
    client.encoder.ban(liar, lie);
  }

  it('is for one peer: others behind its address stay, and the liar does not come back under its id', () => {
    const world = new EncoderWorld();
    const client = world.client(A, 'a');
    visit(world, B, 'b');
    visit(world, B, 'c');
    banLast(client);
    visit(world, B, 'c');
    visit(world, C, 'c');
    visit(world, B, 'd');
    assert.deepEqual(client.log, ['made b', 'made c', 'lost c', 'made c', 'made d']);
    assert.deepEqual([...client.encoder.refusals], [['banned', 2]]);
    assert.deepEqual(
      client.encoder.bans.map(({ address: { host }, peerId, evidence }) => [host, peerId, evidence]),
      [[B, idOf('c'), lie]],
    );
  });

  it('of a peer that we dialled is for its port, whatever its id; we dial another port with the same id', () => {
    const world = new EncoderWorld();
    const client = world.client(A, 'a');
    const liar = world.polite(B, 'c', 7_000);
    client.encoder.startConnection(at(B, 7_000), USER, null);
    world.run(1_000);
    banLast(client);
    const owner = world.polite(B, 'c');
    for (const port of [7_000, PORT]) client.encoder.startConnection(at(B, port), USER, null);
    world.run(5 * MINUTE);
    assert.deepEqual([client.peers, liar.knocks.length, owner.knocks.length], ['c', 1, 1]);
  });

  it('after three liars from outside is for all peers of the host from outside, but we still dial the host', () => {
    const world = new EncoderWorld();
    const client = world.client(A, 'a');
    const bystander = visit(world, B, 'z');
    const unfinished = world.fake(B, 'y', {}, 0).dial(at(A));
    unfinished.say(unfinished.handshake().subarray(0, 50));
    visit(world, C, 'z');
    for (const letter of 'bcd') {
      assert.equal(bystander.lost, false);
      visit(world, B, letter);
      banLast(client);
    }
    world.run(1_000);
    const late = visit(world, B, 'e');
    for (const [port, letter] of [
      [7_001, 'f'],
      [7_002, 'g'],
      [7_003, 'h'],
      [7_004, 'i'],
    ] as const) {
      world.polite(B, letter, port);
      client.encoder.startConnection(at(B, port), USER, null);
      world.run(MINUTE);
      assert.equal(client.peers, letter === 'i' ? 'z' : `z${letter}`);
      if (letter !== 'i') banLast(client);
    }
    assert.deepEqual([bystander.lost, unfinished.lost, late.log], [true, true, ['lost: ended']]);
    assert.deepEqual([...client.encoder.refusals], [['banned', 9]]);
  });

  it('after three liars spares the peers of the host that have sent right pieces', () => {
    const world = new EncoderWorld();
    const client: Client = world.client(A, 'a', {
      merits: (connection) => ({ hasEarned: connection === client.connections[0] }),
    });
    visit(world, B, 'z');
    visit(world, B, 'y');
    for (const letter of 'bcd') {
      visit(world, B, letter);
      banLast(client);
    }
    world.run(1_000);
    assert.equal(client.peers, 'z');
    client.encoder.ban(client.connections[0] as PeerConnection, lie);
    assert.equal(client.peers, '');
  });

  it('counts a /64 of IPv6 as one host', () => {
    const world = new EncoderWorld();
    const client = world.client(A6, 'a');
    for (const [index, letter] of [...'bcd'].entries()) {
      visit(world, `2001:db8:1::${index + 1}`, letter, A6);
      banLast(client);
    }
    visit(world, '2001:db8:1::9', 'e', A6);
    visit(world, '2001:db8:2::9', 'f', A6);
    assert.equal(client.peers, 'f');
  });

  it('counts the sixteen hosts of a /48 that came first one by one, and the others as one', () => {
    const world = new EncoderWorld();
    const client = world.client(A6, 'a');
    const made = (): number => client.log.filter((line) => line.startsWith('made')).length;
    for (let number = 1; number <= 40; number += 1) {
      const before = made();
      visit(world, `2001:db8:1:${number.toString(16)}::1`, 'b', A6);
      if (made() > before) banLast(client);
    }
    // Of the one host each new id is a liar, and its third has it banned.
    assert.equal(made(), 17);
    for (const letter of 'cdef') {
      const before = made();
      visit(world, '2001:db8:1:ff::1', letter, A6);
      if (made() > before) banLast(client);
    }
    assert.equal(made(), 19);
    visit(world, '2001:db8:2:1::1', 'g', A6);
    assert.equal(client.peers, 'g');
  });

  describe('in a crowd of one /48', () => {
    const network = (number: number): string => `2001:db8:1:${number.toString(16)}::1`;

    /** Sixteen hosts have come and gone, so the others of the /48 are a crowd. */
    function withCrowd(letter: string, parts: Parameters<EncoderWorld['client']>[2] = {}) {
      const world = new EncoderWorld();
      const client: Client = world.client(A6, letter, parts);
      for (let number = 1; number <= 16; number += 1) visit(world, network(number), 'b', A6).hangUp();
      world.run(1_000);
      assert.equal(client.peers, '');
      return { world, client };
    }

    it('ends those of it that have sent nothing yet, and neither those that came before it nor those that we dial', () => {
      const { world, client } = withCrowd('a', {
        merits: ({ peerId }) => ({ hasEarned: peerId.equals(idOf('e')) }),
      });
      visit(world, network(1), 'w', A6);
      visit(world, network(0x50), 'e', A6);
      visit(world, network(0x51), 'n', A6);
      for (const [number, letter] of [...'xyz'].entries()) {
        visit(world, network(0x60 + number), letter, A6);
        banLast(client);
      }
      world.run(1_000);
      assert.equal(client.peers, 'we');
      assert.ok(visit(world, network(0x51), 'n', A6).lost);
      world.polite(network(0x51), 'n');
      client.encoder.startConnection(at(network(0x51)), USER, null);
      world.run(MINUTE);
      assert.equal(client.peers, 'wen');
    });

    it('lets them in again when no crowd has come for an hour', () => {
      const { world, client } = withCrowd('a');
      for (const letter of 'xyz') {
        visit(world, network(0x60), letter, A6);
        banLast(client);
      }
      assert.ok(visit(world, network(0x51), 'n', A6).lost);
      world.run(61 * MINUTE);
      visit(world, network(0x51), 'n', A6);
      assert.equal(client.peers, 'n');
    });

    it('knows a peer that we have dialled when it comes from outside', () => {
      const { world, client } = withCrowd('z');
      world.polite(network(0x50), 'n');
      client.encoder.startConnection(at(network(0x50)), USER, null);
      world.run(MINUTE);
      assert.ok(visit(world, network(0x50), 'n', A6).lost);
      assert.equal(client.peers, 'n');
    });

    it('takes peers of many networks under one id for as many peers', () => {
      const { world, client } = withCrowd('a');
      for (const number of [0x50, 0x51, 0x52, 0x53, 0x54]) visit(world, network(number), 'n', A6);
      assert.equal(client.peers, 'nnnnn');
    });
  });
});
