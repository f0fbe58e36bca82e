import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as btget from '../../src/index.js';
import { NOTHING_SAID } from '../support/torrent-bytes.js';

test('the library makes and reads torrents, and makes a session that holds nothing open', () => {
  const bytes = btget.createMetainfo({
    ...NOTHING_SAID,
    metaVersion: '1',
    name: 'x',
    content: { length: 5, executable: false },
    pieceLength: btget.choosePieceLength(5),
    pieces: Buffer.alloc(20),
    pieceRoots: null,
  });
  assert.equal(btget.describe(btget.parseMetainfo(bytes)).name, 'x');
  assert.throws(() => btget.parseMetainfo(Buffer.from('x')), btget.BtgetError);
  const session = btget.createNodeSession({ gotException: (error) => assert.ifError(error) });
  return new Promise<void>((resolve) => session.stop(resolve));
});
