import assert from 'node:assert/strict';
import { createHash, generateKeyPairSync, sign } from 'node:crypto';
import { test } from 'node:test';
import { verifyEd25519 } from '../../../../src/base/system-ed25519.js';
import { asDictionary, getBytes, getDictionary, getInteger, getList } from '../../../../src/bencode/access.js';
import { decodeBencode } from '../../../../src/bencode/bencode.js';
import { CANONICAL } from '../../../../src/bencode/guard.js';
import { contactAt, placeAt } from '../../../../src/discovery/dht/contact.js';
import { targetOf } from '../../../../src/discovery/dht/item-store.js';
import type { Item, Query } from '../../../../src/discovery/dht/message.js';
import { DEFAULT_PEER_STORE_OPTIONS } from '../../../../src/discovery/dht/peer-store.js';
import { Responder } from '../../../../src/discovery/dht/responder.js';
import { hasCorpus, readCorpus } from '../../../support/corpus.js';
import { seededRandom } from '../../../support/simulation/seeded-random.js';

const MINUTE = 60_000;
const OWN = Buffer.alloc(20, 1);
const HASH = Buffer.alloc(20, 2);
const NO_WANT = { nodes: false, nodes6: false };
const ASKER = { host: '192.0.2.1', port: 6881 };
const NO_SALT = Buffer.alloc(0);

function world(family: 4 | 6 = 4) {
  const clock = { now: 0 };
  const contacts = {
    4: Array.from({ length: 8 }, (_, number) =>
      contactAt(Buffer.alloc(20, number), { host: `8.0.0.${number}`, port: 1 }),
    ),
    6: Array.from({ length: 8 }, (_, number) =>
      contactAt(Buffer.alloc(20, number), { host: `2001:db8::${number}`, port: 1 }),
    ),
  };
  const proved: string[] = [];
  const responder = new Responder(
    family,
    {
      random: seededRandom(1),
      verify: verifyEd25519,
      now: () => clock.now,
      ownId: () => OWN,
      closest: (of, _target, count) => contacts[of].slice(0, count),
      gotPeer: () => undefined,
      proved: (host) => proved.push(host),
    },
    DEFAULT_PEER_STORE_OPTIONS,
  );
  const respond = (query: Query, from = ASKER, maxLength = 1500, transaction = Buffer.from('aa')) =>
    responder.respond(
      { kind: 'query', transaction, id: Buffer.alloc(20), query, readOnly: false },
      placeAt(from),
      maxLength,
    );
  const packet = (query: Query, from = ASKER) => respond(query, from).packet;
  const ask = (query: Query, from = ASKER) => {
    const message = asDictionary(decodeBencode(packet(query, from), CANONICAL));
    assert.ok(message);
    return message;
  };
  const answer = (query: Query, from = ASKER) => getDictionary(ask(query, from), 'r') ?? assert.fail('no answer');
  const error = (query: Query, from = ASKER) => getList(ask(query, from), 'e')?.[0] ?? null;
  const getPeers = (fields: Partial<Query & { method: 'get_peers' }> = {}, from = ASKER) =>
    answer({ method: 'get_peers', target: HASH, want: NO_WANT, noSeeds: false, scrape: false, ...fields }, from);
  const announce = (from: typeof ASKER, isSeed = false) => {
    const token = getBytes(getPeers({}, from), 'token') ?? assert.fail('no token');
    const query = { method: 'announce_peer', target: HASH, token, port: 7000, impliedPort: false, isSeed } as const;
    return error(query, from);
  };
  const tokenFor = (target: Buffer) =>
    getBytes(answer({ method: 'get', target, want: NO_WANT, newerThan: null }), 'token') ?? assert.fail('no token');
  const put = (item: Item, salt = NO_SALT, expected: bigint | null = null) =>
    error({ method: 'put', token: tokenFor(targetOf(item, salt)), item, salt, expected });
  const get = (target: Buffer, newerThan: bigint | null = null) =>
    answer({ method: 'get', target, want: NO_WANT, newerThan });
  return { clock, proved, respond, packet, ask, answer, error, getPeers, announce, put, get };
}

test('a ping is answered with our id and with the address of the asker', () => {
  const message = world().ask({ method: 'ping' });
  assert.deepEqual(getBytes(getDictionary(message, 'r') ?? new Map(), 'id'), OWN);
  assert.deepEqual(getBytes(message, 'ip'), Buffer.from('c00002011ae1', 'hex'));
});

test('an answer names nodes of the family of the asker, or of the families that the asker wants', () => {
  const { answer } = world();
  const lengths = (want: typeof NO_WANT) => {
    const fields = answer({ method: 'find_node', target: HASH, want });
    return [getBytes(fields, 'nodes')?.length, getBytes(fields, 'nodes6')?.length];
  };
  assert.deepEqual(lengths(NO_WANT), [208, undefined]);
  assert.deepEqual(lengths({ nodes: false, nodes6: true }), [undefined, 304]);
  assert.deepEqual(lengths({ nodes: true, nodes6: true }), [208, 304]);
  const fields = world(6).answer({ method: 'find_node', target: HASH, want: NO_WANT });
  assert.deepEqual([getBytes(fields, 'nodes')?.length, getBytes(fields, 'nodes6')?.length], [undefined, 304]);
});

test('a peer is stored only with a token for its host and torrent, at the port that it states or sends from', () => {
  const { getPeers, answer, error } = world();
  const token = getBytes(getPeers(), 'token') as Buffer;
  const announce = {
    method: 'announce_peer',
    target: HASH,
    token,
    port: 7000,
    impliedPort: false,
    isSeed: false,
  } as const;
  assert.equal(error(announce, { host: '192.0.2.2', port: 6881 }), 203);
  assert.equal(error({ ...announce, target: Buffer.alloc(20, 9) }), 203);
  assert.equal(error({ ...announce, token: Buffer.alloc(8) }), 203);
  assert.equal(getList(getPeers(), 'values'), undefined);
  answer(announce);
  assert.deepEqual(getList(getPeers(), 'values'), [Buffer.from('c00002011b58', 'hex')]);
  answer({ ...announce, impliedPort: true });
  assert.deepEqual(getList(getPeers(), 'values')?.length, 2);
  assert.ok(getList(getPeers(), 'values')?.some((value) => (value as Buffer).readUInt16BE(4) === 6881));
});

test('a token is good for at least five and at most ten minutes', () => {
  const { clock, getPeers, error } = world();
  for (const [age, outcome] of [
    [5 * MINUTE, null],
    [10 * MINUTE, 203],
  ] as const) {
    for (let offset = 0; offset < 5; offset += 1) {
      clock.now += MINUTE;
      const token = getBytes(getPeers(), 'token') as Buffer;
      const query = {
        method: 'announce_peer',
        target: HASH,
        token,
        port: 1,
        impliedPort: false,
        isSeed: false,
      } as const;
      const begin = clock.now;
      while (clock.now < begin + age) {
        clock.now += MINUTE;
        if (clock.now < begin + age) getPeers();
      }
      assert.equal(error(query), outcome, `after ${age / MINUTE} minutes`);
    }
  }
});

test('peers are forgotten half an hour after their last announce', () => {
  const { clock, getPeers, announce } = world();
  announce(ASKER);
  clock.now += 20 * MINUTE;
  announce({ host: '192.0.2.2', port: 1 });
  clock.now += 10 * MINUTE;
  assert.equal(getList(getPeers(), 'values')?.length, 2);
  clock.now += 1;
  assert.equal(getList(getPeers(), 'values')?.length, 1);
});

test('an answer has at most 1,024 bytes, whatever we store and the asker wants', () => {
  for (const family of [4, 6] as const) {
    const { announce, packet } = world(family);
    for (let number = 0; number < 300; number += 1) {
      const host = family === 4 ? `192.0.${number >> 8}.${number & 255}` : `2001:db8:${number.toString(16)}::1`;
      announce({ host, port: 1 }, number % 2 === 0);
    }
    for (const scrape of [false, true]) {
      for (const want of [NO_WANT, { nodes: true, nodes6: true }]) {
        const bytes = packet({ method: 'get_peers', target: HASH, want, noSeeds: false, scrape });
        assert.ok(bytes.length <= 1024, `${bytes.length} bytes`);
        assert.ok(bytes.length > 1024 - 60 || scrape, `only ${bytes.length} bytes`);
      }
    }
  }
});

test('an answer leaves out nodes, peers and values until it fits the room that an unproven address has', () => {
  for (const family of [4, 6] as const) {
    const { announce, put, respond } = world(family);
    const hosts = Array.from({ length: 200 }, (_, number) =>
      family === 4 ? `192.0.2.${number}` : `2001:db8:${number.toString(16)}::1`,
    );
    for (const host of hosts) announce({ host, port: 1 });
    const item = { value: Buffer.from(`996:${'x'.repeat(996)}`), signed: null };
    put(item);
    const want = { nodes: true, nodes6: true };
    const queries: Query[] = [
      { method: 'find_node', target: HASH, want },
      { method: 'get_peers', target: HASH, want, noSeeds: false, scrape: false },
      { method: 'get_peers', target: HASH, want, noSeeds: false, scrape: true },
      { method: 'get', target: targetOf(item, NO_SALT), want, newerThan: null },
      { method: 'sample_infohashes', target: HASH, want },
    ];
    for (const query of queries) {
      for (const transaction of [Buffer.alloc(0), Buffer.alloc(9), Buffer.alloc(10), Buffer.alloc(32)]) {
        for (let room = 660; room <= 1500; room += 11) {
          const { packet, isCut } = respond(query, ASKER, room, transaction);
          const length = `${query.method}: ${packet.length} of ${room}`;
          assert.ok(packet.length <= room, length);
          assert.ok(packet.length > Math.min(room, 1024) - 480, length);
          assert.equal(isCut, query.method === 'get' && !packet.includes('1:v996:'), length);
          assert.ok(!isCut || room < 1120, length);
          assert.ok(isCut || query.method !== 'get' || room > 1000, length);
        }
      }
    }
  }
});

test('a host is proven by sending back its token, and not by any other token', () => {
  const { announce, error, put, proved } = world();
  error({ method: 'announce_peer', target: HASH, token: Buffer.alloc(8), port: 1, impliedPort: false, isSeed: false });
  const item = { value: Buffer.from('i1e'), signed: null };
  error({ method: 'put', token: Buffer.alloc(8), item, salt: NO_SALT, expected: null });
  assert.deepEqual(proved, []);
  announce({ host: '192.0.2.7', port: 1 });
  put(item);
  assert.deepEqual(proved, ['192.0.2.7', ASKER.host]);
});

test('an asker that does not want seeds gets none', () => {
  const { announce, getPeers } = world();
  announce(ASKER, true);
  announce({ host: '192.0.2.2', port: 1 });
  assert.equal(getList(getPeers(), 'values')?.length, 2);
  assert.deepEqual(getList(getPeers({ noSeeds: true }), 'values'), [Buffer.from('c00002021b58', 'hex')]);
});

test('a scrape gets one filter of the seeds and one of the other peers', () => {
  const { announce, getPeers } = world();
  assert.equal(getBytes(getPeers({ scrape: true }), 'BFsd'), undefined);
  announce(ASKER, true);
  const bits = (filter: Buffer | undefined) =>
    filter?.reduce((sum, byte) => sum + byte.toString(2).replaceAll('0', '').length, 0);
  const fields = getPeers({ scrape: true });
  assert.deepEqual([getBytes(fields, 'BFsd')?.length, getBytes(fields, 'BFpe')?.length], [256, 256]);
  assert.deepEqual([bits(getBytes(fields, 'BFsd')), bits(getBytes(fields, 'BFpe'))], [2, 0]);
  assert.equal(getBytes(getPeers(), 'BFsd'), undefined);
});

test('a sample of info-hashes says how many we store and how long the sample stays the same', () => {
  const { clock, answer, announce } = world();
  const sample = () => answer({ method: 'sample_infohashes', target: HASH, want: NO_WANT });
  assert.deepEqual(getBytes(sample(), 'samples'), Buffer.alloc(0));
  announce(ASKER);
  assert.deepEqual(getBytes(sample(), 'samples'), HASH);
  assert.equal(getInteger(sample(), 'num'), 1);
  assert.equal(getInteger(sample(), 'interval'), 3600);
  clock.now += 59 * MINUTE;
  assert.equal(getInteger(sample(), 'interval'), 60);
  assert.equal(getBytes(sample(), 'nodes')?.length, 208);
});

test('an immutable item is stored for two hours under its hash', () => {
  const { put, get, clock } = world();
  const item = { value: Buffer.from('12:Hello World!'), signed: null };
  assert.equal(put(item), null);
  const target = Buffer.from('e5f96f6f38320f0f33959cb4d3d656452117aadb', 'hex');
  assert.equal(getBytes(get(target), 'v')?.toString(), 'Hello World!');
  clock.now += 2 * 60 * MINUTE + 1;
  assert.equal(getBytes(get(target), 'v'), undefined);
});

const pair = generateKeyPairSync('ed25519');
const publicKey = pair.publicKey.export({ format: 'der', type: 'spki' }).subarray(-32);

/** The bytes that the owner of a key signs, as in the examples of BEP 44. */
function signedBuffer(value: Buffer, sequence: bigint, salt: Buffer): Buffer {
  const before = salt.length === 0 ? '' : `4:salt${salt.length}:${salt.toString('latin1')}`;
  return Buffer.from(`${before}3:seqi${sequence}e1:v${value.toString('latin1')}`, 'latin1');
}

function signedItem(value: string, sequence: bigint, salt = NO_SALT): Item {
  const bytes = Buffer.from(value);
  const signature = sign(null, signedBuffer(bytes, sequence, salt), pair.privateKey);
  return { value: bytes, signed: { publicKey, signature, sequence } };
}

test('the example items of the specification are stored, and with a wrong signature they are refused', () => {
  if (!hasCorpus('signed items')) return;
  const { bep44 } = JSON.parse(readCorpus('vectors/protocol-vectors.json').toString());
  for (const vector of bep44.vectors) {
    const { put, get } = world();
    const value = Buffer.from(vector.v);
    const salt = Buffer.from(vector.salt ?? '');
    const hex = (text: string) => Buffer.from(text, 'hex');
    const signed = vector.immutable
      ? null
      : { publicKey: hex(bep44.public_key), signature: hex(vector.sig), sequence: BigInt(vector.seq) };
    if (signed !== null) assert.equal(signedBuffer(value, signed.sequence, salt).toString(), vector.signed_buffer);
    assert.equal(targetOf({ value, signed }, salt).toString('hex'), vector.target);
    assert.equal(put({ value, signed }, salt), null);
    assert.equal(getBytes(get(hex(vector.target)), 'v')?.toString(), 'Hello World!');
    if (signed !== null) assert.equal(put({ value, signed: { ...signed, sequence: 2n } }, salt), 206);
  }
});

test('a signed item is replaced only by a newer version, and only if the stored version is the expected one', () => {
  const { put, get } = world();
  const salt = Buffer.from('foobar');
  const target = createHash('sha1').update(publicKey).update(salt).digest();
  assert.equal(put(signedItem('i5e', 5n, salt), salt, 3n), null, 'nothing is there to compare with');
  assert.equal(put(signedItem('i4e', 4n, salt), salt), 302);
  assert.equal(put(signedItem('i6e', 5n, salt), salt), 302);
  assert.equal(put(signedItem('i5e', 5n, salt), salt), null);
  assert.equal(put(signedItem('i6e', 6n, salt), salt, 4n), 301);
  assert.equal(getInteger(get(target), 'v'), 5);
  assert.equal(put(signedItem('i6e', 6n, salt), salt, 5n), null);
  assert.equal(getInteger(get(target), 'v'), 6);
  assert.equal(put(signedItem('i7e', 7n, salt), Buffer.from('other')), 206);
});

test('an asker that has the stored version gets only its sequence number', () => {
  const { put, get } = world();
  put(signedItem('i5e', 5n));
  const target = createHash('sha1').update(publicKey).digest();
  const known = get(target, 5n);
  assert.deepEqual(
    [getInteger(known, 'seq'), known.has('v'), known.has('k'), known.has('sig')],
    [5, false, false, false],
  );
  assert.ok(get(target, 4n).has('v'));
});

test('a value of 1,000 bytes with a salt of 64 fits a packet, and a longer value or salt is refused', () => {
  const { put, packet } = world();
  const text = (length: number) => `${length}:${'x'.repeat(length)}`;
  const salt = Buffer.alloc(64, 's');
  assert.equal(put(signedItem(text(997), 1n)), 205);
  assert.equal(put(signedItem('i1e', 1n), Buffer.alloc(65)), 207);
  assert.equal(put(signedItem(text(996), 1n, salt), salt), null);
  const target = createHash('sha1').update(publicKey).update(salt).digest();
  const bytes = packet({ method: 'get', target, want: { nodes: true, nodes6: true }, newerThan: null });
  assert.ok(bytes.length <= 1280, `${bytes.length} bytes`);
});

test('an item is not stored with a token for another target', () => {
  const { get, error } = world();
  const token = getBytes(get(HASH), 'token') as Buffer;
  const item = { value: Buffer.from('i1e'), signed: null };
  assert.equal(error({ method: 'put', token, item, salt: NO_SALT, expected: null }), 203);
});
