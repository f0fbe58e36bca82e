/** Whole btgets on loopback, some of them on the blocklist of others. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { gzipSync } from 'node:zlib';
import { createTorrent } from '../../src/session/create-torrent.js';
import { download } from '../../src/session/download.js';
import { BtgetProcess, LOOPBACK, runBtget } from '../support/btget-process.js';
import { HANGS_AFTER } from '../support/hang.js';
import { writeNoise } from '../support/noise.js';

const dir = mkdtempSync(join(tmpdir(), 'btget-blocklist-'));
after(() => rmSync(dir, { recursive: true }));
before(async () => {
  writeNoise(join(dir, 'seed'), { 'data.bin': 300_000 });
  const bytes = await createTorrent(join(dir, 'seed', 'data.bin'), { pieceLength: 16_384 });
  writeFileSync(join(dir, 'a.torrent'), bytes);
});

function list(name: string, ...lines: readonly string[]): string {
  writeFileSync(join(dir, name), gzipSync(lines.join('\n')));
  return name;
}

const SEED = ['seed', 'a.torrent', '-d', 'seed', ...LOOPBACK, '--json'];

/** A download by a btget at 127.0.0.2 from the seed at 127.0.0.1. */
function leechArgs(to: string, port: string): string[] {
  const bound = ['--bind', '127.0.0.2', '--port', '0', '--no-trackers', '--json'];
  return ['a.torrent', '-d', to, ...bound, '--peer', `127.0.0.1:${port}`];
}

describe('--blocklist', { timeout: 2 * HANGS_AFTER }, () => {
  it('keeps a peer out, lets it in when a new list does, and parts from it when it is listed again', async (t) => {
    list('peers', 'x:127.0.0.2-127.0.0.9');
    const seed = new BtgetProcess(t, dir, [...SEED, '--blocklist', 'peers', '--max-upload', '20K']);
    const [, port = ''] = await seed.says(/"type":"listening".*"port":(\d+)/);
    await seed.says(/"state":"seeding"/);
    const refused = await runBtget(t, dir, [...leechArgs('refused', port), '--stop-timeout', '3']);
    assert.equal(refused.code, 2, refused.err);
    assert.doesNotMatch(refused.out, /"peers":1/);

    list('peers', '127.0.0.3');
    seed.process.kill('SIGHUP');
    await seed.says(/"type":"blocklist".*"news":"read-again","ranges":1,"refusedIn":[1-9]/);
    const taken = new BtgetProcess(t, dir, leechArgs('taken', port));
    await taken.says(/"type":"progress".*"have":[1-9]\d*.*"peers":1/);

    list('peers', '127.0.0.2', '127.0.0.4');
    seed.process.kill('SIGHUP');
    await seed.says(/"news":"read-again","ranges":2/);
    taken.out = '';
    await taken.says(/"type":"progress".*"peers":0/);

    writeFileSync(join(dir, 'peers'), 'rubbish');
    seed.process.kill('SIGHUP');
    await seed.says(/"code":"blocklist-kept"/);
    assert.equal((await runBtget(t, dir, [...leechArgs('again', port), '--stop-timeout', '2'])).code, 2);
    seed.process.kill('SIGTERM');
    assert.equal((await seed.ended).code, 0);
    assert.match(seed.out, /"news":"counted","ranges":2[^\n]*\n[^\n]*"type":"summary"/);
  });

  it('of a leech keeps it from dialling, also where the user names the peer', async (t) => {
    let dialled = 0;
    const server = createServer((socket) => {
      dialled += 1;
      socket.destroy();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    t.after(() => server.close());
    const address = server.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const options = { dir: join(dir, 'library'), bind: '127.0.0.2', port: { first: 0, last: 0 } } as const;
    const warnings: string[] = [];
    const get = async (...blocklists: readonly string[]): Promise<void> => {
      const ending = new AbortController();
      const peers = [{ host: '127.0.0.1', port }];
      const downloading = download(join(dir, 'a.torrent'), {
        ...{ ...options, useTorrentTrackers: false, blocklists, peers, signal: ending.signal },
        onWarning: (message) => warnings.push(message),
        onProgress: ({ reach }) => {
          if (warnings.length > 0 || reach.dialled > 0) ending.abort();
        },
      });
      await assert.rejects(downloading, { code: 'interrupted' });
    };
    await get(join(dir, list('us', '127.0.0.1')));
    assert.deepEqual([dialled, warnings], [0, [`on the blocklist, and not dialled: 127.0.0.1:${port}`]]);
    warnings.length = 0;
    await get(join(dir, list('others', '127.0.0.8')));
    assert.deepEqual([dialled > 0, warnings], [true, []]);
    await assert.rejects(download(join(dir, 'a.torrent'), { ...options, blocklists: ['gone'] }), { code: 'usage' });
  });

  for (const scheme of ['udp', 'http'])
    it(`keeps it from asking a tracker over ${scheme}`, async (t) => {
      const tracker = new BtgetProcess(t, dir, ['tracker', '--bind', '127.0.0.1', '--port', '0']);
      const [, port = ''] = await tracker.says(/http:\/\/\S+:(\d+)\/announce/);
      for (const [listed, answer] of [
        ['127.0.0.1', /"ok":false,"message":"[^"]*127\.0\.0\.1 is on the blocklist/],
        ['127.0.0.9', /"ok":true/],
      ] as const) {
        const args = [...SEED, '--tracker', `${scheme}://127.0.0.1:${port}/announce`];
        const seed = new BtgetProcess(t, dir, [...args, '--blocklist', list('trackers', listed)]);
        const [line] = await seed.says(/^.*"type":"tracker".*$/m);
        assert.match(line, answer);
        seed.process.kill('SIGTERM');
        await seed.ended;
      }
    });

  it('ends btget with 28 when it cannot be read, before anything begins', async (t) => {
    for (const command of [
      ['a.torrent'],
      ['seed', 'a.torrent'],
      ['doctor'],
      ['show', `magnet:?xt=urn:btih:${'0'.repeat(40)}`],
    ]) {
      const args = [...command, '--bind', '127.0.0.1', '--port', '0', '--blocklist', 'gone'];
      const { code, out, err } = await runBtget(t, dir, args);
      assert.deepEqual([code, out], [28, ''], err);
      assert.match(err, /^btget: (?:\S+: )?blocklist gone: no such file\n$/);
    }
  });

  it('has a line of doctor', async (t) => {
    const args = ['doctor', '--json', '--bind', '127.0.0.1', '--port', '0', '--no-dht', '--no-port-mapping'];
    const { out } = await runBtget(t, dir, [...args, '--blocklist', list('doctor', '192.0.2.0/24', 'rubbish')]);
    const found = out
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line))
      .find(({ check }) => check === 'blocklist');
    assert.deepEqual(found, {
      check: 'blocklist',
      state: 'warning',
      code: null,
      message: 'the blocklist has 1 range of addresses; refused meanwhile: 0 in, 0 out; 1 line without sense',
      hint: 'the first is line 2 of doctor',
    });
  });
});
