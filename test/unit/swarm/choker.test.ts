import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Random } from '../../../src/base/random.js';
import { type ChokablePeer, Choker, DEFAULT_CHOKER_OPTIONS } from '../../../src/swarm/choker.js';
import { seededRandom } from '../../support/simulation/seeded-random.js';
import { Timeline } from '../../support/simulation/timeline.js';

interface FakeChokableOptions {
  readonly interested?: boolean;
  readonly down?: number;
  readonly up?: number;
  readonly snubbed?: boolean;
  /** A host of its own when absent. */
  readonly host?: string;
  readonly idle?: boolean;
}

class FakeChokable implements ChokablePeer {
  readonly name: string;
  readonly connection;
  readonly upload;
  readonly download;

  constructor(name: string, options: FakeChokableOptions) {
    this.name = name;
    this.connection = { hostKey: options.host ?? name };
    const upload = {
      choked: true,
      interested: options.interested ?? true,
      rate: options.up ?? 0,
      lastSentAt: 0,
      usesLittle: options.idle ?? false,
      choke: () => {
        upload.choked = true;
      },
      unchoke: () => {
        upload.choked = false;
      },
    };
    this.upload = upload;
    this.download = { rate: options.down ?? 0, isSnubbed: () => options.snubbed ?? false };
  }
}

/** A random source that puts every new peer at the end of the list. */
const last: Random = { below: (bound) => bound - 1, bytes: (length) => Buffer.alloc(length) };

/** A choker with these peers, in this order. */
function choking(slots: number, seeding: boolean, peers: readonly FakeChokable[]) {
  const timeline = new Timeline();
  const choker = new Choker<FakeChokable>(
    timeline,
    last,
    DEFAULT_CHOKER_OPTIONS,
    () => slots,
    () => seeding,
  );
  for (const peer of peers) choker.peerJoined(peer);
  const unchoked = () =>
    peers
      .filter((peer) => !peer.upload.choked)
      .map((peer) => peer.name)
      .join('');
  return { timeline, choker, unchoked };
}

function peersOf(names: string, options: Parameters<typeof makeOne>[1] = {}): FakeChokable[] {
  return [...names].map((name) => makeOne(name, options));
}

function makeOne(name: string, options: ConstructorParameters<typeof FakeChokable>[1]): FakeChokable {
  return new FakeChokable(name, options);
}

describe('Choker, while we leech', () => {
  it('serves the peers that send most, and one more by its place in the list', () => {
    const peers = ['a1', 'b5', 'c3', 'd9', 'e7'].map((one) => makeOne(one[0]!, { down: Number(one[1]) }));
    const { timeline, unchoked } = choking(3, false, peers);
    timeline.run(10_000);
    assert.equal(unchoked(), 'ade');
  });

  it('gives the optimistic unchoke to the next peer every 30 s', () => {
    const peers = [makeOne('x', { down: 100 }), ...peersOf('abc')];
    const { timeline, unchoked } = choking(2, false, peers);
    const seen: string[] = [];
    for (let period = 0; period < 12; period += 1) {
      timeline.run(10_000);
      seen.push(unchoked());
    }
    assert.deepEqual(seen, ['xa', 'xa', 'xb', 'xb', 'xb', 'xc', 'xc', 'xc', 'xa', 'xa', 'xa', 'xb']);
  });

  it('does not prefer a peer that snubs us, however fast it was', () => {
    const peers = [makeOne('a', { down: 1 }), makeOne('b', { down: 2 }), makeOne('s', { down: 100, snubbed: true })];
    const { timeline, unchoked } = choking(2, false, peers);
    timeline.run(10_000);
    assert.equal(unchoked(), 'ab');
  });

  it('unchokes uninterested peers before the last slot in the list, without using a slot for them', () => {
    const peers = [makeOne('u', { interested: false }), ...peersOf('ab'), makeOne('v', { interested: false })];
    const { timeline, unchoked } = choking(2, false, peers);
    timeline.run(10_000);
    assert.equal(unchoked(), 'uab');
  });

  it('has at least one slot, which goes round', () => {
    const { timeline, unchoked } = choking(0, false, peersOf('ab'));
    timeline.run(10_000);
    assert.equal(unchoked(), 'a');
    timeline.run(20_000);
    assert.equal(unchoked(), 'b');
  });
});

describe('Choker, while we seed', () => {
  it('gives turns of 30 s to the peers that have waited longest', () => {
    const peers = peersOf('abcde');
    const { timeline, unchoked } = choking(2, true, peers);
    const seen: string[] = [];
    for (let period = 0; period < 12; period += 1) {
      timeline.run(10_000);
      seen.push(unchoked());
    }
    assert.deepEqual(seen, ['ab', 'ab', 'ab', 'cd', 'cd', 'cd', 'ae', 'ae', 'ae', 'bc', 'bc', 'bc']);
  });

  it('counts the wait of a peer from when it became interested', () => {
    const peers = [makeOne('a', {}), makeOne('b', { interested: false }), makeOne('c', { interested: false })];
    const { timeline, choker, unchoked } = choking(1, true, peers);
    const becomesInterested = (peer: FakeChokable): void => {
      peer.upload.interested = true;
      choker.interestChanged(peer);
    };
    timeline.run(10_000);
    becomesInterested(peers[2]!);
    timeline.run(5_000);
    becomesInterested(peers[1]!);
    timeline.run(25_000);
    assert.equal(unchoked(), 'c');
  });

  it('when no peer waits for a slot, leaves it to the fastest peer whose turn is over', () => {
    const peers = [makeOne('a', { up: 5 }), makeOne('b', { up: 9 }), makeOne('c', { up: 1 })];
    const { timeline, choker, unchoked } = choking(3, true, peers);
    timeline.run(10_000);
    assert.equal(unchoked(), 'abc');
    timeline.run(40_000);
    const newcomer = makeOne('n', {});
    choker.peerJoined(newcomer);
    choker.interestChanged(newcomer);
    timeline.run(1);
    assert.equal(unchoked(), 'ab');
    assert.ok(!newcomer.upload.choked);
  });

  it('unchokes no uninterested peer while others wait', () => {
    const peers = [makeOne('u', { interested: false }), ...peersOf('abc')];
    const { timeline, unchoked } = choking(2, true, peers);
    timeline.run(10_000);
    assert.equal(unchoked(), 'ab');
  });
});

describe('Choker, when a host has many connections', () => {
  const squatters = (count: number, options: FakeChokableOptions = {}): FakeChokable[] =>
    peersOf('stuvwxyz'.slice(0, count), { host: 'squatter', ...options });

  it('seeding, gives every host one slot before any host gets a second, even when turns are not over', () => {
    const { timeline, unchoked } = choking(2, true, [...squatters(8), makeOne('a', {})]);
    const seen = new Set<boolean>();
    for (let period = 0; period < 30; period += 1) {
      timeline.run(10_000);
      seen.add(unchoked().includes('a'));
    }
    assert.deepEqual([...seen], [true]);
  });

  it('seeding, gives hosts equal turns, however many connections wait', () => {
    const peers = [...squatters(6), makeOne('a', {}), makeOne('b', {})];
    const { timeline, unchoked } = choking(1, true, peers);
    let seen = '';
    for (let turn = 0; turn < 9; turn += 1) {
      timeline.run(30_000);
      seen += unchoked();
    }
    assert.deepEqual([...seen].map((name) => (name < 'c' ? name : '*')).join(''), '*ab*ab*ab');
  });

  it('seeding, lets a host that never had a turn go first; a host that connects anew is not such a host', () => {
    const peers = peersOf('abc');
    const { timeline, choker, unchoked } = choking(1, true, peers);
    timeline.run(75_000);
    assert.equal(unchoked(), 'c');
    const [a, , c] = peers as [FakeChokable, FakeChokable, FakeChokable];
    choker.peerLeft(a);
    choker.peerLeft(c);
    const again = [makeOne('A', { host: 'a' }), makeOne('C', { host: 'c' }), makeOne('n', {})];
    const order: string[] = [];
    for (const peer of again) choker.peerJoined(peer);
    for (let turn = 0; turn < 4; turn += 1) {
      timeline.run(turn === 0 ? 1_000 : 30_000);
      order.push([peers[1], ...again].flatMap((peer) => (peer?.upload.choked ? [] : peer?.name)).join(''));
    }
    assert.deepEqual(order, ['n', 'A', 'b', 'C']);
  });

  it('seeding, ends a turn after 5 s when its peer makes little use of it and others wait, and only then', () => {
    const [idle, busy] = [makeOne('i', { idle: true }), makeOne('b', {})];
    const { timeline, choker, unchoked } = choking(1, true, [idle]);
    timeline.run(50_000);
    assert.equal(unchoked(), 'i');
    choker.peerJoined(busy);
    choker.interestChanged(busy);
    timeline.run(0);
    assert.deepEqual([idle.upload.choked, busy.upload.choked], [true, false]);
    const third = makeOne('j', { idle: true });
    choker.peerJoined(third);
    busy.upload.usesLittle = true;
    timeline.run(5_000);
    assert.deepEqual([busy.upload.choked, third.upload.choked], [true, false]);
  });

  it('leeching, gives the optimistic unchoke to one host after another', () => {
    const peers = [makeOne('f', { down: 100 }), ...squatters(6, { snubbed: true }), ...peersOf('ab')];
    const { timeline, unchoked } = choking(2, false, peers);
    let seen = '';
    for (let turn = 0; turn < 9; turn += 1) {
      timeline.run(30_000);
      seen += unchoked().slice(1);
    }
    assert.equal(seen, 'abtabuabv');
  });

  it('leeching, gives slots that no peer has earned to one peer of each host first', () => {
    const { timeline, unchoked } = choking(4, false, [
      ...squatters(6, { snubbed: true }),
      ...peersOf('ab', { snubbed: true }),
    ]);
    timeline.run(10_000);
    assert.equal(unchoked(), 'stab');
  });

  it('leeching, gives the optimistic unchoke to a host that never had a turn, wherever it stands in the list', () => {
    const [s, t] = squatters(2, { snubbed: true }) as [FakeChokable, FakeChokable];
    const [a, b] = peersOf('ab') as [FakeChokable, FakeChokable];
    const { timeline, unchoked } = choking(2, false, [makeOne('f', { down: 100 }), s, a, t, b]);
    let seen = '';
    for (let turn = 0; turn < 3; turn += 1) {
      timeline.run(30_000);
      seen += unchoked().slice(1);
    }
    assert.equal(seen, 'abt');
  });

  it('puts a host that has had a turn and connects anew at the end of the list', () => {
    const timeline = new Timeline();
    const foremost: Random = { ...last, below: () => 0 };
    const choker = new Choker<FakeChokable>(
      timeline,
      foremost,
      DEFAULT_CHOKER_OPTIONS,
      () => 1,
      () => true,
    );
    const [before, other, again, stranger] = [
      makeOne('a', {}),
      makeOne('b', {}),
      makeOne('A', { host: 'a' }),
      makeOne('n', {}),
    ];
    choker.peerJoined(before);
    timeline.run(20_000);
    choker.peerLeft(before);
    for (const peer of [other, again, stranger]) choker.peerJoined(peer);
    assert.equal(choker.order.map(({ name }) => name).join(''), 'nbA');
    choker.stop();
  });

  it('does not count a turn that ended within 5 s before a block was sent', () => {
    const [brief, long] = [makeOne('a', {}), makeOne('b', {})];
    const { timeline, choker } = choking(2, true, []);
    timeline.run(1_000);
    for (const peer of [brief, long]) choker.peerJoined(peer);
    timeline.run(10_000);
    timeline.run(4_000);
    choker.peerLeft(brief);
    timeline.run(1_000);
    choker.peerLeft(long);
    assert.deepEqual(
      ['a', 'b'].map((host) => choker.lastTurnOf(host)),
      [Number.NEGATIVE_INFINITY, 16_000],
    );
  });
});

describe('Choker', () => {
  for (const seeding of [false, true]) {
    it(`unchokes a peer at once that is interested while slots are free, ${seeding ? 'seeding' : 'leeching'}`, () => {
      const [only] = peersOf('a', { interested: false });
      const { timeline, choker } = choking(4, seeding, [only!]);
      only!.upload.interested = true;
      choker.interestChanged(only!);
      timeline.run(0);
      assert.ok(!only!.upload.choked);
    });
  }

  it('gives the slot of a peer that leaves or loses interest to the next peer at once', () => {
    const peers = peersOf('abc');
    const { timeline, choker, unchoked } = choking(1, false, peers);
    timeline.run(10_000);
    assert.equal(unchoked(), 'a');
    choker.peerLeft(peers[0]!);
    peers[0]!.upload.choked = true;
    timeline.run(0);
    assert.equal(unchoked(), 'b');
    peers[1]!.upload.interested = false;
    choker.interestChanged(peers[1]!);
    timeline.run(0);
    assert.equal(unchoked(), 'bc');
  });

  it('has no task when there is no peer', () => {
    const peers = peersOf('ab');
    const { timeline, choker } = choking(1, false, peers);
    timeline.run(10_000);
    for (const peer of peers) choker.peerLeft(peer);
    assert.equal(timeline.pending, 0);
  });

  it('makes a new peer three times as likely to be next as any other peer', () => {
    const timeline = new Timeline();
    let first = 0;
    const random = seededRandom(3);
    for (let round = 0; round < 3_000; round += 1) {
      const choker = new Choker<FakeChokable>(
        timeline,
        random,
        DEFAULT_CHOKER_OPTIONS,
        () => 1,
        () => false,
      );
      const [newcomer, ...others] = peersOf('nabcdefg');
      for (const peer of others) choker.peerJoined(peer);
      choker.peerJoined(newcomer!);
      if (choker.order[0] === newcomer) first += 1;
      choker.stop();
    }
    // Places 0 to 7 and two more that count as the first: 3 of 10.
    assert.ok(Math.abs(first / 3_000 - 0.3) < 0.03, `${first} of 3000`);
  });
});
