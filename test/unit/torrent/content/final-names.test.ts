import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { SurveyOutcome } from '../../../../src/disk/storage.js';
import { chooseFinalNames, type FinalNamesOutcome } from '../../../../src/torrent/content/final-names.js';
import { ask } from '../../../support/disk/file-disk.js';
import { withStorage } from '../../../support/disk/storage-case.js';
import { sampleTorrent } from '../../../support/sample-torrent.js';

/** The piece at the border is part of both files; the last file has no piece of its own. */
const TWO = sampleTorrent(
  [
    { path: 't/one', length: 2500 },
    { path: 't/two', length: 2700 },
    { path: 't/small', length: 100 },
  ],
  1024,
);

interface Chosen {
  readonly chosen: readonly number[];
  readonly inTheWay: readonly number[];
  /** Where each file lies that counts. */
  readonly found: readonly string[];
}

/** What is chosen where these files lie. */
async function choose(files: Readonly<Record<string, Buffer | string>>): Promise<Chosen> {
  let result: Chosen | undefined;
  await withStorage(TWO, async ({ storage, put }) => {
    for (const [path, bytes] of Object.entries(files)) put(path, bytes);
    const survey = await ask<SurveyOutcome>((answered) => storage.survey(answered));
    assert.ok(survey.ok);
    const parts = { metainfo: TWO.metainfo, layout: TWO.layout, storage };
    const names = await ask<FinalNamesOutcome>((answered) => chooseFinalNames(parts, survey.files, answered));
    assert.ok(names.ok);
    const found = names.files.map((file) => `${file.found} ${file.length}`);
    result = { chosen: [...names.chosen], inTheWay: [...names.inTheWay], found };
  });
  return result ?? assert.fail();
}

const ONE = TWO.fileBytes(0);
const wrong = (bytes: Buffer): Buffer => Buffer.concat([bytes.subarray(0, 10), Buffer.alloc(bytes.length - 10, 7)]);

describe('files under both of their names', () => {
  it('are chosen by nothing where there are none', async () => {
    assert.deepEqual(await choose({ 't/one': ONE, 't/two.part': 'begun' }), {
      chosen: [],
      inTheWay: [],
      found: ['final 2500', 'part 5', 'absent 0'],
    });
  });

  it('are those under their final names when these are right as far as they can be looked at', async () => {
    assert.deepEqual(await choose({ 't/one': ONE, 't/one.part': 'theirs' }), {
      chosen: [0],
      inTheWay: [],
      found: ['final 2500', 'absent 0', 'absent 0'],
    });
  });

  it('are those under their part names when the others are wrong or short', async () => {
    for (const final of [wrong(ONE), ONE.subarray(0, 2400), Buffer.concat([ONE, ONE])])
      assert.deepEqual(await choose({ 't/one': final, 't/one.part': 'ours' }), {
        chosen: [],
        inTheWay: [0],
        found: ['part 4', 'absent 0', 'absent 0'],
      });
  });

  it('are in the way with a neighbour of which a common piece is wrong, but not with one that still grows', async () => {
    const files = { 't/one': ONE, 't/one.part': 'ours', 't/two': wrong(TWO.fileBytes(1)), 't/two.part': 'ours too' };
    assert.deepEqual(await choose(files), { chosen: [], inTheWay: [0, 1], found: ['part 4', 'part 8', 'absent 0'] });
    const { 't/two': _, ...without } = files;
    assert.deepEqual((await choose(without)).chosen, [0]);
  });

  it('are those under their part names where nothing can be looked at', async () => {
    const small = await choose({ 't/small': TWO.fileBytes(2), 't/small.part': 'ours' });
    assert.deepEqual(small, { chosen: [], inTheWay: [], found: ['absent 0', 'absent 0', 'part 4'] });
  });
});
