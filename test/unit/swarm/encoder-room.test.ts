import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { at, type Client, EncoderWorld, USER } from '../../support/encoder-world.js';

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
  it('keeps a quarter of its places for those whom we dial', () => {
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

  it('gives a place that is held by an unfinished handshake to a newcomer, once that has had two seconds', () => {
    const world = new EncoderWorld();
    const client = world.client(A, 'a', { options: { maxConnections: 3, maxInitiate: 1 } });
    arrive(world, 'BCd', 500);
    arrive(world, 'e', 600);
    assert.deepEqual([client.peers, reasons(client)], ['d', ['table-full']], 'e came too early');
    arrive(world, 'f', 100);
    assert.deepEqual([client.peers, reasons(client)], ['df', ['table-full', 'table-full']]);
  });

  it('gives up whom those above name, and turns newcomers away when they name nobody', () => {
    const world = new EncoderWorld();
    let useless: string | undefined;
    const client: Client = world.client(A, 'a', {
      options: { maxConnections: 2, maxInitiate: 1 },
      leastUseful: () => client.connections.find(({ peerId }) => peerId.toString('latin1', 0, 1) === useless),
    });
    arrive(world, 'bcd', 100);
    assert.deepEqual([client.peers, reasons(client)], ['bc', ['table-full']]);
    useless = 'b';
    arrive(world, 'e', 100);
    assert.deepEqual([client.peers, reasons(client)], ['ce', ['table-full', 'useless']]);
  });

  it('makes way for addresses that wait: by useless peers and by dials that take long, which wait in their turn', () => {
    const world = new EncoderWorld();
    const useless = new Set<string>();
    const client: Client = world.client(A, 'a', {
      options: { maxConnections: 4, maxInitiate: 2 },
      leastUseful: (side) =>
        side === 'dialled'
          ? client.connections.find(({ peerId, closed }) => !closed && useless.has(peerId.toString('latin1', 0, 1)))
          : undefined,
    });
    for (const letter of 'bxyz') world.polite(host(letter), letter);
    // It takes the connection and says nothing.
    world.fake(host('t'), 't');
    for (const letter of 'btxyz') client.encoder.startConnection(at(host(letter)), USER, null);
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
});
