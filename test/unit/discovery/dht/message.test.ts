import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type Encodable, encodeBencode, Verbatim } from '../../../../src/bencode/encode.js';
import { placeAt } from '../../../../src/discovery/dht/contact.js';
import { decodeMessage } from '../../../../src/discovery/dht/decode-message.js';
import { encodeAnswer, encodeError, encodeQuery, itemFields } from '../../../../src/discovery/dht/encode-message.js';
import type { Answer, Query } from '../../../../src/discovery/dht/message.js';
import { hasCorpus, readCorpus } from '../../../support/corpus.js';

const ID = Buffer.from('abcdefghij0123456789');
const TARGET = Buffer.from('mnopqrstuvwxyz123456');
const T = Buffer.from('aa');
const NO_WANT = { nodes: false, nodes6: false };
const EMPTY: Answer = { id: ID, contacts: [], peers: [], token: null };

const dictionary = (fields: Record<string, Encodable>) => new Map(Object.entries(fields));
const packet = (fields: Record<string, Encodable>) => encodeBencode(dictionary(fields));
const text = (bytes: string) => decodeMessage(Buffer.from(bytes, 'latin1'));

function query(method: string, args: Record<string, Encodable>) {
  return decodeMessage(packet({ t: 'aa', y: 'q', q: method, a: dictionary({ id: ID, ...args }) }));
}

function answer(fields: Record<string, Encodable>): Answer {
  const message = decodeMessage(packet({ t: 'aa', y: 'r', r: dictionary({ id: ID, ...fields }) }));
  assert.equal(message.kind, 'answer');
  return message.answer;
}

test('the example packets of the specification decode as it says', () => {
  assert.deepEqual(text('d1:eli201e23:A Generic Error Ocurrede1:t2:aa1:y1:ee'), {
    kind: 'error',
    transaction: T,
    error: { code: 201, text: 'A Generic Error Ocurred' },
  });
  const asked = { kind: 'query', transaction: T, id: ID, readOnly: false } as const;
  assert.deepEqual(text('d1:ad2:id20:abcdefghij0123456789e1:q4:ping1:t2:aa1:y1:qe'), {
    ...asked,
    query: { method: 'ping' },
  });
  assert.deepEqual(
    text('d1:ad2:id20:abcdefghij01234567896:target20:mnopqrstuvwxyz123456e1:q9:find_node1:t2:aa1:y1:qe'),
    { ...asked, query: { method: 'find_node', target: TARGET, want: NO_WANT } },
  );
  assert.deepEqual(
    text('d1:ad2:id20:abcdefghij01234567899:info_hash20:mnopqrstuvwxyz123456e1:q9:get_peers1:t2:aa1:y1:qe'),
    { ...asked, query: { method: 'get_peers', target: TARGET, want: NO_WANT, noSeeds: false, scrape: false } },
  );
  assert.deepEqual(
    text(
      'd1:ad2:id20:abcdefghij012345678912:implied_porti1e9:info_hash20:mnopqrstuvwxyz1234564:porti6881e' +
        '5:token8:aoeusnthe1:q13:announce_peer1:t2:aa1:y1:qe',
    ),
    {
      ...asked,
      query: {
        method: 'announce_peer',
        target: TARGET,
        token: Buffer.from('aoeusnth'),
        port: 6881,
        impliedPort: true,
        isSeed: false,
      },
    },
  );
  assert.deepEqual(text('d1:rd2:id20:abcdefghij01234567895:token8:aoeusnth6:valuesl6:axje.u6:idhtnmee1:t2:aa1:y1:re'), {
    kind: 'answer',
    transaction: T,
    answer: {
      ...EMPTY,
      token: Buffer.from('aoeusnth'),
      peers: [
        { host: '97.120.106.101', port: 0x2e75 },
        { host: '105.100.104.116', port: 0x6e6d },
      ],
    },
    seenAs: null,
  });
  assert.deepEqual(answer({ nodes: 'def456...' }).contacts, []);
});

test('our queries and answers have the bytes of the examples in the specification', () => {
  const spelled = (asked: Query) => encodeQuery(T, ID, asked, false).toString('latin1');
  assert.equal(spelled({ method: 'ping' }), 'd1:ad2:id20:abcdefghij0123456789e1:q4:ping1:t2:aa1:y1:qe');
  assert.equal(
    spelled({ method: 'find_node', target: TARGET, want: NO_WANT }),
    'd1:ad2:id20:abcdefghij01234567896:target20:mnopqrstuvwxyz123456e1:q9:find_node1:t2:aa1:y1:qe',
  );
  assert.equal(
    spelled({ method: 'get_peers', target: TARGET, want: NO_WANT, noSeeds: false, scrape: false }),
    'd1:ad2:id20:abcdefghij01234567899:info_hash20:mnopqrstuvwxyz123456e1:q9:get_peers1:t2:aa1:y1:qe',
  );
  const announce = { method: 'announce_peer', target: TARGET, token: Buffer.from('aoeusnth'), port: 6881 } as const;
  assert.equal(
    spelled({ ...announce, impliedPort: true, isSeed: false }),
    'd1:ad2:id20:abcdefghij012345678912:implied_porti1e9:info_hash20:mnopqrstuvwxyz1234564:porti6881e' +
      '5:token8:aoeusnthe1:q13:announce_peer1:t2:aa1:y1:qe',
  );
  assert.equal(
    encodeQuery(T, ID, { method: 'ping' }, true).toString(),
    'd1:ad2:id20:abcdefghij0123456789e1:q4:ping2:roi1e1:t2:aa1:y1:qe',
  );
  const to = placeAt({ host: '97.120.106.101', port: 0x2e75 });
  assert.equal(encodeAnswer(T, ID, {}, to).toString(), 'd2:ip6:axje.u1:rd2:id20:abcdefghij0123456789e1:t2:aa1:y1:re');
  assert.equal(
    encodeError(T, { code: 201, text: 'A Generic Error Ocurred' }, to).toString(),
    'd1:eli201e23:A Generic Error Ocurrede2:ip6:axje.u1:t2:aa1:y1:ee',
  );
});

test('the example packets of the corpus decode to the right kinds of message', () => {
  if (!hasCorpus('KRPC examples')) return;
  const vectors = JSON.parse(readCorpus('vectors/protocol-vectors.json').toString()) as {
    readonly bep5_krpc_examples: { readonly packets: readonly string[] };
  };
  const kinds = vectors.bep5_krpc_examples.packets.map((bytes) => text(bytes).kind);
  assert.deepEqual(kinds, ['error', 'query', 'answer', 'query', 'answer', 'query', 'answer', 'answer', 'query']);
});

const record = <T>(fields: { [K in keyof T]: fc.Arbitrary<T[K]> }): fc.Arbitrary<T> =>
  fc.record(fields, { noNullPrototype: true }) as fc.Arbitrary<T>;
const id = fc.uint8Array({ minLength: 20, maxLength: 20 }).map((array) => Buffer.from(array));
const bytes = (maxLength: number) => fc.uint8Array({ maxLength }).map((array) => Buffer.from(array));
const exactly = (length: number) =>
  fc.uint8Array({ minLength: length, maxLength: length }).map((array) => Buffer.from(array));
const want = record({ nodes: fc.boolean(), nodes6: fc.boolean() });
const sequence = fc.bigInt({ min: 0n, max: 2n ** 63n - 1n });
const item = record({
  value: bytes(900).map((value) => encodeBencode(value)),
  signed: fc.option(record({ publicKey: exactly(32), signature: exactly(64), sequence })),
});
const anyQuery: fc.Arbitrary<Query> = fc.oneof(
  fc.constant({ method: 'ping' as const }),
  record({ method: fc.constantFrom('find_node' as const, 'sample_infohashes' as const), target: id, want }),
  record({
    method: fc.constant('get_peers' as const),
    target: id,
    want,
    noSeeds: fc.boolean(),
    scrape: fc.boolean(),
  }),
  record({
    method: fc.constant('announce_peer' as const),
    target: id,
    token: bytes(20),
    port: fc.integer({ min: 1, max: 65_535 }),
    impliedPort: fc.boolean(),
    isSeed: fc.boolean(),
  }),
  record({ method: fc.constant('get' as const), target: id, want, newerThan: fc.option(sequence) }),
  record({
    method: fc.constant('put' as const),
    token: bytes(20),
    item,
    salt: bytes(64),
    expected: fc.option(sequence),
  }),
);

test('every encoded query decodes to the same query', () => {
  fc.assert(
    fc.property(bytes(8), id, anyQuery, fc.boolean(), (transaction, ours, asked, readOnly) => {
      assert.deepEqual(decodeMessage(encodeQuery(transaction, ours, asked, readOnly)), {
        kind: 'query',
        transaction,
        id: ours,
        query: asked,
        readOnly,
      });
    }),
  );
});

test('a stored value keeps its exact bytes, even if they are not canonical bencode', () => {
  for (const value of ['12:Hello World!', 'd1:bi2e1:ai01ee', 'i-0e', 'l1:a0002:bbe', 'le']) {
    const item = { value: Buffer.from(value), signed: null };
    const put = { method: 'put', token: T, item, salt: Buffer.alloc(0), expected: null } as const;
    const asked = decodeMessage(encodeQuery(T, ID, put, false));
    assert.equal(asked.kind, 'query');
    assert.deepEqual(asked.query, put, value);
    const answered = encodeAnswer(T, ID, itemFields(item), placeAt({ host: '192.0.2.1', port: 1 }));
    assert.ok(answered.includes(`1:v${value}`), value);
  }
});

test('a value with a repeated key is refused, because its bytes are ambiguous', () => {
  const twice = new Verbatim(Buffer.from('d1:ai1e1:ai2ee'));
  assert.equal(query('put', { token: 'x', v: twice }).kind, 'bad-query');
});

test('peers of both families are read from one list, and elements of any other length are left out', () => {
  const hex = (digits: string) => Buffer.from(digits, 'hex');
  const values = [hex('c00002011ae1'), hex('c000020100'), hex('20010db80000000000000000000000011ae1'), 5, [], 'x', ''];
  assert.deepEqual(answer({ values }).peers, [
    { host: '192.0.2.1', port: 6881 },
    { host: '2001:db8::1', port: 6881 },
  ]);
});

test('an answer with very many nodes gives no more of them than an honest answer holds', () => {
  const nodes = Buffer.alloc(26 * 50, 1);
  const nodes6 = Buffer.alloc(38 * 20, 1);
  assert.equal(answer({ nodes }).contacts.length, 16);
  assert.equal(answer({ nodes6 }).contacts.length, 16);
});

test('a query with missing or invalid fields is an error that the asker gets', () => {
  const error = (code: number, why: string) => ({ kind: 'bad-query', transaction: T, error: { code, text: why } });
  assert.deepEqual(text('d1:q4:ping1:t2:aa1:y1:qe'), error(203, 'no method or no arguments'));
  assert.deepEqual(text('d1:ade1:q4:ping1:t2:aa1:y1:qe'), error(203, 'id is not 20 bytes'));
  assert.deepEqual(text('d1:ale1:q4:ping1:t2:aa1:y1:qe'), error(203, 'no method or no arguments'));
  assert.deepEqual(query('find_node', { target: 'short' }), error(203, 'the target is not 20 bytes'));
  assert.deepEqual(query('get_peers', { info_hash: 7 }), error(203, 'the target is not 20 bytes'));
  assert.deepEqual(query('vote', {}), error(204, 'method unknown'));
  const hash = { info_hash: TARGET, token: 'x' };
  for (const port of [0, -1, 65_536, '80']) {
    assert.deepEqual(query('announce_peer', { ...hash, port }), error(203, 'invalid port'));
  }
  assert.deepEqual(query('announce_peer', { info_hash: TARGET, port: 1 }), error(203, 'no info_hash or no token'));
  assert.deepEqual(query('put', { token: 'x' }), error(203, 'no token or no value'));
  const signed = { token: 'x', v: 1, k: Buffer.alloc(32), sig: Buffer.alloc(64), seq: 1 };
  for (const wrong of [{ k: 'x' }, { sig: 'x' }, { seq: -1 }, { seq: 2n ** 63n }, { seq: 'x' }]) {
    assert.deepEqual(query('put', { ...signed, ...wrong }), error(203, 'invalid k, sig or seq'));
  }
  assert.deepEqual(query('put', { ...signed, cas: 'x' }), error(203, 'invalid cas or salt'));
});

test('a packet that is no message is rubbish, which gets no answer', () => {
  const why = (bytes: string) => {
    const message = text(bytes);
    return message.kind === 'rubbish' ? message.why : message.kind;
  };
  assert.equal(why(''), 'not bencoded: the bytes end too early, at byte 0');
  assert.equal(why('le'), 'not a dictionary');
  assert.equal(why('d1:y1:qe'), 'no transaction');
  assert.equal(why('d1:ti5e1:y1:qe'), 'no transaction');
  assert.equal(why(`d1:t33:${'x'.repeat(33)}1:y1:qe`), 'no transaction');
  assert.equal(why('d1:t2:aae'), 'neither query, response nor error');
  assert.equal(why('d1:t2:aa1:yi1ee'), 'neither query, response nor error');
  assert.equal(why('d1:t2:aa1:y1:re'), 'a response without an id');
  assert.equal(why('d1:rd2:id3:abce1:t2:aa1:y1:re'), 'a response without an id');
  assert.equal(why(`d1:t2:aa1:x2000:${'x'.repeat(2000)}e`), '2017 bytes');
});

test('an error without a valid list is still an error, with the generic code', () => {
  for (const error of [5, 'x', [], ['x', 5], new Map()] satisfies Encodable[]) {
    assert.deepEqual(decodeMessage(packet({ t: 'aa', y: 'e', e: error })), {
      kind: 'error',
      transaction: T,
      error: { code: 201, text: '' },
    });
  }
});

/** Values of every type, for any field. */
const confused: fc.Arbitrary<Encodable> = fc.letrec<{ value: Encodable }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    fc.integer(),
    fc.constantFrom(...['', 'q', 'r', 'e', 'ping', 'put', 'get', 'get_peers', 'announce_peer', 'sample_infohashes']),
    bytes(64),
    exactly(20),
    fc.array(tie('value'), { maxLength: 4 }),
    fc
      .dictionary(
        fc.constantFrom(
          ...['id', 'target', 'info_hash', 'token', 'port', 'implied_port', 'seed', 'want', 'v', 'k', 'sig', 'seq'],
          ...['salt', 'cas', 'nodes', 'nodes6', 'values', 'noseed', 'scrape', '__proto__', 'constructor'],
        ),
        tie('value'),
        { maxKeys: 8 },
      )
      .map(dictionary),
  ),
})).value;

test('any packet at all decodes to a message, an error for the asker, or rubbish', () => {
  const kinds = new Set(['query', 'answer', 'error', 'bad-query', 'rubbish']);
  const fields = fc.dictionary(fc.constantFrom('t', 'y', 'q', 'a', 'r', 'e', 'ip', 'ro', 'v'), confused);
  fc.assert(
    fc.property(fields, (message) => kinds.has(decodeMessage(packet(message)).kind)),
    { numRuns: 1000 },
  );
  const plausible = fc.record({
    t: fc.constant('aa'),
    y: fc.constantFrom('q', 'r', 'e'),
    q: confused,
    a: confused,
    r: confused,
  });
  fc.assert(
    fc.property(plausible, (message) => kinds.has(decodeMessage(packet(message)).kind)),
    { numRuns: 1000 },
  );
  fc.assert(fc.property(bytes(1600), (noise) => kinds.has(decodeMessage(noise).kind)));
});

test('a packet that is cut anywhere is rubbish, and one with any byte changed never throws', () => {
  fc.assert(
    fc.property(anyQuery, fc.nat(2000), fc.nat(255), (asked, at, byte) => {
      const whole = encodeQuery(T, ID, asked, false);
      const changed = Buffer.from(whole);
      changed.writeUInt8(byte, at % whole.length);
      assert.equal(decodeMessage(whole.subarray(0, at % whole.length)).kind, 'rubbish');
      decodeMessage(changed);
    }),
  );
});
