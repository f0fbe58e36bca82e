/** Squatters fill the places of a seed, and take its peer id or its address to keep a download from it. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { btgetEnds, fingerprint, Program, startSeed } from '../live/support.js';
import { serveHttp } from '../support/fakes/http-server.js';
import { CONTENT_NAME, type Content, createContent } from './content.js';
import { reportAttack } from './report.js';

const SQUATTER = fileURLToPath(new URL('squatter.js', import.meta.url));
const LENGTH = 16 << 20;
const SEED = '10.9.0.2';
const LEECH = '10.9.0.3';
const ALONE = ['--no-dht', '--no-lsd', '--no-port-mapping'];

/** Starts squatters of so many connections, and waits until each has been made once. */
async function squat(
  t: TestContext,
  { metainfo }: Content,
  target: string,
  habit: string,
  id: string,
  hosts: string[],
) {
  const args = [SQUATTER, target, metainfo.infoHash.toString('hex'), habit, id, ...hosts];
  const pieces = String(Math.ceil(LENGTH / metainfo.pieceLength));
  const squatter = new Program(t, '/usr/bin/env', [`PIECES=${pieces}`, process.execPath, ...args]);
  await squatter.until((output) => (output.includes(`${16 * hosts.length} connections`) ? true : null));
}

/** Runs a download to its end; how many seconds it took. */
async function download(t: TestContext, content: Content, name: string, ...args: string[]): Promise<number> {
  const began = performance.now();
  const dir = join(content.dir, name);
  await btgetEnds(t, 0, 'download', content.torrent, '-d', dir, '--bind', LEECH, ...ALONE, ...args);
  const seconds = (performance.now() - began) / 1000;
  assert.equal(fingerprint(dir)[CONTENT_NAME], fingerprint(content.seed)[CONTENT_NAME]);
  return seconds;
}

test('64 squatters of four addresses keep no leech from a default seed', { timeout: 200_000 }, async (t) => {
  const content = await createContent(t, LENGTH);
  const seed = await startSeed(t, SEED, content.torrent, content.seed, ...ALONE);
  const clean = await download(t, content, 'clean', '--peer', seed);
  await squat(t, content, seed, 'wants', 'own', ['10.9.0.10', '10.9.0.11', '10.9.0.12', '10.9.0.13']);
  const underAttack = await download(t, content, 'attacked', '--peer', seed, '--timeout', '120s');
  const limit = 90;
  reportAttack({
    attack: '64 connections of four addresses squat at a seed, taking a block a turn',
    figure: 'wall of an honest download, s',
    clean,
    underAttack,
    limit,
  });
  assert.ok(underAttack <= limit, `${underAttack} s`);
});

for (const [attack, habit, from] of [
  ["the seed's peer id, borrowed behind its own address", 'offers', SEED],
  ["the seed's peer id, borrowed at another address", 'offers', '10.9.0.10'],
  ["wrong bytes from behind the seed's own address, under new ids", 'lies', SEED],
] as const) {
  test(`${attack}, does not keep the seed from a download`, { timeout: 200_000 }, async (t) => {
    const content = await createContent(t, LENGTH);
    const seed = await startSeed(t, SEED, content.torrent, content.seed, ...ALONE);
    const [host, port] = seed.split(':');
    const compact = Buffer.from([...(host ?? '').split('.').map(Number), Number(port) >> 8, Number(port) & 255]);
    // The tracker names the seed only when the squatters are there.
    let ready: Promise<void> = Promise.resolve();
    const body = Buffer.concat([Buffer.from('d8:intervali60e5:peers6:'), compact, Buffer.from('e')]);
    const tracker = await serveHttp(t, (_request, response) => void ready.then(() => response.end(body)), '10.9.0.1');
    const common = ['--tracker', `http://${tracker}/announce`, '--timeout', '120s'];
    const clean = await download(t, content, 'clean', ...common);
    const attacked = download(t, content, 'attacked', ...common, '--port', '7001');
    // They dial again and again until the download listens.
    ready = squat(t, content, `${LEECH}:7001`, habit, habit === 'lies' ? 'own' : seed, [from]);
    await ready;
    const underAttack = await attacked;
    const limit = 30;
    reportAttack({ attack, figure: 'wall of a download, s', clean, underAttack, limit });
    assert.ok(underAttack <= limit, `${underAttack} s`);
  });
}
