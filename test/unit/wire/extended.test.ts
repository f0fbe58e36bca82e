import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { encodeBencode } from '../../../src/bencode/encode.js';
import {
  decodeExtensionHandshake,
  type ExtensionHandshake,
  encodeExtensionHandshake,
  mergeHandshakes,
  SILENT_HANDSHAKE,
} from '../../../src/wire/extended.js';
import {
  decodeMetadataMessage,
  encodeMetadataMessage,
  type MetadataMessage,
} from '../../../src/wire/metadata-message.js';

const bytes = (minLength: number, maxLength: number) =>
  fc.uint8Array({ minLength, maxLength }).map((list) => Buffer.from(list));
const noNullPrototype = { noNullPrototype: true };

test('an extension handshake is read as it was written', () => {
  fc.assert(
    fc.property(
      fc.record(
        {
          ids: fc
            .dictionary(fc.stringMatching(/^[a-z_]{1,20}$/), fc.integer({ min: 0, max: 255 }))
            .map((ids) => new Map(Object.entries(ids))),
          version: fc.option(fc.stringMatching(/^[a-z 0-9.]{1,40}$/)),
          port: fc.option(fc.integer({ min: 1, max: 65535 })),
          yourIp: fc.option(fc.oneof(bytes(4, 4), bytes(16, 16))),
          requestQueue: fc.option(fc.integer({ min: 1 })),
          metadataSize: fc.option(fc.integer({ min: 1 })),
          uploadOnly: fc.option(fc.boolean()),
        },
        noNullPrototype,
      ),
      (handshake: ExtensionHandshake) => {
        assert.deepEqual(decodeExtensionHandshake(encodeExtensionHandshake(handshake)), handshake);
      },
    ),
  );
});

test('an extension handshake of a libtorrent client is read', () => {
  const payload = Buffer.from(
    'd1:md11:lt_donthavei7e10:share_modei8e11:upload_onlyi3e12:ut_holepunchi4e11:ut_metadatai2e6:ut_pexi1ee4:reqqi500e1:v18:libtorrent/2.0.8.06:yourip4:\x7f\x00\x00\x01e',
    'latin1',
  );
  assert.deepEqual(decodeExtensionHandshake(payload), {
    ...SILENT_HANDSHAKE,
    ids: new Map(
      Object.entries({ lt_donthave: 7, share_mode: 8, upload_only: 3, ut_holepunch: 4, ut_metadata: 2, ut_pex: 1 }),
    ),
    version: 'libtorrent/2.0.8.0',
    requestQueue: 500,
    yourIp: Buffer.of(127, 0, 0, 1),
  });
});

test('a field of an extension handshake that makes no sense is read as null', () => {
  const strange = (fields: Record<string, unknown>) =>
    decodeExtensionHandshake(encodeBencode(new Map(Object.entries(fields)) as ReadonlyMap<string, string>));
  assert.deepEqual(
    strange({ p: 0, reqq: -1, metadata_size: 0, yourip: Buffer.alloc(3), v: 7, m: 'x' }),
    SILENT_HANDSHAKE,
  );
  assert.deepEqual(
    strange({
      p: 65536,
      reqq: 'x',
      metadata_size: 2n ** 63n,
      upload_only: 'x',
      m: new Map([
        ['a', 256],
        ['b', -1],
      ] as [string, number][]),
    }),
    SILENT_HANDSHAKE,
  );
  assert.equal(strange({ v: 'x'.repeat(1000) })?.version?.length, 128);
});

test('a handshake with many names is cut, and one with too many, or that is no dictionary, is refused', () => {
  assert.equal(decodeExtensionHandshake(Buffer.from('le')), undefined);
  assert.equal(decodeExtensionHandshake(Buffer.alloc(0)), undefined);
  const names = (count: number) => new Map(Array.from({ length: count }, (_, at) => [`n${at}`, 1] as const));
  const many = encodeBencode(new Map([['m', names(140)]]));
  assert.equal(decodeExtensionHandshake(many)?.ids.size, 100);
  assert.equal(decodeExtensionHandshake(encodeBencode(new Map([['m', names(200)]]))), undefined);
});

test('a later handshake changes only the fields that it has, and the number of ids stays bounded', () => {
  const first = {
    ...SILENT_HANDSHAKE,
    ids: new Map([
      ['a', 1],
      ['b', 2],
    ] as [string, number][]),
    requestQueue: 5,
    port: 1,
  };
  const second = { ...SILENT_HANDSHAKE, ids: new Map([['b', 0]]), requestQueue: 9 };
  assert.deepEqual(mergeHandshakes(first, second), {
    ...SILENT_HANDSHAKE,
    ids: new Map([
      ['a', 1],
      ['b', 0],
    ] as [string, number][]),
    requestQueue: 9,
    port: 1,
  });
  const rich = { ...SILENT_HANDSHAKE, ids: new Map(Array.from({ length: 100 }, (_, at) => [`n${at}`, 1] as const)) };
  assert.equal(mergeHandshakes(rich, second).ids.size, 1);
});

test('metadata messages are read as they were written', () => {
  const piece = fc.nat();
  const message: fc.Arbitrary<MetadataMessage> = fc.oneof(
    piece.map((at) => ({ type: 'request' as const, piece: at })),
    piece.map((at) => ({ type: 'reject' as const, piece: at })),
    fc.tuple(piece, fc.integer({ min: 1 }), bytes(1, 16_384)).map(([at, totalSize, data]) => ({
      type: 'data' as const,
      piece: at,
      totalSize,
      data,
    })),
  );
  fc.assert(
    fc.property(message, (sent) => {
      assert.ok(sent.type !== 'unknown');
      assert.deepEqual(decodeMetadataMessage(encodeMetadataMessage(sent)), sent);
    }),
  );
});

test('metadata messages are on the wire as BEP 9 says', () => {
  const request = encodeMetadataMessage({ type: 'request', piece: 0 });
  assert.equal(request.toString(), 'd8:msg_typei0e5:piecei0ee');
  const data = encodeMetadataMessage({ type: 'data', piece: 0, totalSize: 34256, data: Buffer.from('xxxx') });
  assert.equal(data.toString(), 'd8:msg_typei1e5:piecei0e10:total_sizei34256eexxxx');
  assert.equal(encodeMetadataMessage({ type: 'reject', piece: 0 }).toString(), 'd8:msg_typei2e5:piecei0ee');
});

test('a payload that is no metadata message is told from a message of an unknown type', () => {
  const decode = (text: string) => decodeMetadataMessage(Buffer.from(text, 'latin1'));
  assert.deepEqual(decode('d8:msg_typei3ee'), { type: 'unknown' });
  assert.equal(decode('d8:msg_typei0ee'), undefined);
  assert.equal(decode('d8:msg_typei0e5:piecei-1ee'), undefined);
  assert.equal(decode('d5:piecei0ee'), undefined);
  assert.equal(decode('d8:msg_typei1e5:piecei0e10:total_sizei5ee'), undefined);
  assert.equal(decode('d8:msg_typei1e5:piecei0eexx'), undefined);
  assert.equal(decode(`d8:msg_typei1e5:piecei0e10:total_sizei5ee${'x'.repeat(16_385)}`), undefined);
  assert.equal(decode(`d1:a1100:${'x'.repeat(1100)}8:msg_typei0e5:piecei0ee`), undefined);
});

test('any bytes are read as a handshake, as a metadata message, or refused', () => {
  const part = fc.oneof(
    fc.string(),
    fc.constantFrom('d', 'e', 'l', '1:m', 'i1e', '8:msg_type', '5:piece', '10:total_size'),
  );
  fc.assert(
    fc.property(fc.array(part), (parts) => {
      const payload = Buffer.from(parts.join(''), 'latin1');
      decodeExtensionHandshake(payload);
      const message = decodeMetadataMessage(payload);
      if (message?.type === 'data') assert.ok(message.data.length > 0);
    }),
  );
});
