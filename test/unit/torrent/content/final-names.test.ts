import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { SurveyOutcome } from '../../../../src/disk/storage.js';
import { chooseFinalNames, type FinalNamesOutcome } from '../../../../src/torrent/content/final-names.js';
import { ask } from '../../../support/disk/file-disk.js';
import { withStorage } from '../../../support/disk/storage-case.js';
import { type SampleTorrent, sampleTorrent } from '../../../support/sample-torrent.js';
import { v2Torrent } from '../../../support/v2-torrent.js';

/** The piece at the border is part of both files; the last file has no piece of its own. */
const TWO: SampleTorrent = sampleTorrent(
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
  /** For each file, under which name the file that counts lies. */
  readonly found: readonly string[];
}

/** The choice when these files lie on the disk. */
async function choose(files: Readonly<Record<string, Buffer | string>>, torrent = TWO): Promise<Chosen> {
  let result: Chosen | undefined;
  await withStorage(torrent, async ({ storage, put }) => {
    for (const [path, bytes] of Object.entries(files)) put(path, bytes);
    const survey = await ask<SurveyOutcome>((answered) => storage.survey(answered));
    assert.ok(survey.ok);
    const parts = { metainfo: torrent.metainfo, layout: torrent.layout, storage };
    const names = await ask<FinalNamesOutcome>((answered) => chooseFinalNames(parts, survey.files, answered));
    assert.ok(names.ok);
    const found = names.files.map((file) => `${file.found} ${file.length}`);
    result = { chosen: [...names.chosen], inTheWay: [...names.inTheWay], found };
  });
  return result ?? assert.fail();
}

const ONE = TWO.fileBytes(0);
const wrong = (bytes: Buffer): Buffer => Buffer.concat([bytes.subarray(0, 10), Buffer.alloc(bytes.length - 10, 7)]);

describe('the choice between a file under its final name and one under its part name', () => {
  it('changes nothing when no file has both', async () => {
    assert.deepEqual(await choose({ 't/one': ONE, 't/two.part': 'begun' }), {
      chosen: [],
      inTheWay: [],
      found: ['final 2500', 'part 5', 'absent 0'],
    });
  });

  it('is for the final name when that file is right as far as it can be checked', async () => {
    assert.deepEqual(await choose({ 't/one': ONE, 't/one.part': 'theirs' }), {
      chosen: [0],
      inTheWay: [],
      found: ['final 2500', 'absent 0', 'absent 0'],
    });
  });

  it('is for the part name when the other file is wrong or short', async () => {
    for (const final of [wrong(ONE), ONE.subarray(0, 2400), Buffer.concat([ONE, ONE])])
      assert.deepEqual(await choose({ 't/one': final, 't/one.part': 'ours' }), {
        chosen: [],
        inTheWay: [0],
        found: ['part 4', 'absent 0', 'absent 0'],
      });
  });

  it('finds a file in the way when a piece shared with a finished file is wrong, not with a growing one', async () => {
    const files = { 't/one': ONE, 't/one.part': 'ours', 't/two': wrong(TWO.fileBytes(1)), 't/two.part': 'ours too' };
    assert.deepEqual(await choose(files), { chosen: [], inTheWay: [0, 1], found: ['part 4', 'part 8', 'absent 0'] });
    const { 't/two': _, ...without } = files;
    assert.deepEqual((await choose(without)).chosen, [0]);
  });

  it('is for the part name, and no fault is found, when nobody has told the hashes of version 2', async () => {
    const files = [
      { path: 't/one', length: 40_000 },
      { path: 't/two', length: 100 },
    ];
    for (const version of ['2', 'hybrid'] as const) {
      const bare = v2Torrent(files, 16_384, version, { layers: false });
      const { chosen, inTheWay } = await choose({ 't/one': bare.fileBytes(0), 't/one.part': 'ours' }, bare);
      assert.deepEqual([chosen, inTheWay], [[], []]);
    }
  });

  it('is for the part name when nothing can be checked', async () => {
    const small = await choose({ 't/small': TWO.fileBytes(2), 't/small.part': 'ours' });
    assert.deepEqual(small, { chosen: [], inTheWay: [], found: ['absent 0', 'absent 0', 'part 4'] });
  });
});
