/** UDP trackers alone lead to peers: btget's own and opentracker, asked by btget and by other clients. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { scratch } from '../support/disk/scratch.js';
import { writeNoise } from '../support/noise.js';
import { RIVALS } from './rivals.js';
import { btget, btgetEnds, fingerprint, HOSTS, isInstalled, Program, startSeed, startTracker } from './support.js';

const OPTIONS = { timeout: 60_000 };
const MiB = 1 << 20;
const OPENTRACKER_PORT = 24_000;

/** A torrent of 3 MiB whose content lies in `seed`, with one tracker. */
async function torrentAt(t: TestContext, dir: string, tracker: string): Promise<string> {
  writeNoise(join(dir, 'seed'), { 'data.bin': 3 * MiB });
  const torrent = join(dir, 'data.torrent');
  await btgetEnds(t, 0, 'create', join(dir, 'seed', 'data.bin'), '-o', torrent, '--tracker', tracker);
  return torrent;
}

async function startUdpTracker(t: TestContext): Promise<string> {
  const url = await startTracker(t, HOSTS.tracker);
  return url.replace('http:', 'udp:');
}

/** Debian's opentracker serves the torrents of a list, and nobody as root. */
async function startOpentracker(t: TestContext, dir: string, infoHash: string): Promise<void> {
  writeFileSync(join(dir, 'whitelist'), `${infoHash}\n`);
  const place = ['-i', HOSTS.tracker, '-p', `${OPENTRACKER_PORT}`, '-P', `${OPENTRACKER_PORT}`];
  const command = ['opentracker', ...place, '-d', dir, '-w', join(dir, 'whitelist')];
  new Program(t, 'unshare', ['-U', '--map-user=1000', '--map-group=1000', ...command]);
  // It says nothing when it listens.
  for (;;) {
    try {
      await fetch(`http://${HOSTS.tracker}:${OPENTRACKER_PORT}/`);
      return;
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

/** A seed and a leech of btget's find each other, and the leech tells the tracker all that it has to. */
async function swarmsOver(t: TestContext, dir: string, torrent: string): Promise<void> {
  await startSeed(t, HOSTS.other, torrent, join(dir, 'seed'));
  const leech = btget(t, torrent, '-d', join(dir, 'leech'), '--bind', HOSTS.btget, '--json');
  assert.equal(await leech.ended, 0, leech.stderr);
  assert.deepEqual(fingerprint(join(dir, 'leech')), fingerprint(join(dir, 'seed')));
  const answers = leech.events().filter(({ type }) => type === 'tracker');
  assert.deepEqual(
    answers.map(({ ok, seeds, leeches }) => ({ ok, seeds, leeches })),
    [
      { ok: true, seeds: 1, leeches: 1 },
      { ok: true, seeds: 2, leeches: 0 },
      { ok: true, seeds: 1, leeches: 0 },
    ],
  );
}

test('two btgets find each other over the UDP tracker of a third', OPTIONS, async (t) => {
  const dir = scratch(t);
  await swarmsOver(t, dir, await torrentAt(t, dir, await startUdpTracker(t)));
});

const hasOpentracker = isInstalled('opentracker', '-h');
if (!hasOpentracker)
  console.log('live test with opentracker skipped: it is not installed (Debian package opentracker)');

test('two btgets find each other over opentracker', { ...OPTIONS, skip: !hasOpentracker }, async (t) => {
  const dir = scratch(t);
  const torrent = await torrentAt(t, dir, `udp://${HOSTS.tracker}:${OPENTRACKER_PORT}/announce`);
  const shown = await btgetEnds(t, 0, 'show', '--json', torrent);
  await startOpentracker(t, dir, (JSON.parse(shown.stdout) as { infoHash: string }).infoHash);
  await swarmsOver(t, dir, torrent);
});

for (const rival of RIVALS.filter(({ installed }) => installed)) {
  test(`btget and ${rival.name} find each other over btget's UDP tracker`, OPTIONS, async (t) => {
    const dir = scratch(t);
    const torrent = await torrentAt(t, dir, await startUdpTracker(t));
    const seed = await rival.start(t, { torrent, dir: join(dir, 'seed'), host: HOSTS.rival, peers: [], overUdp: true });
    await seed.complete();
    await btgetEnds(t, 0, torrent, '-d', join(dir, 'leech'), '--bind', HOSTS.btget);
    assert.deepEqual(fingerprint(join(dir, 'leech')), fingerprint(join(dir, 'seed')));
  });
}
