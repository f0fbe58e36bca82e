/** A name with addresses of both families leads to the one at which somebody is. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { createTorrent } from '../../src/session/create-torrent.js';
import { BtgetProcess, runBtget } from '../support/btget-process.js';
import { HANGS_AFTER } from '../support/hang.js';
import { writeNoise } from '../support/noise.js';

const dir = mkdtempSync(join(tmpdir(), 'btget-localhost-'));
after(() => rmSync(dir, { recursive: true }));
writeNoise(join(dir, 'seed'), { 'data.bin': 300_000 });

/** No fence, so that both families are tried; and nobody else is spoken to. */
const ALONE = ['--port', '0', '--no-dht', '--no-lsd', '--no-pex', '--no-port-mapping'];
const OURS = Object.values(networkInterfaces()).flatMap((all) => (all ?? []).map(({ address }) => address));

async function makeTorrent(name: string): Promise<string> {
  const torrent = join(dir, name);
  writeFileSync(torrent, await createTorrent(join(dir, 'seed', 'data.bin'), { pieceLength: 16_384 }));
  return torrent;
}

describe('localhost', { timeout: HANGS_AFTER }, () => {
  for (const host of ['127.0.0.1', '::1'].filter((each) => OURS.includes(each))) {
    for (const scheme of ['udp', 'http']) {
      it(`leads to a tracker that is at ${host} only, over ${scheme}`, async (t) => {
        const torrent = await makeTorrent('tracked.torrent');
        const tracker = new BtgetProcess(t, dir, ['tracker', '--bind', host, '--port', '0']);
        const [, port = ''] = await tracker.says(/http:\/\/\S+:(\d+)\/announce/);
        const url = `${scheme}://localhost:${port}/announce`;
        const seed = new BtgetProcess(t, dir, ['seed', torrent, '-d', 'seed', ...ALONE, '--tracker', url, '--json']);
        const [line] = await seed.says(/^.*"type":"tracker".*$/m);
        assert.match(line, /"ok":true/);
      });
    }

    it(`leads to a peer that is at ${host} only`, async (t) => {
      const torrent = await makeTorrent('peer.torrent');
      const bound = ['--bind', host, '--port', '0', '--no-trackers'];
      const seed = new BtgetProcess(t, dir, ['seed', torrent, '-d', 'seed', ...bound]);
      const [, port = ''] = await seed.says(/listening on \S+:(\d+)\n[\s\S]*seeding/);
      const to = `from-${host.replaceAll(':', '_')}`;
      const leech = await runBtget(t, dir, [
        torrent,
        '-d',
        to,
        ...ALONE,
        '--no-trackers',
        '--peer',
        `localhost:${port}`,
      ]);
      assert.equal(leech.code, 0, leech.err);
    });
  }
});
