import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { Framer, type Step } from '../../../src/wire/framer.js';
import {
  encodeHandshake,
  HANDSHAKE_HEAD_LENGTH,
  HANDSHAKE_LENGTH,
  readHandshakeHead,
  readPeerId,
} from '../../../src/wire/handshake.js';
import { encodeReserved } from '../../../src/wire/reserved.js';
import { seededRandom } from '../../support/simulation/seeded-random.js';
import { splits } from '../../support/splits.js';

const INFO_HASH = Buffer.alloc(20, 'h');
const PEER_ID = Buffer.from('-XX0000-abcdefghijkl', 'latin1');

/** Reads a handshake with everything that it says in a log, and then bytes one at a time. */
function reader(): { framer: Framer; log: string[] } {
  const log: string[] = [];
  const after: Step = {
    kind: 'read',
    nextLen: 1,
    nextFunc: (byte) => {
      log.push(`byte ${byte[0]}`);
      return after;
    },
  };
  const first = readHandshakeHead((infoHash, reserved) => {
    log.push(`info-hash ${infoHash.toString('latin1')} reserved ${reserved.toString('hex')}`);
    return readPeerId((peerId) => {
      log.push(`peer id ${peerId.toString('latin1')}`);
      return after;
    });
  });
  return { framer: new Framer(first.nextLen, first.nextFunc, (reason) => log.push(`refused ${reason.code}`)), log };
}

describe('the handshake', () => {
  it('is 68 bytes in the order of BEP 3', () => {
    const bytes = encodeHandshake(INFO_HASH, PEER_ID, encodeReserved(['fast']));
    assert.equal(
      bytes.toString('latin1'),
      `\x13BitTorrent protocol\0\0\0\0\0\0\0\x04${'h'.repeat(20)}-XX0000-abcdefghijkl`,
    );
    assert.deepEqual([HANDSHAKE_HEAD_LENGTH, HANDSHAKE_LENGTH], [48, 68]);
  });

  it('cannot be made of an info-hash or a peer id of the wrong length', () => {
    assert.throws(() => encodeHandshake(Buffer.alloc(32), PEER_ID, encodeReserved([])), RangeError);
  });

  it('is read part by part, however it is cut, and what follows is left alone', () => {
    const stream = Buffer.concat([encodeHandshake(INFO_HASH, PEER_ID, encodeReserved(['dht'])), Buffer.of(7, 8)]);
    for (const parts of splits(stream, seededRandom(1))) {
      const { framer, log } = reader();
      for (const part of parts) framer.dataCameIn(part);
      assert.deepEqual(log, [
        `info-hash ${'h'.repeat(20)} reserved 0000000000000001`,
        'peer id -XX0000-abcdefghijkl',
        'byte 7',
        'byte 8',
      ]);
    }
  });

  it('is refused at the first byte of another protocol', () => {
    const { framer, log } = reader();
    framer.dataCameIn(Buffer.from('G'));
    assert.deepEqual(log, ['refused not-bittorrent']);
  });

  it('is refused when the name is wrong, before anything behind it has come', () => {
    const { framer, log } = reader();
    framer.dataCameIn(Buffer.from('\x13BitTorrent protocoL', 'latin1'));
    assert.deepEqual(log, ['refused not-bittorrent']);
  });

  it('keeps the peer id and the reserved bytes when the buffer they came in is used again', () => {
    const chunk = encodeHandshake(INFO_HASH, PEER_ID, encodeReserved(['v2']));
    const kept: Buffer[] = [];
    const first = readHandshakeHead((_infoHash, reserved) => {
      kept.push(reserved);
      return readPeerId((peerId) => {
        kept.push(peerId);
        return { kind: 'refuse', reason: { code: 'banned', evidence: { kind: 'wrong-metadata' } } };
      });
    });
    new Framer(first.nextLen, first.nextFunc, () => undefined).dataCameIn(chunk);
    chunk.fill(0);
    assert.deepEqual(kept, [encodeReserved(['v2']), PEER_ID]);
  });

  it('takes any bytes without throwing, and at most one refusal ends it', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 60 }), { maxLength: 8 }), fc.nat(68), (chunks, honest) => {
        const { framer, log } = reader();
        framer.dataCameIn(encodeHandshake(INFO_HASH, PEER_ID, encodeReserved([])).subarray(0, honest));
        for (const chunk of chunks) framer.dataCameIn(Buffer.from(chunk));
        const refusedAt = log.findIndex((line) => line.startsWith('refused'));
        assert.ok(refusedAt === -1 || refusedAt === log.length - 1);
      }),
    );
  });
});
