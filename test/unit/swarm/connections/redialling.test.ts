import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { SocketFailure } from '../../../../src/net/raw-server.js';
import type { AddressSource } from '../../../../src/net/reach-rule.js';
import type { Connection } from '../../../../src/swarm/connections/connection.js';
import type { PeerConnection } from '../../../../src/swarm/connections/peer-connection.js';
import type { Refusal, RefusalCode } from '../../../../src/wire/refusal.js';
import { at, type Client, type ClientOptions, EncoderWorld, TRACKER } from '../../../support/worlds/encoder-world.js';

const OWN = '10.0.0.1';
const PEER = '9.0.0.1';
const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const NAMED_ONCE: readonly AddressSource[] = [{ kind: 'user' }, { kind: 'link' }];

const REFUSALS: { readonly [Code in RefusalCode]: Extract<Refusal, { readonly code: Code }> } = {
  'not-bittorrent': { code: 'not-bittorrent' },
  'unknown-info-hash': { code: 'unknown-info-hash' },
  'not-encrypted': { code: 'not-encrypted' },
  'malformed-encryption': { code: 'malformed-encryption', what: 'no-sync' },
  'own-peer-id': { code: 'own-peer-id' },
  'duplicate-peer': { code: 'duplicate-peer' },
  'connect-timeout': { code: 'connect-timeout' },
  'handshake-timeout': { code: 'handshake-timeout' },
  idle: { code: 'idle' },
  'takes-nothing': { code: 'takes-nothing' },
  'table-full': { code: 'table-full' },
  useless: { code: 'useless' },
  banned: { code: 'banned', evidence: { kind: 'wrong-piece', piece: 0 } },
  listed: { code: 'listed' },
  'message-too-long': { code: 'message-too-long', length: 1 },
  'malformed-message': { code: 'malformed-message', id: 4, length: 1 },
  'malformed-extension': { code: 'malformed-extension', name: 'ut_pex', length: 1 },
  'malformed-bitfield': { code: 'malformed-bitfield', length: 1 },
  'piece-out-of-range': { code: 'piece-out-of-range', piece: 1 },
  'block-out-of-range': { code: 'block-out-of-range', piece: 1, begin: 0, length: 1 },
  'request-too-long': { code: 'request-too-long', length: 1 },
  'fast-not-announced': { code: 'fast-not-announced' },
  'hashes-not-announced': { code: 'hashes-not-announced' },
  'unasked-hashes': { code: 'unasked-hashes' },
  'too-many-rejects': { code: 'too-many-rejects', count: 1 },
  'too-much-junk': { code: 'too-much-junk', count: 1 },
  'too-many-flaps': { code: 'too-many-flaps', count: 1 },
  'too-much-work': { code: 'too-much-work', work: 1 },
  'both-complete': { code: 'both-complete' },
  'pieces-lost': { code: 'pieces-lost' },
  'cannot-serve': { code: 'cannot-serve' },
  'info-hash-changed': { code: 'info-hash-changed' },
  'shutting-down': { code: 'shutting-down' },
};
const FAILURES: { readonly [Code in SocketFailure['code']]: Code } = {
  refused: 'refused',
  unreachable: 'unreachable',
  forbidden: 'forbidden',
  reset: 'reset',
  ended: 'ended',
  idle: 'idle',
  failed: 'failed',
};

/** It is ourselves, it has certainly lied, or the user wants nothing of it. */
const FINAL: ReadonlySet<string> = new Set(
  (['own-peer-id', 'banned', 'listed'] as const).map((code) => `we refuse it: ${code}`),
);
/** The torrent forgets all addresses first, and names them again if it goes on. */
const FORGOTTEN_FIRST: RefusalCode = 'shutting-down';

/** How the connections of one client end. */
interface EndingAct {
  readonly options?: Partial<ClientOptions>;
  /** Done ten seconds after a connection was made. */
  readonly after?: (connection: PeerConnection) => void;
  /** Done every ten seconds. */
  readonly always?: (client: Client) => void;
}

function isOpen({ closed }: PeerConnection): boolean {
  return !closed;
}

/** Every place is taken, those above would give up any peer, and the address of another one waits. */
function crowded(more: (client: Client) => void): EndingAct {
  const connections: PeerConnection[] = [];
  let port = 10_000;
  return {
    options: {
      options: { maxInitiate: 1 },
      connectionMade: (connection) => connections.push(connection),
      leastUseful: () => connections.find(isOpen),
    },
    always: (client) => {
      port += 1;
      client.encoder.startConnection(at('9.0.0.9', port), TRACKER, null);
      more(client);
    },
  };
}

function endings(): Map<string, EndingAct> {
  const acts = new Map<string, EndingAct>();
  for (const reason of Object.values(REFUSALS)) {
    if (reason.code === FORGOTTEN_FIRST || reason.code === 'useless' || reason.code === 'info-hash-changed') continue;
    acts.set(`we refuse it: ${reason.code}`, { after: (connection) => connection.refuse(reason) });
  }
  for (const code of Object.values(FAILURES)) {
    const after = (connection: PeerConnection): void => {
      const lost = connection as Connection;
      // As its socket would say it.
      lost.connectionLost(null as never, { code });
    };
    acts.set(`it is lost: ${code}`, { after });
  }
  acts.set(
    'another takes its place in a turnover',
    crowded(() => undefined),
  );
  acts.set(
    'we make way for another',
    crowded(({ encoder }) => encoder.makeWay()),
  );
  let count = 0;
  acts.set('the torrent has another hash', {
    always: ({ encoder }) => {
      count += 1;
      encoder.setIdentity({ ...encoder.identity, infoHash: Buffer.alloc(20, count % 2 === 0 ? 'h' : 'g') });
    },
  });
  acts.set('it has everything, as we had', {
    options: { hasNothingToSay: () => true },
    after: (connection) => connection.refuse(REFUSALS['both-complete']),
  });
  return acts;
}

describe('a peer that the user or a link has named', () => {
  it('is dialled again within five minutes however its connection ends, unless it is ourselves, a liar or listed', () => {
    for (const source of NAMED_ONCE)
      for (const [name, { options, after, always }] of endings()) {
        const world = new EncoderWorld();
        world.host('9.0.0.9');
        const client: Client = world.client(OWN, 'a', {
          ...options,
          connectionMade: (connection) => {
            options?.connectionMade?.(connection);
            world.timeline.addTask(() => after?.(connection), 10 * SECOND);
          },
        });
        const fake = world.polite(PEER, 'b');
        assert.equal(client.encoder.startConnection(at(PEER), source, null), true);
        let lastThere = 0;
        for (let now = 10 * SECOND; now <= 60 * MINUTE; now += 10 * SECOND) {
          world.run(10 * SECOND);
          const isThere = client.connections.some((each) => isOpen(each) && each.address.host === PEER);
          // It may have been here, and gone, since we looked.
          lastThere = isThere ? now : Math.max(lastThere, fake.knocks.at(-1) ?? 0);
          always?.(client);
          if (FINAL.has(name)) continue;
          assert.ok(now - lastThere <= 5 * MINUTE + 10 * SECOND, `${source.kind}: ${name}, ${fake.knocks.join(' ')}`);
        }
        const isRight = FINAL.has(name) ? fake.knocks.length === 1 : fake.knocks.length > 5;
        assert.ok(isRight, `${source.kind}: ${name}, dialled ${fake.knocks.length} times`);
      }
  });

  it('is dialled again after a flood of other addresses has made us forget what we know of these', () => {
    for (const source of NAMED_ONCE) {
      const world = new EncoderWorld(1);
      const client = world.client(OWN, 'a', { options: { maxSpares: 4 } });
      const fake = world.polite(PEER, 'b');
      client.encoder.startConnection(at(PEER), source, null);
      world.host('9.0.0.9');
      for (let port = 10_000; port < 10_100; port += 1) {
        client.encoder.startConnection(at('9.0.0.9', port), TRACKER, null);
        world.run(10);
      }
      fake.talk.hangUp();
      world.run(5 * MINUTE);
      assert.equal(fake.knocks.length, 2);
    }
  });

  it('is dialled again when a peer from outside with its id has left, whichever side has ended that', () => {
    for (const endsIt of [true, false]) {
      const world = new EncoderWorld();
      const client = world.client(OWN, 'a');
      const fake = world.polite(PEER, 'b');
      client.encoder.startConnection(at(PEER), { kind: 'user' }, null);
      world.run(SECOND);
      fake.talk.hangUp();
      world.run(SECOND);
      const caller = fake.dial(at(OWN));
      caller.sayHandshake();
      world.run(4 * MINUTE);
      assert.deepEqual([client.peers, fake.knocks.length], ['b', 1], 'it is here');
      if (endsIt) caller.hangUp();
      else client.connections.find(isOpen)?.refuse({ code: 'useless' });
      world.run(5 * MINUTE);
      assert.equal(fake.knocks.length, 2);
    }
  });

  it('and had everything, as we had, is dialled when we want something again', () => {
    const world = new EncoderWorld();
    const client = world.client(OWN, 'a', { hasNothingToSay: () => true });
    const fake = world.polite(PEER, 'b');
    client.encoder.startConnection(at(PEER), { kind: 'user' }, null);
    world.run(SECOND);
    client.wantsNothingNow = true;
    client.connections[0]?.refuse({ code: 'both-complete' });
    world.run(60 * MINUTE);
    assert.equal(fake.knocks.length, 1);
    client.wantsNothingNow = false;
    world.run(5 * MINUTE);
    assert.equal(fake.knocks.length, 2);
  });

  it('is not ourselves: our own address is dialled once', () => {
    const world = new EncoderWorld();
    const client = world.client(OWN, 'a');
    const fake = world.polite(PEER, 'a');
    client.encoder.startConnection(at(PEER), { kind: 'user' }, null);
    world.run(60 * MINUTE);
    assert.deepEqual([fake.knocks.length, client.refused[0]?.why, client.encoder.reach.waiting], [1, 'own-peer-id', 0]);
  });
});
