import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { encodeTorrent } from '../../../src/metainfo/create-metainfo.js';
import { linkOf, type MagnetLink } from '../../../src/metainfo/magnet.js';
import type { Metainfo } from '../../../src/metainfo/metainfo.js';
import { parseAtOnce } from '../../../src/metainfo/parsing.js';
import { KeptMetadata } from '../../../src/resume/kept-metadata.js';
import { DEFAULT_MEMORY_JOURNAL_OPTIONS, MemoryJournal } from '../../support/fakes/memory-journal.js';
import { LockedTarget, MemoryLock } from '../../support/fakes/memory-lock.js';
import { Timeline } from '../../support/simulation/timeline.js';
import { v2Torrent } from '../../support/v2-torrent.js';
import { magnetSample } from '../../support/worlds/magnet-world.js';

const V1 = magnetSample().metainfo;
const FILES = [
  { path: 'top/a', length: 100_000 },
  { path: 'top/b', length: 5 },
];
const V2 = v2Torrent(FILES, 16_384, '2').metainfo;
const HYBRID = v2Torrent(FILES, 16_384, 'hybrid').metainfo;
const hexOf = (hash: Buffer | null): string => hash?.toString('hex', 0, 20) ?? '';

class World {
  readonly timeline = new Timeline();
  readonly log: string[] = [];
  /** By the name of the target. */
  readonly files = new Map<string, MemoryJournal>();

  kept(link: MagnetLink): KeptMetadata {
    const openTarget = ({ name }: { name: string }) => {
      const file =
        this.files.get(name) ??
        new MemoryJournal(this.timeline, { ...DEFAULT_MEMORY_JOURNAL_OPTIONS, latency: 5, log: this.log });
      this.files.set(name, file);
      return { journal: file, lock: new MemoryLock(this.timeline, new LockedTarget()) };
    };
    return new KeptMetadata({ timers: this.timeline, openTarget, parse: parseAtOnce }, link, 'd');
  }

  /** Puts bytes where a run with this link looks for them. */
  put(link: MagnetLink, bytes: Buffer): void {
    this.kept(link);
    this.files.get(`.${hexOf(link.infoHash)}`)?.replace(bytes, () => undefined);
    this.timeline.run(100);
  }

  read(link: MagnetLink): Metainfo | null {
    const found: (Metainfo | null)[] = [];
    this.kept(link).read(link, (metainfo) => found.push(metainfo));
    this.timeline.run(100);
    assert.equal(found.length, 1);
    return found[0] ?? null;
  }

  /** The names under which something is kept. */
  get names(): string[] {
    return [...this.files].flatMap(([name, file]) => (file.image(null) === null ? [] : [name])).sort();
  }
}

function linkBy(metainfo: Metainfo, ...hashes: readonly ('v1' | 'v2')[]): MagnetLink {
  const { infoHashV1: v1, infoHashV2: v2 } = metainfo;
  const named = { infoHashV1: hashes.includes('v1') ? v1 : null, infoHashV2: hashes.includes('v2') ? v2 : null };
  const infoHash = Buffer.from(hexOf(named.infoHashV1 ?? named.infoHashV2), 'hex');
  return { ...linkOf(metainfo), ...named, infoHash, trackers: ['http://t.example/announce'] };
}

describe('kept metadata', () => {
  test('is written, read and removed in turn, and each call is answered before later ones', () => {
    const world = new World();
    const kept = world.kept(linkOf(V1));
    const { log } = world;
    kept.whenIdle(() => log.push('idle'));
    kept.write(V1, (message) => assert.fail(message));
    kept.read(linkOf(V1), (found) => log.push(`found ${found?.name}`));
    kept.remove(() => log.push('removed'));
    kept.whenIdle(() => log.push('idle again'));
    assert.deepEqual(log.splice(0), ['idle', 'replace']);
    world.timeline.run(100);
    assert.deepEqual(log, ['read', 'found sample', 'remove', 'removed', 'idle again']);
    assert.deepEqual(world.names, []);
  });

  test('of version 1 is the info dictionary alone', () => {
    const world = new World();
    world.kept(linkOf(V1)).write(V1, (message) => assert.fail(message));
    world.timeline.run(100);
    assert.deepEqual(world.files.get(`.${hexOf(V1.infoHash)}`)?.image(null)?.bytes, V1.info);
  });

  for (const [name, metainfo, hashes] of [
    ['version 2', V2, ['v2']],
    ['a hybrid, by its v1 hash', HYBRID, ['v1']],
    ['a hybrid, by its v2 hash', HYBRID, ['v2']],
    ['a hybrid, by both', HYBRID, ['v1', 'v2']],
  ] as const) {
    test(`of ${name} has the layers, and is found again by the same link, with the sources of the link`, () => {
      const world = new World();
      const link = linkBy(metainfo, ...hashes);
      const kept = world.kept(link);
      kept.write(metainfo, (message) => assert.fail(message));
      world.timeline.run(100);
      assert.deepEqual(world.names, [`.${hexOf(link.infoHash)}`]);
      assert.deepEqual(world.read(link), { ...metainfo, trackers: [['http://t.example/announce']] });
      kept.remove(() => undefined);
      world.timeline.run(100);
      assert.deepEqual(world.names, []);
    });
  }

  test('that another link of the same hybrid has left is removed by its .torrent', () => {
    const world = new World();
    world.put(linkBy(HYBRID, 'v2'), HYBRID.info);
    world.put(linkBy(HYBRID, 'v1'), HYBRID.info);
    world.kept(linkOf(HYBRID)).remove(() => undefined);
    world.timeline.run(100);
    assert.deepEqual(world.names, []);
  });

  test('without layers says which are missing', () => {
    const world = new World();
    world.put(linkOf(V2), V2.info);
    assert.deepEqual(world.read(linkOf(V2))?.missingLayers, [0]);
  });

  const torrent = encodeTorrent(V2);
  const withWrongLayer = Buffer.from(torrent);
  const at = torrent.indexOf('piece layers') + 80;
  withWrongLayer[at] = (withWrongLayer[at] ?? 0) ^ 1;
  for (const [name, bytes] of [
    ['a torn file', torrent.subarray(0, -20)],
    ['a torn info dictionary', V2.info.subarray(0, -1)],
    ['a wrong layer', withWrongLayer],
    ['another torrent', v2Torrent(FILES, 16_384, '2', { seed: 2 }).torrent],
    ['no torrent at all', Buffer.from('hello')],
    ['nothing', Buffer.alloc(0)],
  ] as const) {
    test(`is not believed when it is ${name}`, () => {
      const world = new World();
      world.put(linkOf(V2), bytes);
      assert.equal(world.read(linkOf(V2)), null);
    });
  }

  test('takes no tracker or comment from a file that a stranger may have written', () => {
    const world = new World();
    const sources = { trackers: [['http://evil.example/a']], nodes: ['evil.example:1'], httpSeeds: ['http://evil/s'] };
    world.put(linkOf(V2), encodeTorrent({ ...V2, comment: 'hello', ...sources }));
    assert.deepEqual(world.read(linkBy(V2, 'v2')), { ...V2, trackers: [['http://t.example/announce']] });
  });

  test('does not answer after a cancel, and later calls are answered', () => {
    const world = new World();
    world.put(linkOf(V2), torrent);
    const kept = world.kept(linkOf(V2));
    const log: string[] = [];
    kept.read(linkOf(V2), () => log.push('found')).cancel();
    kept.whenIdle(() => log.push('idle'));
    world.timeline.run(100);
    assert.deepEqual(log, ['idle']);
  });
});
