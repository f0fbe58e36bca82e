import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { at, type Client, EncoderWorld, USER } from '../../../support/worlds/encoder-world.js';

const A = '10.0.0.1';

function host(letter: string): string {
  return `10.0.1.${letter.charCodeAt(0)}`;
}

/** Peers dial the client, one after another; those in capitals stop before their peer id. */
function arrive(world: EncoderWorld, letters: string, gap: number): void {
  for (const letter of letters) {
    const talk = world.fake(host(letter), letter.toLowerCase()).dial(at(A));
    talk.say(letter === letter.toLowerCase() ? talk.handshake() : talk.handshake().subarray(0, 48));
    world.run(gap);
  }
}

function reasons(client: Client): string[] {
  return client.refused.map(({ why }) => why);
}

describe('a full table', () => {
  it('keeps a quarter of its places for peers that we dial', () => {
    const world = new EncoderWorld();
    const client = world.client(A, 'a', { options: { maxConnections: 8, maxInitiate: 4 } });
    arrive(world, 'bcdefgh', 100);
    assert.deepEqual([client.peers, reasons(client)], ['bcdefg', ['table-full']]);
    for (const letter of 'xyz') {
      world.polite(host(letter), letter);
      client.encoder.startConnection(at(host(letter)), USER, null);
    }
    world.run(1_000);
    assert.deepEqual([client.peers, client.encoder.isFull, client.encoder.reach.waiting], ['bcdefgxy', true, 1]);
  });

  it('gives the place of an unfinished handshake to a newcomer, once the handshake has had two seconds', () => {
    const world = new EncoderWorld();
    const client = world.client(A, 'a', { options: { maxConnections: 3, maxInitiate: 1 } });
    arrive(world, 'BCd', 500);
    arrive(world, 'e', 600);
    assert.deepEqual([client.peers, reasons(client)], ['d', ['table-full']], 'e came too early');
    arrive(world, 'f', 100);
    assert.deepEqual([client.peers, reasons(client)], ['df', ['table-full', 'table-full']]);
  });

  it('parts from the peer that the side above names, and turns newcomers away when it names none', () => {
    const world = new EncoderWorld();
    let useless: string | undefined;
    const client: Client = world.client(A, 'a', {
      options: { maxConnections: 2, maxInitiate: 1 },
      placeFor: () => client.connections.find(({ peerId }) => peerId.toString('latin1', 0, 1) === useless),
    });
    arrive(world, 'bcd', 100);
    assert.deepEqual([client.peers, reasons(client)], ['bc', ['table-full']]);
    useless = 'b';
    arrive(world, 'e', 100);
    assert.deepEqual([client.peers, reasons(client)], ['ce', ['table-full', 'useless']]);
  });

  it('makes way for addresses that wait: useless peers and slow dials go, and wait in their turn', () => {
    const world = new EncoderWorld();
    const useless = new Set<string>();
    const client: Client = world.client(A, 'a', {
      options: { maxConnections: 4, maxInitiate: 2 },
      merits: () => ({ standing: 'proven' }),
      leastUseful: (side) =>
        side === 'dialled'
          ? client.connections.find(({ peerId, closed }) => !closed && useless.has(peerId.toString('latin1', 0, 1)))
          : undefined,
    });
    for (const letter of 'bxyz') world.polite(host(letter), letter);
    // It takes the connection and says nothing.
    world.fake(host('t'), 't');
    for (const letter of 'btxyz') {
      const source = letter === 't' ? ({ kind: 'pex', teller: '10.0.0.9' } as const) : USER;
      client.encoder.startConnection(at(host(letter)), source, null);
    }
    world.run(1_000);
    assert.equal(client.encoder.makeWay(), false, 'everybody has been of use, or had no time yet');
    useless.add('b');
    assert.equal(client.encoder.makeWay(), true);
    world.run(1_000);
    assert.deepEqual([client.peers, reasons(client)], ['x', ['useless']]);
    assert.equal(client.encoder.makeWay(), true, 'the silent one has had two seconds');
    world.run(100);
    assert.deepEqual([client.peers, reasons(client)], ['xy', ['useless', 'handshake-timeout']]);
    useless.add('x').add('y');
    assert.deepEqual([client.encoder.makeWay(), client.encoder.makeWay()], [true, false], 'one address was left');
    world.run(100);
    assert.equal(client.peers, 'yz');
    world.run(60_000);
    assert.equal(client.encoder.makeWay(), true, 'those who made way may be dialled again');
  });

  it('lets a peer in from a host that has all its places when another peer of that host goes', () => {
    const world = new EncoderWorld();
    const asked: [string, boolean, number][] = [];
    const client: Client = world.client(A, 'a', {
      options: { maxPerHost: 2 },
      placeFor: ({ hostKey, isHostFull, placesOf }) => {
        asked.push([hostKey, isHostFull, placesOf(hostKey)]);
        return asked.length === 2 ? client.connections[0] : undefined;
      },
    });
    for (const letter of 'bcde') {
      world.fake(host('x'), letter, {}, 0).dial(at(A)).sayHandshake();
      world.run(100);
    }
    const full = [host('x'), true, 2];
    assert.deepEqual([client.peers, reasons(client), asked], ['ce', ['table-full', 'useless'], [full, full]]);
  });

  it('counts a /64 of IPv6 as one host, and peers from outside do not keep us from dialling there', () => {
    const world = new EncoderWorld();
    const client = world.client('2001:db8:9::1', 'a', { options: { maxPerHost: 4 } });
    for (const [index, letter] of [...'bcdef'].entries()) {
      world
        .fake(`2001:db8:1::${index + 1}`, letter)
        .dial(at('2001:db8:9::1'))
        .sayHandshake();
      world.run(100);
    }
    assert.deepEqual([client.peers, reasons(client)], ['bcde', ['table-full']]);
    world.polite('2001:db8:1::a', 'x');
    client.encoder.startConnection(at('2001:db8:1::a'), USER, null);
    world.run(1_000);
    assert.equal(client.peers, 'bcdex');
  });
});
