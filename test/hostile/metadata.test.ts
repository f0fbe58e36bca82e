import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { sha1 } from '../../src/base/digest.js';
import { encodeBencode } from '../../src/bencode/encode.js';
import { btgetEnds, HOSTS, Program, startSeed } from '../live/support.js';
import { scratch } from '../support/disk/scratch.js';
import { LIAR_KINDS, type LiarKind } from '../support/fakes/metadata-liars.js';
import { seededRandom } from '../support/simulation/seeded-random.js';
import { dictionary } from '../support/torrent-bytes.js';
import { liarAddress } from './liar-address.js';
import { reportAttack } from './report.js';

const LIARS = fileURLToPath(new URL('lying-peers.js', import.meta.url));
const KIB = 1024;
const LIAR_COUNT = 50;
/** A crowd of each kind takes ten minutes: `HOSTILE_LIARS=all` wants them all. */
const KINDS: readonly LiarKind[] =
  process.env['HOSTILE_LIARS'] === 'all'
    ? LIAR_KINDS
    : [
        'answers no request',
        'accepts the connection and says nothing',
        'sends a wrong piece each 400 ms',
        'keeps the last piece',
        'sends wrong bytes of its own',
        'sends wrong bytes and keeps the last piece',
      ];
const ALL_KINDS = Array.from({ length: LIAR_COUNT }, (_, at) => LIAR_KINDS[at % LIAR_KINDS.length] as LiarKind);

/** A torrent whose metadata is a little longer than `length`, the content that it describes, and a link to it. */
function makeTorrent(dir: string, length: number): { readonly torrent: string; readonly link: string } {
  const content = Buffer.alloc(32 * KIB, 1);
  // The same half megabyte again and again would hide a piece that stands in the wrong place.
  const padding = Buffer.alloc(length, seededRandom(1).bytes(500_009));
  const info = encodeBencode(
    dictionary({
      length: content.length,
      name: 'data',
      'piece length': content.length,
      pieces: sha1(content),
      'x-padding': padding,
    }),
  );
  mkdirSync(join(dir, 'seed'));
  writeFileSync(join(dir, 'seed', 'data'), content);
  const torrent = join(dir, 'data.torrent');
  writeFileSync(torrent, Buffer.concat([Buffer.from('d4:info'), info, Buffer.from('e')]));
  return { torrent, link: `magnet:?xt=urn:btih:${sha1(info).toString('hex')}` };
}

/** Seconds until btget, at `host`, shows what the link leads to. A seed gives each host its share of the metadata. */
async function secondsToShow(t: TestContext, link: string, host: string, peers: readonly string[]): Promise<number> {
  const begin = performance.now();
  const named = peers.flatMap((peer) => ['--peer', peer]);
  await btgetEnds(t, 0, 'show', link, '--bind', host, ...named);
  return (performance.now() - begin) / 1000;
}

/** What a busy machine may take longer: so many times what a clean run takes on it just before. */
const SLACK = 5;
/** Fifty liars that pour send up to fifty wholes, which no client can tell from the right one before their end. */
const SLACK_AT_POURING = 15;

describe('a magnet link of 50 liars and one honest seed that is named last', () => {
  for (const [name, length, idle] of [
    ['200 KB', 200 * KIB, 5],
    ['30 MiB', 30 * KIB * KIB, 10],
  ] as const) {
    const crowds: [string, readonly LiarKind[]][] = [['50 liars of every kind', ALL_KINDS]];
    for (const kind of KINDS) crowds.push([`50 liars, each ${kind}`, new Array<LiarKind>(LIAR_COUNT).fill(kind)]);
    for (const [crowd, kinds] of crowds) {
      test(`has its ${name} within ${idle} s and slack among ${crowd}`, { timeout: 120_000 }, async (t) => {
        const dir = scratch(t);
        const { torrent, link } = makeTorrent(dir, length);
        const seed = await startSeed(t, HOSTS.rival, torrent, join(dir, 'seed'), '--no-trackers');
        const liars = new Program(t, process.execPath, [LIARS, torrent, ...kinds]);
        await liars.until((output) => /ready/.exec(output));
        const addresses = kinds.map((_, number) => liarAddress(number)).map(({ host, port }) => `${host}:${port}`);
        const clean = await secondsToShow(t, link, HOSTS.other, [seed]);
        const underAttack = await secondsToShow(t, link, HOSTS.btget, [...addresses, seed]);
        const pours = length > 1024 * KIB && kinds.every((kind) => kind.startsWith('sends wrong bytes'));
        const slack = pours ? SLACK_AT_POURING : SLACK;
        const limit = Math.round(idle + slack * clean);
        t.diagnostic(`${underAttack.toFixed(1)} s; ${clean.toFixed(1)} s without the liars`);
        reportAttack({ attack: `metadata of ${name}: ${crowd}`, figure: 'wall, s', clean, underAttack, limit });
        assert.ok(underAttack <= limit, `${underAttack} s`);
      });
    }
  }
});
