import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BtgetError } from '../../../src/base/failure.js';
import { parseSource } from '../../../src/cli/source/parse-source.js';
import { parseMetainfo } from '../../../src/metainfo/parse-metainfo.js';
import { file, folder } from '../../support/torrent-bytes.js';

const few = [file(['a'], 1), file(['b'], 1)];
const many = Array.from({ length: 4500 }, (_, index) => file([`folder ${index % 7}`, `file ${index}`], 3));

test('a torrent of few files is parsed at once', () => {
  const bytes = folder(few);
  assert.deepEqual(parseSource(bytes), parseMetainfo(bytes));
});

test('a torrent of many files is parsed by a thread, and nothing of it is lost on the way', async () => {
  const bytes = folder(many, { private: 1 }, { comment: 'of many files' });
  const parsed = parseSource(bytes);
  assert.ok(parsed instanceof Promise);
  assert.deepEqual(await parsed, parseMetainfo(bytes));
});

test('what the thread refuses is refused with the same code and sentence', async () => {
  const bytes = folder([...many, file(['odd'], -1)]);
  const refusal = (() => {
    try {
      return parseMetainfo(bytes);
    } catch (error) {
      return error;
    }
  })();
  assert.ok(refusal instanceof BtgetError);
  const { code, message } = refusal;
  await assert.rejects(async () => parseSource(bytes), { name: 'BtgetError', code, message });
});
