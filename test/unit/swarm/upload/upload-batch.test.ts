import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { BlockSpan } from '../../../../src/disk/storage.js';
import { UploadBatch } from '../../../../src/swarm/upload/upload-reads.js';
import { encodeMessage } from '../../../../src/wire/message.js';
import { layoutOf } from '../../../support/pieces.js';

const piece = layoutOf(2, 1000).pieceIndex(1)!;
const REQUESTS: readonly BlockSpan[] = [0, 10, 30, 60].map((begin) => ({ piece, begin, length: 10 + begin }));

/** The bytes that the peer should get for these requests. */
function messages(requests: readonly BlockSpan[]): Buffer {
  return Buffer.concat(
    requests.map(({ begin, length }) =>
      encodeMessage({ type: 'piece', piece, begin, block: Buffer.alloc(length, begin) }),
    ),
  );
}

function filledBatch(): UploadBatch {
  const batch = new UploadBatch(Buffer.alloc(1000, 0xdb));
  for (const request of REQUESTS) batch.add(request);
  for (const { begin, into } of batch.reads) into.fill(begin);
  return batch;
}

describe('a batch of an upload', () => {
  it('has blocks read to the place that they are sent from, in one run of bytes', () => {
    const { chunks, length } = filledBatch().wanted(() => true);
    assert.equal(chunks.length, 1);
    assert.equal(length, 10 + 20 + 40 + 70);
    assert.deepEqual(chunks[0], messages(REQUESTS));
  });

  it('leaves out blocks that are no longer wanted', () => {
    for (let choice = 0; choice < 16; choice += 1) {
      const wanted = REQUESTS.filter((_, index) => (choice >> index) % 2 === 1);
      const { chunks, length } = filledBatch().wanted((request) => wanted.includes(request));
      assert.deepEqual(Buffer.concat(chunks), messages(wanted));
      assert.equal(
        length,
        wanted.reduce((sum, request) => sum + request.length, 0),
      );
    }
  });

  it('has room for a block only if its header fits too', () => {
    const batch = new UploadBatch(Buffer.alloc(100));
    batch.add({ piece, begin: 0, length: 50 });
    const fits = [23, 24, 25].map((length) => batch.hasRoomFor({ piece, begin: 50, length }));
    assert.deepEqual(fits, [true, true, false]);
  });
});
