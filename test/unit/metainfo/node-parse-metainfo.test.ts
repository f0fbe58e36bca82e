import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nodeParseMetainfo } from '../../../src/metainfo/node-parse-metainfo.js';
import { parseMetainfo } from '../../../src/metainfo/parse-metainfo.js';
import { type ParseOutcome, parseAtOnce } from '../../../src/metainfo/parsing.js';
import { file, folder } from '../../support/torrent-bytes.js';
import { v2Torrent } from '../../support/v2-torrent.js';

const few = [file(['a'], 1), file(['b'], 1)];
const many = Array.from({ length: 4500 }, (_, index) => file([`folder ${index % 7}`, `file ${index}`], 3));

test('a torrent of few files is parsed at once', () => {
  const bytes = folder(few);
  const outcomes: ParseOutcome[] = [];
  nodeParseMetainfo(bytes, (outcome) => outcomes.push(outcome));
  assert.deepEqual(outcomes, [{ ok: true, metainfo: parseMetainfo(bytes) }]);
});

test('a torrent of many files is parsed by a thread, and comes back complete', async () => {
  const bytes = folder(many, { private: 1 }, { comment: 'of many files' });
  let isLater = false;
  const outcome = await new Promise<ParseOutcome>((resolve) => {
    nodeParseMetainfo(bytes, (parsed) => {
      assert.ok(isLater);
      resolve(parsed);
    });
    isLater = true;
  });
  assert.deepEqual(outcome, { ok: true, metainfo: parseMetainfo(bytes) });
});

test('a torrent that the thread refuses is refused with the same code and sentence', async () => {
  const bytes = folder([...many, file(['odd'], -1)]);
  const refusals: ParseOutcome[] = [];
  parseAtOnce(bytes, (outcome) => refusals.push(outcome));
  const outcome = await new Promise<ParseOutcome>((resolve) => nodeParseMetainfo(bytes, resolve));
  assert.equal(outcome.ok, false);
  assert.deepEqual([outcome], refusals);
});

test('a parse that is cancelled does not answer', async () => {
  const parsing = nodeParseMetainfo(folder(many), () => assert.fail('answered'));
  parsing.cancel();
  // When a thread that began later has answered, the first one would have answered too.
  await new Promise<ParseOutcome>((resolve) => nodeParseMetainfo(folder(many), resolve));
});

test('torrents of version 2 and hybrids of many files come back from the thread complete', async () => {
  const files = Array.from({ length: 4500 }, (_, index) => ({ path: `top/${index}`, length: index < 2 ? 40_000 : 1 }));
  for (const version of ['2', 'hybrid'] as const) {
    const { torrent, metainfo } = v2Torrent(files, 16_384, version, { layers: version === '2' });
    let isLater = false;
    const outcome = await new Promise<ParseOutcome>((resolve) => {
      nodeParseMetainfo(torrent, (parsed) => {
        assert.ok(isLater);
        resolve(parsed);
      });
      isLater = true;
    });
    assert.deepEqual(outcome, { ok: true, metainfo });
    assert.equal(metainfo.missingLayers.length, version === '2' ? 0 : 2);
  }
});
