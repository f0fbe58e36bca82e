import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { joinTwins } from '../../../src/cli/source/join-twins.js';
import type { LoadedMagnet, LoadedSource, LoadedTorrent } from '../../../src/cli/source/load-source.js';
import { parseLink } from '../../../src/metainfo/magnet.js';
import type { Metainfo } from '../../../src/metainfo/metainfo.js';
import { parseMetainfo } from '../../../src/metainfo/parse-metainfo.js';
import { v2Torrent } from '../../support/v2-torrent.js';

const FILES = [{ path: 'a', length: 100_000 }];
const HYBRID = v2Torrent(FILES, 16_384, 'hybrid').metainfo;
const BARE = parseMetainfo(v2Torrent(FILES, 16_384, 'hybrid', { layers: false }).torrent);
const V1 = HYBRID.infoHashV1?.toString('hex') ?? '';
const V2 = HYBRID.infoHashV2?.toString('hex') ?? '';

let count = 0;
const link = (text: string): LoadedMagnet => {
  count += 1;
  return {
    input: text,
    ok: true,
    kind: 'magnet',
    link: parseLink(text),
    peers: [{ host: '192.0.2.1', port: count }],
  };
};
const torrent = (input: string, metainfo: Metainfo): LoadedTorrent => ({ input, ok: true, kind: 'torrent', metainfo });
const namesOf = (sources: readonly LoadedSource[]) =>
  joinTwins(sources).map(({ source, twins }) => [source.input, ...twins]);

describe('sources of one torrent of version 2', () => {
  test('are joined by either hash of a hybrid, and by the first 20 bytes of a v2 hash', () => {
    const sources = [link(V1), link(V2), link(V2.slice(0, 40)), torrent('x.torrent', HYBRID)];
    assert.deepEqual(namesOf(sources), [[V1, V2, V2.slice(0, 40), 'x.torrent']]);
    assert.deepEqual(namesOf([...sources].reverse()), [['x.torrent', V2.slice(0, 40), V2, V1]]);
  });

  test('that seem to be two are joined by a source that has both hashes, with all their peers', () => {
    const both = `magnet:?xt=urn:btih:${V1}&xt=urn:btmh:1220${V2}`;
    const other = link('ab'.repeat(20));
    const sources = [link(V1), other, link(V2), link(both)];
    assert.deepEqual(namesOf(sources), [[V1, V2, both], [other.input]]);
    const [joined] = joinTwins(sources);
    assert.equal(joined?.peers.length, 3);
    assert.ok(joined?.source.ok === true && joined.source.kind === 'magnet');
    const { infoHash, infoHashV1, infoHashV2 } = joined.source.link;
    assert.deepEqual([infoHash, infoHashV1, infoHashV2].map(hex), [V1, V1, V2]);
  });

  test('take the v2 hash from the link that has all of it', () => {
    const [joined] = joinTwins([link(V2.slice(0, 40)), link(V2)]);
    assert.ok(joined?.source.ok === true && joined.source.kind === 'magnet');
    assert.deepEqual([joined.source.link.infoHash, joined.source.link.infoHashV2].map(hex), [V2.slice(0, 40), V2]);
  });

  test('stay apart when they are two', () => {
    assert.deepEqual(namesOf([link(V1), link(V2)]), [[V1], [V2]]);
    const broken: LoadedSource = { input: 'x', ok: false, failure: new Error('x') as never };
    assert.deepEqual(namesOf([broken, broken]), [['x'], ['x']]);
  });

  test('have the layers when one .torrent of two has them', () => {
    for (const sources of [
      [torrent('bare', BARE), torrent('whole', HYBRID)],
      [torrent('whole', HYBRID), torrent('bare', BARE)],
    ]) {
      const [joined] = joinTwins(sources);
      assert.ok(joined?.source.ok === true && joined.source.kind === 'torrent');
      assert.deepEqual(joined.source.metainfo.missingLayers, []);
      assert.deepEqual(joined.source.metainfo.pieceRoots, HYBRID.pieceRoots);
    }
  });
});

function hex(hash: Buffer | null): string {
  return hash?.toString('hex') ?? '';
}
