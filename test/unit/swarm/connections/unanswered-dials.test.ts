import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { HalfOpen } from '../../../../src/swarm/connections/half-open.js';
import { type HostDialler, UnansweredDials } from '../../../../src/swarm/connections/unanswered-dials.js';
import { RecordedConnection } from '../../../support/fakes/recorded-connection.js';
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
    dials.begun('x', first);
    assert.deepEqual(
      [dials.hasRoom('x', second), dials.hasRoom('x', first), dials.hasRoom('x', second)],
      Array(3).fill(false),
    );
    assert.equal(dials.hasRoom('y', second), true);
    dials.ended('x');
    assert.deepEqual(log, ['second x']);
    assert.equal(dials.hasRoom('x', second), true);
    dials.begun('x', second);
    dials.passOn(second);
    assert.deepEqual(log, ['second x']);
    dials.ended('x');
    assert.deepEqual(log, ['second x', 'first x']);
  });

  it('leave their room to the next when who was told does not need it, or dials no more', () => {
    const dials = new UnansweredDials(1);
    const log: string[] = [];
    const all = ['a', 'b', 'c', 'd'].map((name) => dialler(log, name));
    const [first, second, third] = all as [HostDialler, HostDialler, HostDialler];
    dials.begun('x', first);
    for (const each of all) dials.hasRoom('x', each);
    dials.withdraw(third);
    dials.ended('x');
    dials.passOn(first);
    assert.deepEqual(log, ['a x', 'b x']);
    dials.withdraw(second);
    assert.deepEqual(log, ['a x', 'b x', 'd x']);
  });

  it('have a room kept for each torrent that was told, also from the one that has just given it back', () => {
    const dials = new UnansweredDials(2);
    const log: string[] = [];
    const [taker, first, second] = ['taker', 'first', 'second'].map((name) => dialler(log, name));
    assert.ok(taker !== undefined && first !== undefined && second !== undefined);
    for (let count = 0; count < 2; count += 1) dials.begun('x', taker);
    for (const each of [first, second]) dials.hasRoom('x', each);
    for (const next of ['first x', 'second x']) {
      dials.ended('x');
      assert.equal(log.at(-1), next);
      assert.equal(dials.hasRoom('x', taker), false);
    }
    assert.deepEqual([dials.hasRoom('x', first), dials.hasRoom('x', second)], [true, true]);
  });

  it('go round: who has taken the room that was kept for it waits for another behind the others', () => {
    const dials = new UnansweredDials(2);
    const log: string[] = [];
    const [many, few] = [dialler(log, 'many'), dialler(log, 'few')];
    for (let count = 0; count < 2; count += 1) dials.begun('x', many);
    for (const each of [many, few]) dials.hasRoom('x', each);
    for (let count = 0; count < 2; count += 1) dials.ended('x');
    assert.deepEqual(log, ['many x', 'few x']);
    dials.begun('x', many);
    assert.equal(dials.hasRoom('x', many), false);
    dials.passOn(many);
    assert.deepEqual(log, ['many x', 'few x']);
    dials.passOn(few);
    assert.deepEqual(log, ['many x', 'few x', 'many x']);
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

  it('pass the room on when they do not want it any more', () => {
    const world = new EncoderWorld(50);
    const unanswered = new UnansweredDials(1);
    const [holder, first, second] = ['10.0.1.1', '10.0.1.2', '10.0.1.3'].map((own) =>
      world.client(own, 'a', { unanswered }),
    );
    const host = '10.0.0.1';
    const fake = world.fake(host, 'b');
    for (const client of [holder, first, second]) client?.encoder.startConnection(at(host), USER, null);
    world.run(1_000);
    for (const name of 'xyz')
      first?.encoder.ban(new RecordedConnection(name, [], host), { kind: 'wrong-piece', piece: 1 });
    holder?.encoder.close();
    world.run(1_000);
    assert.equal(fake.knocks.length, 2);
    fake.talk.say(fake.talk.handshake());
    world.run(1_000);
    assert.equal(second?.peers, 'b');
  });

  it('have their turns there one after the other, however many silent addresses each of them has', () => {
    for (const count of [1, 2, 4, 8, 16]) {
      const world = new EncoderWorld(50);
      const unanswered = new UnansweredDials(8);
      const host = '10.0.0.1';
      const ports = Array.from({ length: 16 }, (_, index) => 20_000 + index);
      const silent = ports.map((port) => world.fake(host, 'z', {}, port));
      const knocks = (): number => silent.reduce((sum, fake) => sum + fake.knocks.length, 0);
      world.polite(host, 'b');
      for (let each = 1; each <= count; each += 1) {
        const { encoder } = world.client(`10.0.1.${each}`, 'a', { unanswered });
        for (const port of ports) encoder.startConnection(at(host, port), USER, null);
      }
      world.run(100);
      assert.equal(knocks(), 8);
      const late = world.client('10.0.1.200', 'a', { unanswered });
      late.encoder.startConnection(at(host), USER, null);
      for (let second = 0; late.peers === '' && second < 200; second += 1) world.run(1_000);
      assert.equal(late.peers, 'b');
      // Each of the others has had one room at most before its turn; those who share a moment with it may follow.
      assert.ok(knocks() <= 8 + count + 8, `${count} torrents: ${knocks()} dials`);
    }
  });

  it('keep the room there while they wait for a place among the half-open dials', () => {
    const world = new EncoderWorld(50);
    const unanswered = new UnansweredDials(1);
    const halfOpen = new HalfOpen(1);
    const host = '10.0.0.1';
    const fake = world.fake(host, 'b');
    const [holder, first, second] = ['10.0.1.1', '10.0.1.2', '10.0.1.3'].map((own) =>
      world.client(own, 'a', { unanswered, ...(own === '10.0.1.2' ? { halfOpen } : {}) }),
    );
    for (const client of [holder, first, second]) client?.encoder.startConnection(at(host), USER, null);
    world.run(1_000);
    world.silence('10.0.0.2');
    first?.encoder.startConnection(at('10.0.0.2'), USER, null);
    world.run(1_000);
    assert.deepEqual([fake.knocks.length, halfOpen.count], [1, 1]);
    holder?.encoder.close();
    world.run(1_000);
    assert.equal(fake.knocks.length, 1);
    world.run(10_000);
    assert.equal(fake.knocks.length, 2);
    fake.talk.say(fake.talk.handshake());
    world.run(1_000);
    assert.deepEqual([first?.peers, second?.peers, fake.knocks.length], ['b', '', 3]);
  });
});
