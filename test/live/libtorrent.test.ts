import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { encodeBencode } from '../../src/bencode/encode.js';
import { scratch } from '../support/disk/scratch.js';
import { serveHttp } from '../support/fakes/http-server.js';
import { writeNoise } from '../support/noise.js';
import { RIVALS } from './rivals.js';
import { btgetEnds, fingerprint, HOSTS, nextHost, startSeed } from './support.js';

const MiB = 1 << 20;
const FILES = { 'data/one.bin': 61 * MiB + 12345, 'data/two.bin': 9 * MiB - 54321, 'data/small.txt': 77 };
const TIMEOUT = 120_000;
const libtorrent = RIVALS.find(({ name }) => name === 'libtorrent');
const skip = libtorrent?.installed === true ? false : 'libtorrent is not installed (Debian package python3-libtorrent)';

describe('libtorrent', { skip }, () => {
  assert.ok(libtorrent !== undefined);

  test('gives everything when the tracker made its peer id up', { timeout: TIMEOUT }, async (t) => {
    const dir = scratch(t);
    writeNoise(join(dir, 'seed'), FILES);
    const host = nextHost();
    let port = 0;
    let answers = 0;
    const tracker = await serveHttp(
      t,
      (_request, response) => {
        answers += 1;
        const peer = new Map(Object.entries({ 'peer id': '-lt20B0-abcdefghijkl', ip: host, port }));
        response.end(encodeBencode(new Map(Object.entries({ interval: 1800, peers: port === 0 ? [] : [peer] }))));
      },
      HOSTS.tracker,
    );
    const torrent = join(dir, 'data.torrent');
    const url = `http://${tracker}/announce`;
    await btgetEnds(t, 0, 'create', join(dir, 'seed', 'data'), '-o', torrent, '--tracker', url);
    const seed = await libtorrent.start(t, { torrent, dir: join(dir, 'seed'), host, peers: [] });
    await seed.complete();
    port = Number(seed.address.split(':')[1]);
    const before = answers;
    await btgetEnds(t, 0, torrent, '-d', join(dir, 'leech'), '--bind', HOSTS.btget);
    assert.ok(answers > before, 'btget never asked the tracker');
    assert.deepEqual(fingerprint(join(dir, 'leech', 'data')), fingerprint(join(dir, 'seed', 'data')));
  });

  test("gets everything of btget's seed when it asks for 2,000 blocks ahead", { timeout: TIMEOUT }, async (t) => {
    const dir = scratch(t);
    writeNoise(join(dir, 'seed'), FILES);
    const torrent = join(dir, 'data.torrent');
    await btgetEnds(t, 0, 'create', join(dir, 'seed', 'data'), '-o', torrent);
    const address = await startSeed(t, HOSTS.btget, torrent, join(dir, 'seed'));
    mkdirSync(join(dir, 'leech'));
    const task = { torrent, dir: join(dir, 'leech'), host: nextHost(), peers: [address], farAhead: true };
    const leech = await libtorrent.start(t, task);
    await leech.complete();
    assert.deepEqual(fingerprint(join(dir, 'leech', 'data')), fingerprint(join(dir, 'seed', 'data')));
  });
});
