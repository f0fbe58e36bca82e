import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Metainfo } from '../../../../src/metainfo/metainfo.js';
import { DEFAULT_HASH_FETCH_OPTIONS, HashFetch } from '../../../../src/swarm/hashes/hash-fetch.js';
import { DEFAULT_LAYER_FETCH_OPTIONS, LayerFetch } from '../../../../src/swarm/hashes/layer-fetch.js';
import { fetchLeaves } from '../../../../src/swarm/hashes/leaf-fetch.js';
import { encodeHashMessage, type HashRange } from '../../../../src/wire/hash-message.js';
import { decodeMessage } from '../../../../src/wire/message.js';
import { HashTrees } from '../../../support/fakes/hash-trees.js';
import { largeFile } from '../../../support/fakes/large-file.js';
import { RecordedConnection } from '../../../support/fakes/recorded-connection.js';
import { Timeline } from '../../../support/simulation/timeline.js';
import { v2Torrent } from '../../../support/v2-torrent.js';

const BLOCK = 16 * 1024;

/** A peer that answers each request after 50 ms, as `answer` says; undefined: not at all. */
class AnsweringPeer extends RecordedConnection {
  readonly asked: HashRange[] = [];
  readonly #reply: (peer: AnsweringPeer, range: HashRange) => void;

  constructor(name: string, reply: (peer: AnsweringPeer, range: HashRange) => void) {
    super(name, ['v2']);
    this.isV2 = true;
    this.#reply = reply;
  }

  override send(chunks: readonly Buffer[]): void {
    for (const chunk of chunks) {
      const decoded = decodeMessage(chunk.subarray(4));
      assert.ok(decoded.ok && decoded.message.type === 'hashRequest');
      this.asked.push(decoded.message.range);
      this.#reply(this, decoded.message.range);
    }
  }
}

function hashWorld(trees: Pick<HashTrees, 'answer'>) {
  const timeline = new Timeline();
  const banned: unknown[] = [];
  const fetch = new HashFetch({ timers: timeline, ban: (peer) => banned.push(peer) }, DEFAULT_HASH_FETCH_OPTIONS);
  const join = (name: string, answers: (range: HashRange) => boolean = () => true): AnsweringPeer => {
    const peer = new AnsweringPeer(name, (from, range) => {
      timeline.addTask(() => {
        const answer = answers(range) ? trees.answer(range) : { type: 'hashReject' as const, range };
        // Through bytes, as on the wire.
        const decoded = decodeMessage(encodeHashMessage(answer).subarray(4));
        assert.ok(decoded.ok);
        if (decoded.message.type === 'hashes') fetch.gotHashes(from, decoded.message);
        if (decoded.message.type === 'hashReject') fetch.gotReject(from, decoded.message);
      }, 50);
    });
    fetch.connectionMade(peer);
    return peer;
  };
  return { timeline, banned, fetch, join };
}

function layersWorld(
  trees: Pick<HashTrees, 'answer'>,
  metainfo: Pick<Metainfo, 'files' | 'pieceLength' | 'missingLayers'>,
) {
  const world = hashWorld(trees);
  const got: ReadonlyMap<number, Buffer>[] = [];
  const told: string[] = [];
  const layers = new LayerFetch(
    {
      timers: world.timeline,
      fetch: world.fetch,
      metainfo,
      gotLayers: (found) => got.push(found),
      nobodyGives: () => told.push(`nobody at ${world.timeline.now()}`),
    },
    DEFAULT_LAYER_FETCH_OPTIONS,
  );
  layers.begin();
  return { ...world, layers, got, told };
}

describe('missing layers', () => {
  it('come as a whole when they are short, with one question for files with the same bytes', () => {
    const content = Buffer.alloc(5 * BLOCK, 'same');
    const sample = v2Torrent(
      [
        { path: 'top/a', content },
        { path: 'top/b', length: 100 },
        { path: 'top/c', length: 9 * 2 * BLOCK },
        { path: 'top/d', content },
        { path: 'top/e', length: 0 },
      ],
      2 * BLOCK,
      'hybrid',
      { layers: false },
    );
    const { timeline, join, got, layers } = layersWorld(HashTrees.ofSample(sample), sample.metainfo);
    const peer = join('a');
    assert.deepEqual(layers.progress, { wanted: 2, whole: 0 });
    timeline.run(1_000);
    assert.deepEqual(
      peer.asked.map(({ base, index, length, proof }) => [base, index, length, proof]),
      [
        [1, 0, 4, 0],
        [1, 0, 16, 0],
      ],
    );
    assert.equal(got.length, 1);
    assert.deepEqual(
      [...(got[0] ?? [])].sort(([a], [b]) => a - b),
      [...sample.layers].sort(([a], [b]) => a - b),
    );
    assert.deepEqual(
      [...(got[0]?.keys() ?? [])].sort((a, b) => a - b),
      [...sample.metainfo.missingLayers],
    );
    timeline.run(60_000);
    assert.equal(timeline.pending, 0);
  });

  it('come in parts of 512 when they are long, of several peers at once', () => {
    const { metainfo, layer, trees } = largeFile(65_536 - 300);
    const { timeline, join, got, banned } = layersWorld(trees, metainfo);
    const peers = ['a', 'b', 'c', 'd'].map((name) => join(name));
    timeline.runUntil(() => got.length > 0, 10_000);
    assert.deepEqual(got[0]?.get(0), layer);
    assert.deepEqual(banned, []);
    // Each answered a quarter or so: 128 in all, eight at a time.
    for (const { asked } of peers) assert.ok(asked.length >= 24 && asked.length <= 40, `${asked.length}`);
    assert.ok(timeline.now() < 16 * 51 + 10, `${timeline.now()}`);
  });

  it('come as a whole from a peer that sends no uncles', () => {
    const { metainfo, layer, trees } = largeFile(1_100);
    const { timeline, join, got } = layersWorld(trees, metainfo);
    join('a', ({ proof }) => proof === 0);
    timeline.runUntil(() => got.length > 0, 60_000);
    assert.deepEqual(got[0]?.get(0), layer);
  });

  it('are told of when nobody gives them, once, and still asked for', () => {
    const { metainfo, layer, trees } = largeFile(100);
    const { timeline, join, got, told } = layersWorld(trees, metainfo);
    join('a', () => false);
    timeline.run(120_000);
    assert.deepEqual(told.length, 1);
    join('b');
    timeline.run(10_000);
    assert.deepEqual(got[0]?.get(0), layer);
  });

  it('are never believed when there is something in the place of padding', () => {
    const { metainfo, trees } = largeFile(8);
    const [file] = metainfo.files;
    assert.ok(file !== undefined);
    const short = { ...metainfo, files: [{ ...file, length: 7 * BLOCK }] };
    const { timeline, join, got, told, banned } = layersWorld(trees, short);
    join('a');
    timeline.run(120_000);
    assert.deepEqual([got, banned, told.length], [[], [], 1]);
  });

  it('are asked for no more after a stop', () => {
    const { metainfo, trees } = largeFile(5_000);
    const { timeline, join, got, layers } = layersWorld(trees, metainfo);
    const peer = join('a');
    timeline.run(60);
    layers.stop();
    const { length } = peer.asked;
    timeline.run(60_000);
    assert.deepEqual([peer.asked.length, got.length, timeline.pending], [length, 0, 0]);
  });

  it('of a torrent that lacks none are here at once', () => {
    const { metainfo, trees } = largeFile(5);
    const { timeline, got } = layersWorld(trees, { ...metainfo, missingLayers: [] });
    timeline.run(0);
    assert.deepEqual(got, [new Map()]);
  });
});

describe('the leaves of a piece', () => {
  const sample = v2Torrent(
    [
      { path: 'top/a', length: 9 * BLOCK + 1 },
      { path: 'top/b', length: 3 * BLOCK },
      { path: 'top/c', length: 5 },
    ],
    4 * BLOCK,
    '2',
  );
  const { metainfo, layout } = sample;

  for (const [piece, file, begin, count, asked] of [
    [0, 0, 0, 4, [0, 0, 4, 0]],
    [1, 0, 4, 4, [0, 4, 4, 0]],
    [2, 0, 8, 2, [0, 8, 4, 0]],
    [3, 1, 0, 3, [0, 0, 4, 0]],
  ] as const) {
    it(`come with one question: piece ${piece}`, () => {
      const { timeline, join, fetch } = hashWorld(HashTrees.ofSample(sample));
      const peer = join('a');
      const got: (Buffer | null)[] = [];
      fetchLeaves(
        fetch,
        { layout, files: metainfo.files },
        sample.piece(piece),
        () => true,
        (leaves) => got.push(leaves),
      );
      timeline.run(100);
      assert.deepEqual(
        peer.asked.map(({ base, index, length, proof }) => [base, index, length, proof]),
        [asked],
      );
      assert.deepEqual(got, [Buffer.concat(sample.leavesOf(file).slice(begin, begin + count))]);
    });
  }

  it('of one block are its root, and nobody is asked', () => {
    const { join, fetch } = hashWorld(HashTrees.ofSample(sample));
    const peer = join('a');
    const got: (Buffer | null)[] = [];
    fetchLeaves(
      fetch,
      { layout, files: metainfo.files },
      sample.piece(4),
      () => true,
      (leaves) => got.push(leaves),
    );
    assert.deepEqual([got, peer.asked], [[metainfo.files[2]?.piecesRoot], []]);
  });

  it('of a large piece come in parts, each proven by the root of the piece', () => {
    const large = largeFile(2_024, 1_024);
    const { timeline, join, fetch } = hashWorld(large.trees);
    const peer = join('a');
    const got: (Buffer | null)[] = [];
    const piece = large.layout.pieceIndex(1);
    assert.ok(piece !== undefined);
    fetchLeaves(
      fetch,
      { layout: large.layout, files: large.metainfo.files },
      piece,
      () => true,
      (leaves) => got.push(leaves),
    );
    timeline.run(1_000);
    assert.deepEqual(
      peer.asked.map(({ base, index, length, proof }) => [base, index, length, proof]),
      [
        [0, 1_024, 512, 9],
        [0, 1_536, 512, 9],
      ],
    );
    assert.deepEqual(got, [large.leaves.subarray(1_024 * 32)]);
  });

  it('are not given when nobody has them, or when they are wanted no more', () => {
    const { timeline, join, fetch } = hashWorld(HashTrees.ofSample(sample));
    const torrent = { layout, files: metainfo.files };
    const got: string[] = [];
    fetchLeaves(
      fetch,
      torrent,
      sample.piece(0),
      () => true,
      (leaves) => got.push(`first ${leaves}`),
    );
    timeline.run(6_000);
    join('a', () => false);
    fetchLeaves(
      fetch,
      torrent,
      sample.piece(0),
      () => true,
      (leaves) => got.push(`second ${leaves}`),
    );
    fetchLeaves(
      fetch,
      torrent,
      sample.piece(1),
      () => true,
      (leaves) => got.push(`third ${leaves}`),
    ).cancel();
    timeline.run(60_000);
    assert.deepEqual(got, ['first null', 'second null']);
    assert.equal(timeline.pending, 0);
  });
});
