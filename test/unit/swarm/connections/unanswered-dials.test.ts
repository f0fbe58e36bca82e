import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type HostDialler, UnansweredDials } from '../../../../src/swarm/connections/unanswered-dials.js';
import { at, EncoderWorld, USER } from '../../../support/worlds/encoder-world.js';

function dialler(log: string[], name: string): HostDialler {
  return { roomAt: (host) => log.push(`${name} ${host}`) };
}

describe('the unanswered dials to a host', () => {
  it('are limited for each host, and who asked in vain hears of room once, in the order of asking', () => {
    const dials = new UnansweredDials(1);
    const log: string[] = [];
    const [first, second] = [dialler(log, 'first'), dialler(log, 'second')];
    assert.equal(dials.hasRoom('x', first), true);
    dials.begun('x');
    assert.deepEqual(
      [dials.hasRoom('x', second), dials.hasRoom('x', first), dials.hasRoom('x', second)],
      Array(3).fill(false),
    );
    assert.equal(dials.hasRoom('y', second), true);
    dials.ended('x');
    assert.deepEqual(log, ['second x']);
    assert.equal(dials.hasRoom('x', second), true);
    dials.begun('x');
    dials.passOn('x');
    assert.deepEqual(log, ['second x']);
    dials.ended('x');
    assert.deepEqual(log, ['second x', 'first x']);
  });

  it('leave their room to the next when who was told does not need it, or dials no more', () => {
    const dials = new UnansweredDials(1);
    const log: string[] = [];
    const all = ['a', 'b', 'c', 'd'].map((name) => dialler(log, name));
    const [, second, third] = all as [HostDialler, HostDialler, HostDialler];
    dials.begun('x');
    for (const each of all) dials.hasRoom('x', each);
    dials.withdraw(third);
    dials.ended('x');
    dials.passOn('x');
    assert.deepEqual(log, ['a x', 'b x']);
    dials.withdraw(second);
    assert.deepEqual(log, ['a x', 'b x', 'd x']);
  });

  it('have one torrent told of room at a host at a time, since it may take all of it', () => {
    const dials = new UnansweredDials(2);
    const log: string[] = [];
    for (let count = 0; count < 2; count += 1) dials.begun('x');
    for (const name of ['a', 'b']) dials.hasRoom('x', dialler(log, name));
    dials.ended('x');
    dials.ended('x');
    assert.deepEqual(log, ['a x']);
    dials.passOn('x');
    assert.deepEqual(log, ['a x', 'b x']);
  });
});

describe('torrents that share one host', () => {
  it('have eight dials there that are not answered, and dial the others as these are answered', () => {
    const world = new EncoderWorld(50);
    const unanswered = new UnansweredDials(8);
    const clients = Array.from({ length: 20 }, (_, index) => world.client(`10.0.1.${index}`, 'a', { unanswered }));
    const host = '10.0.0.1';
    const fake = world.polite(host, 'b');
    for (const client of clients) client.encoder.startConnection(at(host), USER, null);
    world.run(60);
    assert.equal(fake.knocks.length, 8);
    world.run(2_000);
    assert.deepEqual(
      clients.map(({ peers }) => peers),
      Array(20).fill('b'),
    );
    for (const client of clients) client.encoder.close();
    assert.equal(unanswered.hasRoom(host, { roomAt: () => undefined }), true);
  });

  it('pass the room on when a torrent ends that waits for it or has it', () => {
    const world = new EncoderWorld(50);
    const unanswered = new UnansweredDials(1);
    const [first, second, third] = ['10.0.1.1', '10.0.1.2', '10.0.1.3'].map((own) =>
      world.client(own, 'a', { unanswered }),
    );
    const host = '10.0.0.1';
    // It says nothing.
    const fake = world.fake(host, 'b');
    for (const client of [first, second, third]) client?.encoder.startConnection(at(host), USER, null);
    world.run(1_000);
    assert.equal(fake.knocks.length, 1);
    first?.encoder.close();
    second?.encoder.close();
    world.run(1_000);
    assert.equal(fake.knocks.length, 2);
    fake.talk.say(fake.talk.handshake());
    world.run(1_000);
    assert.equal(third?.peers, 'b');
  });
});
