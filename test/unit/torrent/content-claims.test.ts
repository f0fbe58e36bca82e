import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { type ContentClaim, ContentClaims } from '../../../src/torrent/content-claims.js';
import { DEFAULT_TORRENT_OPTIONS, type TorrentOptions } from '../../../src/torrent/torrent-options.js';
import { sampleTorrent } from '../../support/sample-torrent.js';

class World {
  readonly claims = new ContentClaims();
  readonly log: string[] = [];

  /** A torrent of these paths, the first elements included; its `name` is for the log. */
  add(name: string, paths: readonly string[], options: Partial<TorrentOptions> = {}): ContentClaim {
    const { metainfo } = sampleTorrent(
      paths.map((_, index) => ({ path: `x/${index}`, length: 1 })),
      16_384,
    );
    const files = metainfo.files.map((file, index) => ({ ...file, path: (paths[index] ?? '').split('/') }));
    const claim = this.claims.claim({ ...metainfo, name, files }, { ...DEFAULT_TORRENT_OPTIONS, ...options });
    claim.begin(
      () => this.log.push(`${name} begins`),
      (holder) => this.log.push(`${name} waits for ${holder.name}: ${holder.path}`),
    );
    return claim;
  }
}

test('forty torrents of one folder without a common file work at once', () => {
  const world = new World();
  const names = Array.from({ length: 40 }, (_, index) => `part ${index}`);
  for (const name of names) world.add(name, [`set/${name}.bin`, `set/sub/${name}.txt`]);
  assert.deepEqual(
    world.log,
    names.map((name) => `${name} begins`),
  );
});

test('torrents that share a path take turns in their order, and others do not wait', () => {
  const world = new World();
  const one = world.add('one', ['set/a', 'set/readme']);
  const two = world.add('two', ['set/b', 'set/readme']);
  const three = world.add('three', ['set/c', 'set/readme']);
  world.add('other', ['set/d']);
  one.done();
  two.end();
  one.end();
  three.done();
  assert.deepEqual(world.log, [
    'one begins',
    'two waits for one: set/readme',
    'three waits for one: set/readme',
    'other begins',
    'two begins',
    'three begins',
  ]);
});

test('a waiting torrent that ends does not let in another one that must wait', () => {
  const world = new World();
  const one = world.add('one', ['set/a']);
  const two = world.add('two', ['set/a']);
  const three = world.add('three', ['set/a']);
  two.end();
  assert.deepEqual([two.waitsFor, three.waitsFor?.name], [null, 'one']);
  one.end();
  assert.deepEqual(world.log.slice(-1), ['three begins']);
  assert.equal(three.waitsFor, null);
});

test('two paths that are the same on some disk count as one', () => {
  const rows: readonly [one: readonly string[], other: readonly string[], shared: boolean][] = [
    [['set/Read me'], ['set/READ ME'], true],
    [['Set/a'], ['set/a'], true],
    [['set/\u00e9'], ['set/e\u0301'], true],
    // A file of one is a folder of the other.
    [['set/a'], ['set/a/b/c'], true],
    [['set/a/b/c'], ['set/a'], true],
    [['set'], ['set/a'], true],
    // A file of one grows under the name of a file of the other.
    [['set/a'], ['set/a.part'], true],
    [['set/a', 'set/a.part'], ['set/a.1.part'], true],
    [['a'], ['a.part'], true],
    [['set/a'], ['set/a.part/b'], true],
    // A file of one has the name of the other's journal.
    [['set'], ['set.btget'], false],
    [['set/a'], ['set/b'], false],
    [['set/a/b'], ['set/a/c'], false],
    [['set/a'], ['other/a'], false],
  ];
  for (const [one, other, shared] of rows) {
    const world = new World();
    world.add('one', one);
    assert.equal(world.add('other', other).state, shared ? 'waiting' : 'held', `${one} and ${other}`);
  }
});

test('seeds keep no torrent off, and wait for a torrent that writes', () => {
  const world = new World();
  const seed = { mode: 'seed' } as const;
  assert.equal(world.add('one', ['set/a'], seed).state, 'held');
  assert.equal(world.add('two', ['set/a'], seed).state, 'held');
  assert.equal(world.add('writer', ['set/a']).state, 'held');
  assert.equal(world.add('three', ['set/a'], seed).state, 'waiting');
});

test('no torrent may change a file that another one has completed, even when that one has ended', () => {
  const world = new World();
  const one = world.add('one', ['set/a', 'set/b']);
  const two = world.add('two', ['set/b', 'set/c']);
  assert.deepEqual(
    [0, 1].map((file) => two.isAnothers(file)),
    [false, false],
  );
  one.done();
  for (const _ of [1, 2]) {
    assert.deepEqual(
      [0, 1].map((file) => two.isAnothers(file)),
      [true, false],
    );
    one.end();
  }
  assert.equal(one.isAnothers(1), false);
});

test('the next torrent may change the files that a failed one leaves', () => {
  const world = new World();
  const one = world.add('one', ['set/a']);
  const two = world.add('two', ['set/a']);
  one.end();
  assert.equal(two.isAnothers(0), false);
});

/** Which of `held` are still in memory when only the tested code may keep them there. */
async function kept(held: readonly WeakRef<object>[]): Promise<boolean[]> {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  // An object that a WeakRef was made for stays until the turn of the loop is over.
  await new Promise((resolve) => setImmediate(resolve));
  collect();
  return held.map((one) => one.deref() !== undefined);
}

test('for a torrent that is done many times, one claim is kept for each place', async () => {
  const { metainfo } = sampleTorrent([{ path: 'a', length: 1 }], 16_384);
  const claims = new ContentClaims();
  const runOnce = (dir: string): WeakRef<object> => {
    const claim = claims.claim(metainfo, { ...DEFAULT_TORRENT_OPTIONS, dir });
    claim.begin(
      () => undefined,
      () => assert.fail('no other claim is there'),
    );
    claim.done();
    claim.end();
    return new WeakRef(claim);
  };
  const runs = ['here', 'there', 'here', 'here'].map(runOnce);
  assert.deepEqual(await kept(runs), [false, true, false, true]);
});

test('a claim that is done outlives its torrent, and does not keep it in memory', async () => {
  const { metainfo } = sampleTorrent([{ path: 'a', length: 1 }], 16_384);
  const claims = new ContentClaims();
  const runOnce = (): WeakRef<object> => {
    const torrent = { began: false };
    const claim = claims.claim(metainfo, DEFAULT_TORRENT_OPTIONS);
    const begin = (): void => {
      torrent.began = true;
    };
    claim.begin(begin, () => assert.fail('no other claim is there'));
    assert.ok(torrent.began);
    claim.done();
    claim.end();
    return new WeakRef(torrent);
  };
  assert.deepEqual(await kept([runOnce()]), [false]);
});
