import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { DEFAULT_ENCODER_OPTIONS } from '../../../../src/swarm/connections/encoder-options.js';
import { HalfOpen } from '../../../../src/swarm/connections/half-open.js';
import { Spares } from '../../../../src/swarm/connections/spares.js';
import { countCalls } from '../../../support/counted-steps.js';
import { RecordedConnection } from '../../../support/fakes/recorded-connection.js';
import { at, type Client, EncoderWorld, idOf, PORT, TRACKER, USER } from '../../../support/worlds/encoder-world.js';

const A = '10.0.0.1';
const MINUTE = 60_000;

function host(number: number): string {
  return `10.0.1.${number}`;
}

/** Three peers at `host` have lied. */
function banWhole(host: string, { encoder }: Client): void {
  for (const name of 'xyz') encoder.ban(new RecordedConnection(name, [], host), { kind: 'wrong-piece', piece: 1 });
}

describe('dialling', () => {
  it('ignores our own id, an address that is in the table, and a banned host', () => {
    const world = new EncoderWorld();
    const client = world.client(A, 'a');
    const [b, c, d] = ['b', 'c', 'd'].map((letter, index) => world.polite(host(index), letter));
    client.encoder.startConnection(at(host(0)), USER, null);
    world.run(1_000);
    banWhole(host(1), client);
    client.encoder.startConnection(at(host(0)), USER, null);
    client.encoder.startConnection(at(host(1)), USER, null);
    client.encoder.startConnection(at(host(2)), USER, idOf('a'));
    world.run(2 * MINUTE);
    assert.deepEqual([b?.knocks.length, c?.knocks.length, d?.knocks.length], [1, 0, 0]);
    assert.equal(client.encoder.reach.waiting, 0);
    assert.equal(client.peers, 'b');
  });

  it('knows a host by any spelling of its address, and dials no address that a single host cannot have', () => {
    const world = new EncoderWorld();
    const client = world.client(A, 'a');
    const [b, c] = ['b', 'c'].map((letter, index) => world.polite(host(index), letter));
    banWhole(host(1), client);
    for (const named of [host(0), `::ffff:${host(0)}`, `::ffff:${host(1)}`, '224.0.0.1', '0.0.0.0', 'localhost', '']) {
      client.encoder.startConnection(at(named), USER, null);
    }
    world.run(0);
    assert.equal(client.encoder.reach.waiting, 0);
    world.run(5 * MINUTE);
    assert.deepEqual([b?.knocks.length, c?.knocks.length, client.peers], [1, 0, 'b']);
    const { reach } = client.encoder;
    assert.deepEqual(reach, { waiting: 0, dialled: 1, answered: 1, refused: 0, silent: 0, turnedAway: 0 });
  });

  it('looks at the addresses that wait once for all that are named at a time, whether there is a place or not', () => {
    const world = new EncoderWorld();
    const client = world.client(A, 'a');
    const nameMany = (): number =>
      countCalls(Spares.prototype, ['next'], () => {
        for (let port = 1; port <= 200; port += 1)
          client.encoder.startConnection(at(`10.8.${port}.1`), { kind: 'pex', teller: `10.9.0.${port}` }, null);
        world.run(0);
      });
    const { maxInitiate } = DEFAULT_ENCODER_OPTIONS;
    const first = nameMany();
    assert.ok(first <= maxInitiate + 2, `${first} looks, and ${maxInitiate} dials`);
    const second = nameMany();
    assert.ok(second <= 2, `${second} looks`);
  });

  it('does not dial an address again while its peer is connected from outside', () => {
    const world = new EncoderWorld();
    const client = world.client(A, 'a');
    const fake = world.polite(host(1), 'b');
    client.encoder.startConnection(at(host(1)), USER, null);
    world.run(1_000);
    fake.talk.hangUp();
    world.run(1_000);
    fake.dial(at(A)).sayHandshake();
    world.run(5 * MINUTE);
    assert.equal(client.peers, 'b');
    assert.equal(fake.knocks.length, 1);
  });

  it('stops when the table is full for dials, and peers from outside may still come', () => {
    const world = new EncoderWorld();
    const client = world.client(A, 'a', { options: { maxInitiate: 2, maxConnections: 3 } });
    for (const [index, letter] of ['b', 'c', 'd'].entries()) {
      world.polite(host(index), letter);
      client.encoder.startConnection(at(host(index)), USER, null);
    }
    world.run(1_000);
    assert.deepEqual([client.peers, client.encoder.reach.waiting, client.encoder.isFull], ['bc', 1, true]);
    for (const [index, letter] of ['e', 'f'].entries())
      world
        .fake(host(index + 10), letter)
        .dial(at(A))
        .sayHandshake();
    world.run(1_000);
    assert.equal(client.peers, 'bce');
    assert.deepEqual([...client.encoder.refusals], [['table-full', 1]]);
  });

  it('dials a peer from outside that has left, a minute later, where it said that it listens', () => {
    const world = new EncoderWorld();
    const client = world.client(A, 'a', { listeningPort: () => PORT });
    const fake = world.polite(host(1), 'b');
    fake.dial(at(A)).sayHandshake();
    world.run(1_000);
    fake.talk.hangUp();
    world.run(50_000);
    assert.deepEqual([client.log, fake.knocks.length], [['made b', 'lost b'], 0]);
    world.run(20_000);
    assert.deepEqual([client.peers, fake.knocks.length], ['b', 1]);
  });

  it('does not dial such a peer when it is back, when we parted from it, or when it has not said where', () => {
    const world = new EncoderWorld();
    const client = world.client(A, 'a', { listeningPort: ({ address }) => (address.host === host(3) ? null : PORT) });
    const fakes = ['b', 'c', 'd'].map((letter, index) => world.polite(host(index + 1), letter));
    for (const fake of fakes) fake.dial(at(A)).sayHandshake();
    world.run(1_000);
    fakes[0]?.talk.hangUp();
    client.connections[1]?.refuse({ code: 'useless' });
    fakes[2]?.talk.hangUp();
    world.run(1_000);
    fakes[0]?.dial(at(A)).sayHandshake();
    world.run(5 * MINUTE);
    assert.deepEqual(
      fakes.map((fake) => fake.knocks.length),
      [0, 0, 0],
    );
  });

  it('does not dial a seed again, whichever source names it, until we want something again', () => {
    const world = new EncoderWorld();
    const client = world.client(A, 'a', { hasNothingToSay: () => true, listeningPort: () => PORT });
    const [dialled, caller] = [world.polite(host(1), 'b'), world.polite(host(2), 'c')];
    client.encoder.startConnection(at(host(1)), USER, null);
    caller.dial(at(A)).sayHandshake();
    world.run(1_000);
    assert.equal(client.peers, 'cb');
    client.connections[1]?.refuse({ code: 'both-complete' });
    caller.talk.hangUp();
    world.run(1_000);
    client.wantsNothingNow = true;
    const name = (): void => {
      for (const number of [1, 2]) client.encoder.startConnection(at(host(number)), USER, null);
    };
    name();
    world.run(5 * MINUTE);
    assert.deepEqual([dialled.knocks.length, caller.knocks.length], [1, 0]);
    client.wantsNothingNow = false;
    name();
    world.run(1_000);
    assert.deepEqual([client.peers, dialled.knocks.length, caller.knocks.length], ['bc', 2, 1]);
  });

  it('tries a spare when a peer hangs up, and when we do', () => {
    const world = new EncoderWorld();
    const client = world.client(A, 'a', { options: { maxInitiate: 1 } });
    const fakes = ['b', 'c', 'd', 'e'].map((letter, index) => world.polite(host(index), letter));
    for (const index of fakes.keys()) client.encoder.startConnection(at(host(index)), USER, null);
    world.run(100);
    fakes[0]?.talk.hangUp();
    world.run(100);
    client.connections[1]?.refuse({ code: 'both-complete' });
    world.run(100);
    fakes[2]?.talk.say(Buffer.from('ffffffff', 'hex'));
    world.run(100);
    assert.deepEqual(client.log, ['made b', 'lost b', 'made c', 'lost c', 'made d', 'lost d', 'made e']);
  });

  it('tries a spare when a handshake is refused and when a dial fails', () => {
    const world = new EncoderWorld();
    const client = world.client(A, 'a', { options: { maxInitiate: 1 } });
    world.fake(host(0), 'b', { connected: (talk) => talk.say(Buffer.from('SSH-2.0\r\n')) });
    world.host(host(1));
    world.polite(host(2), 'c');
    for (const index of [0, 1, 2]) client.encoder.startConnection(at(host(index)), TRACKER, null);
    world.run(1_000);
    assert.deepEqual(client.log, ['made c']);
    assert.deepEqual([...client.encoder.refusals], [['not-bittorrent', 1]]);
    const { reach } = client.encoder;
    assert.deepEqual(reach, { waiting: 1, dialled: 3, answered: 1, refused: 1, silent: 0, turnedAway: 1 });
  });

  it('has no more half-open dials than there are places, over several torrents, and gives each its turn', () => {
    const world = new EncoderWorld();
    const halfOpen = new HalfOpen(3);
    const clients = ['a', 'b'].map((letter, index) => world.client(`10.0.0.${index}`, letter, { halfOpen }));
    let most = 0;
    for (let index = 0; index < 5; index += 1) {
      world.silence(host(index));
      for (const client of clients) client.encoder.startConnection(at(host(index)), USER, null);
    }
    for (let second = 0; second < 50; second += 1) {
      most = Math.max(most, halfOpen.count);
      world.run(1_000);
    }
    assert.equal(most, 3);
    for (const client of clients) assert.equal(client.encoder.refusals.get('connect-timeout'), 5);
    assert.equal(halfOpen.count, 0);
  });

  it('gives its places back when it is closed, and a torrent that waits gets them', () => {
    const world = new EncoderWorld();
    const halfOpen = new HalfOpen(1);
    const first = world.client('10.0.0.1', 'a', { halfOpen });
    const second = world.client('10.0.0.2', 'b', { halfOpen });
    const third = world.client('10.0.0.3', 'c', { halfOpen });
    world.silence(host(1));
    world.polite(host(2), 'd');
    first.encoder.startConnection(at(host(1)), USER, null);
    second.encoder.startConnection(at(host(2)), USER, null);
    third.encoder.startConnection(at(host(2)), USER, null);
    second.encoder.close();
    first.encoder.close();
    world.run(1_000);
    assert.equal(third.peers, 'd');
    assert.equal(halfOpen.count, 0);
  });

  it('tries a failed address again one, two and four minutes after each attempt, then not until it is named', () => {
    const world = new EncoderWorld(0);
    const client = world.client(A, 'a', { options: { maxFailures: 4 } });
    const fake = world.fake(host(1), 'b');
    fake.letsIn = false;
    client.encoder.startConnection(at(host(1)), TRACKER, null);
    for (let second = 0; second < 3_600; second += 10) {
      if (second < 400) client.encoder.startConnection(at(host(1)), TRACKER, null);
      world.run(10_000);
    }
    assert.deepEqual(
      fake.knocks.map((knock) => knock / MINUTE),
      [0, 1, 3, 7],
    );
    client.encoder.startConnection(at(host(1)), TRACKER, null);
    world.run(1_000);
    assert.equal(fake.knocks.length, 5);
  });

  it('comes back to a peer that was lost, a minute after it was dialled', () => {
    const world = new EncoderWorld(0);
    const client = world.client(A, 'a');
    const fake = world.polite(host(1), 'b');
    client.encoder.startConnection(at(host(1)), USER, null);
    world.run(5_000);
    fake.talk.hangUp();
    world.run(2 * MINUTE);
    assert.deepEqual(fake.knocks, [0, MINUTE]);
    assert.deepEqual(client.log, ['made b', 'lost b', 'made b']);
  });

  it('starts counting failures anew when a connection was good for a while', () => {
    const world = new EncoderWorld(0);
    const client = world.client(A, 'a', { options: { maxFailures: 3 } });
    const fake = world.polite(host(1), 'b');
    client.encoder.startConnection(at(host(1)), USER, null);
    for (let attempt = 0; attempt < 6; attempt += 1) {
      world.run(2 * MINUTE);
      fake.talk.hangUp();
    }
    assert.deepEqual(
      fake.knocks.map((knock) => knock / MINUTE),
      [0, 2, 4, 6, 8, 10],
    );
  });

  it('gives way to another torrent that has fewer places, when its dials have had their time', () => {
    const world = new EncoderWorld();
    const halfOpen = new HalfOpen(6);
    const first = world.client('10.0.0.1', 'a', { halfOpen });
    const second = world.client('10.0.0.2', 'b', { halfOpen });
    for (let index = 1; index <= 6; index += 1) {
      world.silence(host(index));
      first.encoder.startConnection(at(host(index)), { kind: 'pex', teller: '10.0.0.9' }, null);
    }
    world.polite(host(20), 'd');
    world.run(500);
    second.encoder.startConnection(at(host(20)), { kind: 'tracker', teller: '10.0.0.8' }, null);
    world.run(1_000);
    assert.equal(second.peers, '', 'a dial has two seconds');
    world.run(2_000);
    assert.deepEqual([second.peers, first.encoder.refusals.get('connect-timeout')], ['d', 1]);
  });

  it('takes a place from a teller that holds all of them for another teller, in the handshake too', () => {
    const world = new EncoderWorld();
    const client = world.client(A, 'a', { options: { maxInitiate: 4, maxConnections: 4 } });
    for (let index = 1; index <= 4; index += 1) {
      world.fake(host(index), 'x');
      client.encoder.startConnection(at(host(index)), { kind: 'pex', teller: '10.0.0.9' }, null);
    }
    world.polite(host(20), 'd');
    world.run(500);
    client.encoder.startConnection(at(host(20)), { kind: 'tracker', teller: '10.0.0.8' }, null);
    world.run(1_000);
    assert.equal(client.peers, '', 'a dial has two seconds');
    world.run(2_000);
    assert.deepEqual([client.peers, client.encoder.refusals.get('handshake-timeout')], ['d', 1]);
  });

  for (const standing of ['silent', 'promising', 'proven'] as const) {
    it(`decides by its standing whether a ${standing} peer gives way to an address that waits`, () => {
      const world = new EncoderWorld();
      const client = world.client(A, 'a', {
        options: { maxInitiate: 2, maxConnections: 2 },
        merits: () => ({ standing }),
      });
      const name = (letter: string, teller: string): void => {
        const address = host(letter.charCodeAt(0));
        world.polite(address, letter);
        client.encoder.startConnection(at(address), { kind: 'pex', teller }, null);
      };
      for (const letter of 'bc') name(letter, '10.0.0.9');
      world.run(100);
      name('d', '10.0.0.9');
      world.run(1_500);
      assert.equal(client.peers, 'bc', 'each has two seconds');
      world.run(3_000);
      assert.equal(client.peers, standing === 'silent' ? 'cd' : 'bc', 'to an address of the same teller');
      name('e', '10.0.0.8');
      world.run(3_000);
      assert.equal(client.peers, { silent: 'de', promising: 'ce', proven: 'bc' }[standing], 'to one of another teller');
      name('f', '10.0.0.9');
      world.run(15_000);
      assert.equal(client.peers.length, 2);
      assert.equal(client.peers.includes('e'), standing !== 'proven', 'who has no more than its share keeps it');
    });
  }

  it('leaves a peer that says that it has pieces its place for five seconds, whichever teller waits for it', () => {
    const world = new EncoderWorld();
    const client = world.client(A, 'a', {
      options: { maxInitiate: 2, maxConnections: 2 },
      merits: () => ({ standing: 'promising' }),
    });
    const name = (letter: string, teller: string): void => {
      const address = host(letter.charCodeAt(0));
      world.polite(address, letter);
      client.encoder.startConnection(at(address), { kind: 'pex', teller }, null);
    };
    for (const letter of 'bc') name(letter, '10.0.0.9');
    world.run(100);
    name('e', '10.0.0.8');
    world.run(4_500);
    assert.equal(client.peers, 'bc');
    world.run(1_000);
    assert.equal(client.peers, 'ce');
  });

  it('dials an address only where its source may lead us, also the port that a peer says it listens on', () => {
    const world = new EncoderWorld();
    const client = world.client('9.0.0.1', 'a', { listeningPort: () => 6379 });
    const near = world.polite('192.168.1.7', 'b');
    const told = [
      { kind: 'link' },
      { kind: 'tracker', teller: '9.0.0.2' },
      { kind: 'pex', teller: '9.0.0.2' },
      { kind: 'dht', teller: '9.0.0.2' },
      { kind: 'lsd', teller: '9.0.0.2' },
    ] as const;
    assert.deepEqual(
      told.map((source) => client.encoder.startConnection(at('192.168.1.7'), source, null)),
      told.map(() => false),
    );
    world.polite('9.0.0.3', 'c').dial(at('9.0.0.1')).sayHandshake();
    world.run(1_000);
    client.connections[0]?.refuse({ code: 'idle' });
    const service = world.polite('9.0.0.4', 'd', 6379);
    const talk = service.dial(at('9.0.0.1'));
    talk.sayHandshake();
    world.run(1_000);
    talk.hangUp();
    world.run(5 * MINUTE);
    assert.deepEqual([near.knocks.length, service.knocks.length, client.encoder.reach.waiting], [0, 0, 0]);
    assert.equal(client.encoder.startConnection(at('192.168.1.7'), USER, null), true);
    world.run(1_000);
    assert.equal(near.knocks.length, 1);
  });

  it('passes a free place on when it has no address to dial any more', () => {
    const world = new EncoderWorld();
    const halfOpen = new HalfOpen(1);
    const [first, second, third] = ['a', 'b', 'c'].map((letter, index) =>
      world.client(`10.0.0.${index}`, letter, { halfOpen, options: { maxInitiate: 1 } }),
    );
    world.silence(host(1));
    world.polite(host(2), 'd');
    first?.encoder.startConnection(at(host(1)), USER, null);
    second?.encoder.startConnection(at(host(2)), USER, null);
    third?.encoder.startConnection(at(host(2)), USER, null);
    // The second torrent hears first that a place is free. But a peer has reached it meanwhile, so its table is full.
    world.fake(host(3), 'e').dial(at('10.0.0.1')).sayHandshake();
    world.run(20_000);
    assert.equal(third?.peers, 'd');
  });

  it('dials a limited number of peers at one host, and the others when there is room', () => {
    const world = new EncoderWorld();
    const client = world.client(A, 'a', { options: { maxPerHost: 2 } });
    const fakes = ['b', 'c', 'd'].map((letter, index) => world.polite(host(1), letter, 7_000 + index));
    world.polite(host(2), 'e');
    for (const fake of fakes) client.encoder.startConnection(at(host(1), fake.port), TRACKER, null);
    client.encoder.startConnection(at(host(2)), TRACKER, null);
    world.run(1_000);
    assert.equal(client.peers, 'bce');
    client.connections[0]?.refuse({ code: 'both-complete' });
    world.run(1_000);
    assert.deepEqual(client.log.slice(-2), ['lost b', 'made d']);
    client.connections.at(-1)?.refuse({ code: 'both-complete' });
    for (const [index, letter] of ['f', 'g'].entries()) {
      client.encoder.startConnection(at(host(1), world.polite(host(1), letter, 2_000 + index).port), TRACKER, null);
    }
    world.run(1_000);
    assert.deepEqual(client.log.slice(-2), ['lost d', 'made f']);
    assert.equal(client.encoder.reach.waiting, 1);
  });

  it('leaves no task behind when it is closed', () => {
    const world = new EncoderWorld();
    const client = world.client(A, 'a', { options: { maxInitiate: 2 } });
    for (let index = 0; index < 4; index += 1) {
      world.polite(host(index), 'bcde'.charAt(index));
      client.encoder.startConnection(at(host(index)), USER, null);
    }
    world.run(1_000);
    client.encoder.close();
    client.encoder.close();
    client.encoder.startConnection(at(host(1)), USER, null);
    world.run(1_000);
    assert.deepEqual(client.log, ['made b', 'made c', 'lost b', 'lost c']);
    assert.deepEqual([...client.encoder.refusals], [['shutting-down', 2]]);
    assert.equal(client.encoder.reach.waiting, 0);
    assert.equal(world.timeline.pending, 0);
  });

  it('forgets addresses that wait for a retry when it is closed', () => {
    const world = new EncoderWorld();
    const client = world.client(A, 'a');
    client.encoder.startConnection(at(host(1)), USER, null);
    world.run(1_000);
    assert.equal(client.encoder.reach.waiting, 1);
    client.encoder.close();
    assert.equal(world.timeline.pending, 0);
  });

  it('does not dial again while it closes, whatever the side above does', () => {
    const world = new EncoderWorld();
    const client = world.client(A, 'a');
    world.polite(host(1), 'b');
    const second = world.polite(host(2), 'c');
    client.encoder.startConnection(at(host(1)), USER, null);
    world.run(1_000);
    client.connectionLost = () => client.encoder.startConnection(at(host(2)), USER, null);
    client.encoder.close();
    world.run(1_000);
    assert.deepEqual(second.knocks, []);
  });
});
