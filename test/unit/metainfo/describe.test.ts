import assert from 'node:assert/strict';
import { test } from 'node:test';
import { describe } from '../../../src/metainfo/describe.js';
import { parseMagnet } from '../../../src/metainfo/magnet.js';
import { parseMetainfo } from '../../../src/metainfo/parse-metainfo.js';
import { file, folder } from '../../support/torrent-bytes.js';
import { v2Torrent } from '../../support/v2-torrent.js';

test('a torrent is described as scripts are promised', () => {
  const files = [
    file(['run'], 10, { attr: 'x' }),
    file(['.pad', '6'], 6, { attr: 'p' }),
    file(['link'], 0, { attr: 'lh', 'symlink path': ['run'] }),
  ];
  const metainfo = parseMetainfo(folder(files, {}, { announce: 'http://t/a' }));
  const plain = { length: 0, padding: false, executable: false, hidden: false, symlink: null, piecesRoot: null };
  assert.deepEqual(JSON.parse(JSON.stringify(describe(metainfo))), {
    name: 'top',
    version: '1',
    infoHash: metainfo.infoHash.toString('hex'),
    infoHashV2: null,
    length: 10,
    pieceLength: 1024 * 1024,
    pieceCount: 1,
    files: [
      { ...plain, path: 'top/run', length: 10, executable: true },
      { ...plain, path: 'top/.pad/6', length: 6, padding: true },
      { ...plain, path: 'top/link', hidden: true, symlink: 'top/run' },
    ],
    trackers: [['http://t/a']],
    webSeeds: [],
    httpSeeds: [],
    nodes: [],
    private: false,
    comment: null,
    createdBy: null,
    createdAt: null,
    createdTime: null,
    magnet: `magnet:?xt=urn:btih:${metainfo.infoHash.toString('hex')}&dn=top&xl=10&tr=http://t/a`,
  });
});

test('the time of making is told in seconds and as ISO 8601, null where there is none or the year has more than four digits', () => {
  const metainfo = parseMetainfo(folder([file(['run'], 10)]));
  const times = [
    null,
    0,
    1_700_000_000,
    1_700_000_000.5,
    253_402_300_799,
    253_402_300_800,
    8.64e12 + 1,
    -1,
    Number.NaN,
  ];
  assert.deepEqual(
    times.map((createdAt) => describe({ ...metainfo, createdAt }).createdTime),
    [
      null,
      '1970-01-01T00:00:00Z',
      '2023-11-14T22:13:20Z',
      '2023-11-14T22:13:20Z',
      '9999-12-31T23:59:59Z',
      ...[null, null, null, null],
    ],
  );
});

test('the scripts of BEP 17 are described with the web seeds and by themselves, and no link names them', () => {
  const root = { 'url-list': ['http://w/top', 'http://s/2/'], httpseeds: ['http://s/1?a b', 'http://s/2/'] };
  const described = describe(parseMetainfo(folder([file(['run'], 10)], {}, root)));
  assert.deepEqual(described.webSeeds, ['http://w/top/', 'http://s/2/', 'http://s/1?a b']);
  assert.deepEqual(described.httpSeeds, ['http://s/1?a b', 'http://s/2/']);
  const secret = parseMetainfo(folder([file(['run'], 10)], {}, { httpseeds: 'http://me:password@s/1' }));
  assert.doesNotMatch(JSON.stringify(describe(secret)), /password/);
  assert.match(JSON.stringify(describe(secret, 'whole')), /me:password@s/);
  assert.deepEqual(parseMagnet(described.magnet).webSeeds, ['http://w/top/', 'http://s/2/']);
});

test('a torrent of version 2 is described by its hashes and by the roots of its files', () => {
  const files = [{ path: 't/a', length: 5 }, { path: 't/empty' }];
  for (const version of ['2', 'hybrid'] as const) {
    const { metainfo, leavesOf } = v2Torrent(files, 16_384, version);
    const v2 = metainfo.infoHashV2?.toString('hex') ?? '';
    const shown = describe(metainfo);
    assert.equal(shown.version, version);
    assert.equal(shown.infoHashV2, v2);
    assert.equal(shown.infoHash, metainfo.infoHashV1?.toString('hex') ?? v2.slice(0, 40));
    assert.equal(shown.files[0]?.piecesRoot, leavesOf(0)[0]?.toString('hex'));
    assert.equal(shown.files.find(({ path }) => path === 't/empty')?.piecesRoot, null);
    const ofV1 = version === '2' ? '' : `xt=urn:btih:${shown.infoHash}&`;
    assert.equal(shown.magnet, `magnet:?${ofV1}xt=urn:btmh:1220${v2}&dn=t&xl=5`);
  }
});
