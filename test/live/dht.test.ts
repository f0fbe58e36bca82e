/** A DHT of a few nodes leads to peers, with no tracker: btget's own, and those of other clients; also from a link alone. */
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { formatMagnet, linkOf } from '../../src/metainfo/magnet.js';
import { parseMetainfo } from '../../src/metainfo/parse-metainfo.js';
import { scratch } from '../support/disk/scratch.js';
import { writeNoise } from '../support/noise.js';
import { type Dht, startDht } from './dht-nodes.js';
import { RIVALS } from './rivals.js';
import { btgetEnds, fingerprint, HOSTS, nextHost, startSeed } from './support.js';

const OPTIONS = { timeout: 300_000 };
const MiB = 1 << 20;

interface Sample {
  readonly dir: string;
  /** Its content lies in `seed`. */
  readonly torrent: string;
  /** To it, and it names nobody. */
  readonly link: string;
}

function entering([first = '']: readonly string[]): string[] {
  return ['--no-lsd', '--no-port-mapping', '--dht-node', first];
}

/** Of each `name` there is another torrent. */
async function makeSample(t: TestContext, name: string, ...more: string[]): Promise<Sample> {
  const dir = scratch(t);
  writeNoise(join(dir, 'seed'), { [name]: 3 * MiB });
  mkdirSync(join(dir, 'leech'));
  const torrent = join(dir, 'data.torrent');
  await btgetEnds(t, 0, 'create', join(dir, 'seed', name), '-o', torrent, ...more);
  return { dir, torrent, link: formatMagnet(linkOf(parseMetainfo(readFileSync(torrent)))) };
}

/** Nodes that have nothing to do with the torrents, and where they are, `HOST:PORT`. */
async function startNodes(t: TestContext): Promise<{ readonly dht: Dht; readonly nodes: string[] }> {
  const dht = await startDht(t);
  return { dht, nodes: dht.addresses.map(({ host, port }) => `${host}:${port}`) };
}

const assertSame = (dir: string): void =>
  assert.deepEqual(fingerprint(join(dir, 'leech')), fingerprint(join(dir, 'seed')));

test('two btgets find each other, by the .torrent and by a link', OPTIONS, async (t) => {
  const { dir, torrent, link } = await makeSample(t, 'data.bin');
  const enter = entering((await startNodes(t)).nodes);
  await startSeed(t, HOSTS.other, torrent, join(dir, 'seed'), ...enter);
  await btgetEnds(t, 0, torrent, '-d', join(dir, 'leech'), '--bind', HOSTS.btget, ...enter);
  assertSame(dir);
  const again = join(dir, 'again');
  await btgetEnds(t, 0, link, '-d', again, '--bind', HOSTS.btget, ...enter);
  assert.deepEqual(fingerprint(again), fingerprint(join(dir, 'seed')));
});

test('a private torrent and --no-dht find nobody there', OPTIONS, async (t) => {
  const enter = entering((await startNodes(t)).nodes);
  const findNobody = async (name: string, create: readonly string[], run: readonly string[]): Promise<void> => {
    const { dir, torrent } = await makeSample(t, name, ...create);
    await startSeed(t, HOSTS.other, torrent, join(dir, 'seed'), ...enter, ...run);
    const leech = ['-d', join(dir, 'leech'), '--bind', HOSTS.btget, ...enter, ...run, '--timeout', '3'];
    await btgetEnds(t, 2, torrent, ...leech);
  };
  await Promise.all([findNobody('private.bin', ['--private'], []), findNobody('no-dht.bin', [], ['--no-dht'])]);
});

// They share the nodes and run at the same time: most of it is waiting for the other client's next announce.
test('with other clients', { ...OPTIONS, concurrency: true }, async (t) => {
  const { dht, nodes } = await startNodes(t);
  const enter = entering(nodes);
  const cases: Promise<void>[] = [];
  for (const rival of RIVALS.filter(({ installed, knowsDht }) => installed && knowsDht)) {
    for (const form of ['torrent', 'link'] as const) {
      const [host, own] = [nextHost(), nextHost()];
      const downloads = `btget downloads from ${rival.name}, which it finds in the DHT, by the ${form}`;
      const isFetched = t.test(downloads, OPTIONS, async (t) => {
        const sample = await makeSample(t, `${rival.name}-${form}-down.bin`);
        const { dir, torrent } = sample;
        const task = { torrent, dir: join(dir, 'seed'), host, peers: [], dhtNodes: nodes };
        await (await rival.start(t, task)).complete();
        await btgetEnds(t, 0, sample[form], '-d', join(dir, 'leech'), '--bind', own, ...enter);
        assertSame(dir);
      });
      const [otherHost, otherOwn] = [nextHost(), nextHost()];
      const gives = `${rival.name} downloads from btget, which it finds in the DHT, by the ${form}`;
      const isGiven = t.test(gives, OPTIONS, async (t) => {
        const sample = await makeSample(t, `${rival.name}-${form}-up.bin`);
        const { dir, torrent } = sample;
        await startSeed(t, otherOwn, torrent, join(dir, 'seed'), ...enter);
        // Transmission looks once when it begins, and again only half an hour later.
        await dht.hasPeer(parseMetainfo(readFileSync(torrent)).infoHash, otherOwn);
        const task = { torrent: sample[form], dir: join(dir, 'leech'), host: otherHost, peers: [], dhtNodes: nodes };
        await (await rival.start(t, task)).complete();
        assertSame(dir);
      });
      cases.push(isFetched, isGiven);
    }
  }
  await Promise.all(cases);
});
