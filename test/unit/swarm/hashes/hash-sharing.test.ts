import assert from 'node:assert/strict';
import { describe, it, test } from 'node:test';
import { sha256 } from '../../../../src/base/digest.js';
import { BtgetError } from '../../../../src/base/failure.js';
import type { LeavesOutcome } from '../../../../src/disk/storage.js';
import { parseMetainfo } from '../../../../src/metainfo/parse-metainfo.js';
import { type PieceIndex, PieceLayout } from '../../../../src/metainfo/piece-layout.js';
import { DEFAULT_HASH_SHARING_OPTIONS, HashSharing } from '../../../../src/swarm/hashes/hash-sharing.js';
import { KnownHashes, type PieceLeaves } from '../../../../src/swarm/hashes/known-hashes.js';
import { FINE, JUNK } from '../../../../src/swarm/judgement.js';
import { DEFAULT_RATE_LIMITER_OPTIONS, RateLimiter } from '../../../../src/swarm/rate-limiter.js';
import { decodeHashMessage, encodeHashMessage, type HashRange } from '../../../../src/wire/hash-message.js';
import { hasCorpus, readCorpus } from '../../../support/corpus.js';
import { HashTrees } from '../../../support/fakes/hash-trees.js';
import { type LargeFile, largeFile } from '../../../support/fakes/large-file.js';
import { RecordedConnection } from '../../../support/fakes/recorded-connection.js';
import { NO_HASHES } from '../../../support/pieces.js';
import { Timeline } from '../../../support/simulation/timeline.js';
import { type V2SampleTorrent, v2Torrent } from '../../../support/v2-torrent.js';

const BLOCK = 16 * 1024;

/** The leaves of all pieces, given after 10 ms. */
class LeavesOfAll implements PieceLeaves {
  have = { has: (_piece: number): boolean => true };
  readonly asked: number[] = [];
  readonly #timeline: Timeline;
  readonly #leavesOf: (piece: PieceIndex) => Buffer | null;

  constructor(timeline: Timeline, leavesOf: (piece: PieceIndex) => Buffer | null) {
    this.#timeline = timeline;
    this.#leavesOf = leavesOf;
  }

  hashBlocks(piece: PieceIndex, answered: (outcome: LeavesOutcome) => void): void {
    this.asked.push(piece);
    const leaves = this.#leavesOf(piece);
    const failure = new BtgetError('io', 'the disk does not answer');
    this.#timeline.addTask(() => answered(leaves === null ? { ok: false, failure } : { ok: true, leaves }), 10);
  }
}

function leavesOfSample({ layout, metainfo, leavesOf }: V2SampleTorrent): (piece: PieceIndex) => Buffer {
  return (piece) => {
    const file = layout.fileOf(piece) as number;
    const first = (layout.beginOf(piece) - (metainfo.files[file]?.begin ?? 0)) / BLOCK;
    const count = Math.ceil(layout.contentLengthOf(piece) / BLOCK);
    return Buffer.concat(leavesOf(file).slice(first, first + count));
  };
}

function leavesOfLarge({ layout, leaves }: LargeFile): (piece: PieceIndex) => Buffer {
  const width = 32 * (layout.pieceLength / BLOCK);
  return (piece) => leaves.subarray(piece * width, (piece + 1) * width);
}

/** Remembers the bytes that were sent. */
class SentConnection extends RecordedConnection {
  sent = Buffer.alloc(0);

  override send(chunks: readonly Buffer[]): void {
    this.sent = Buffer.concat([this.sent, ...chunks]);
  }

  /** The SHA-256 of the one message, without its length prefix. */
  digest(): string {
    return sha256(this.sent.subarray(4)).toString('hex');
  }
}

interface Torrent {
  readonly layout: PieceLayout;
  readonly metainfo: LargeFile['metainfo'];
}

function sharingWorld(
  { layout, metainfo }: Torrent,
  leavesOf: (piece: PieceIndex) => Buffer | null,
  rate: number | null = null,
) {
  const timeline = new Timeline();
  const source = new LeavesOfAll(timeline, leavesOf);
  const failures: string[] = [];
  const limiter = new RateLimiter(timeline, rate, DEFAULT_RATE_LIMITER_OPTIONS);
  const gotReadFailure = ({ message }: BtgetError): void => {
    failures.push(message);
  };
  const parts = { timers: timeline, layout, metainfo, source, limiter, gotReadFailure };
  const sharing = new HashSharing(parts, DEFAULT_HASH_SHARING_OPTIONS);
  const ask = (peer: RecordedConnection, range: HashRange) => sharing.gotRequest(peer, { type: 'hashRequest', range });
  return { timeline, source, failures, limiter, parts, sharing, ask };
}

/** Every range of a tree that a request may name, and some that it may not. */
function* rangesOf(root: Buffer, height: number, widest = 5): Iterable<HashRange> {
  for (let base = 0; base <= height; base += 1) {
    for (let log = 0; log <= Math.min(widest, height - base) + 1; log += 1) {
      for (let index = 0; index <= 2 ** (height - base); index += 2 ** log) {
        for (let proof = 0; proof <= height - base; proof += 1) yield { root, base, index, length: 2 ** log, proof };
      }
    }
  }
}

describe('the hashes that we know', () => {
  const files = [
    { path: 'top/a', length: 21 * BLOCK + 1 },
    { path: 'top/b', length: 4 * BLOCK },
    { path: 'top/c', length: 3 * BLOCK - 5 },
    { path: 'top/d', length: 5 },
    { path: 'top/e', length: 0 },
    { path: 'top/f', length: 5 * BLOCK },
  ];
  it('are none of a file whose layer nobody has told, and those of a file of one piece all the same', () => {
    const sample = v2Torrent(files, 4 * BLOCK, '2', { layers: false });
    const known = new KnownHashes(sharingWorld(sample, leavesOfSample(sample)).parts);
    const told = sample.metainfo.files.filter(({ piecesRoot, length }) => {
      const height = Math.ceil(Math.log2(Math.ceil(length / BLOCK)));
      const ranges = piecesRoot === undefined ? [] : [...rangesOf(piecesRoot, height)];
      return ranges.some((range) => known.find(range) !== undefined);
    });
    assert.deepEqual(
      told.map(({ path }) => path.at(-1)),
      ['b', 'c'],
    );
  });

  for (const version of ['2', 'hybrid'] as const) {
    it(`are the right ones for each range of one piece or group, of ${version}`, () => {
      const sample = v2Torrent(files, 4 * BLOCK, version);
      const trees = HashTrees.ofSample(sample);
      const { timeline, parts } = sharingWorld(sample, leavesOfSample(sample));
      const known = new KnownHashes(parts);
      let given = 0;
      let spanning = 0;
      for (const { piecesRoot, length } of sample.metainfo.files) {
        if (piecesRoot === undefined) continue;
        const height = Math.ceil(Math.log2(Math.ceil(length / BLOCK)));
        for (const range of rangesOf(piecesRoot, height)) {
          const wanted = trees.answer(range);
          const found = known.find(range);
          if (wanted.type === 'hashReject') {
            assert.equal(found, undefined);
            continue;
          }
          // Below the piece layer only what is of one piece, and not all padding.
          const leaves = range.length * 2 ** range.base;
          const isOfPieces =
            range.base >= 2 || (leaves <= 4 && range.index * 2 ** range.base < Math.ceil(length / BLOCK / 4) * 4);
          assert.equal(found !== undefined, isOfPieces);
          if (found === undefined) {
            spanning += 1;
            continue;
          }
          const answers: (Buffer | null)[] = [];
          known.give(found, '10.0.0.1', (hashes) => answers.push(hashes));
          timeline.run(20);
          assert.deepEqual(answers, [wanted.hashes]);
          given += 1;
        }
      }
      assert.ok(given > 100 && spanning > 10, `${given} and ${spanning}`);
    });
  }

  it('come from any file with the same bytes of which we have the piece', () => {
    const content = Buffer.alloc(3 * BLOCK, 7);
    const same = ['a', 'b', 'c'].map((name) => ({ path: `top/${name}`, length: content.length, content }));
    const sample = v2Torrent(same, 4 * BLOCK, '2');
    const { timeline, parts, source } = sharingWorld(sample, leavesOfSample(sample));
    const root = sample.metainfo.files[0]?.piecesRoot as Buffer;
    for (const had of [0, 1, 2]) {
      source.have = { has: (piece) => piece === had };
      const known = new KnownHashes(parts);
      const found = known.find({ root, base: 0, index: 0, length: 2, proof: 0 });
      assert.ok(found !== undefined);
      const answers: (Buffer | null)[] = [];
      known.give(found, '10.0.0.1', (hashes) => answers.push(hashes));
      timeline.run(20);
      assert.deepEqual(answers, [Buffer.concat(sample.leavesOf(0).slice(0, 2))]);
    }
    assert.deepEqual(source.asked, [0, 1, 2]);
  });

  for (const [blocks, width] of [
    [1_100, 1],
    [4_400, 4],
    [9_000, 2],
  ] as const) {
    it(`are the right ones of a file of ${blocks} blocks, ${width} for each piece`, () => {
      const large = largeFile(blocks, width);
      const { timeline, parts } = sharingWorld(large, leavesOfLarge(large));
      const known = new KnownHashes(parts);
      const [file] = large.metainfo.files;
      const height = Math.ceil(Math.log2(blocks));
      const level = Math.log2(width);
      const checked: string[] = [];
      for (const range of rangesOf(file?.piecesRoot as Buffer, height, 9)) {
        const { base, index, length, proof } = range;
        // A few of each kind.
        if (index % 512 > 2 * length && index !== 1_024 && index + length < 2 ** (height - base)) continue;
        const wanted = large.trees.answer(range);
        const found = known.find(range);
        if (found === undefined) {
          const isWithin =
            base < level ? length * 2 ** base <= width : base >= level + 9 || length * 2 ** (base - level) <= 512;
          const isPadding = base < level && index * 2 ** base >= Math.ceil(blocks / width) * width;
          assert.ok(wanted.type === 'hashReject' || !isWithin || isPadding, `${base}:${index}+${length}^${proof}`);
          continue;
        }
        const answers: (Buffer | null)[] = [];
        known.give(found, '10.0.0.1', (hashes) => answers.push(hashes));
        timeline.run(20);
        assert.ok(wanted.type === 'hashes');
        assert.ok(answers[0]?.equals(wanted.hashes), `${base}:${index}+${length}^${proof}`);
        checked.push(`${base}`);
      }
      assert.equal(new Set(checked).size, height);
      assert.ok(checked.length > 500, `${checked.length}`);
    });
  }

  it('are made a group at a time, so that no task takes long', () => {
    const large = largeFile(10_000);
    const { timeline, parts } = sharingWorld(large, leavesOfLarge(large));
    const known = new KnownHashes(parts);
    const root = large.metainfo.files[0]?.piecesRoot as Buffer;
    const found = known.find({ root, base: 0, index: 0, length: 512, proof: 13 });
    assert.ok(found !== undefined);
    const answers: number[] = [];
    known.give(found, '10.0.0.1', () => answers.push(0));
    known.give(found, '10.0.0.1', () => answers.push(1));
    assert.equal(timeline.pending, 1);
    assert.equal(answers.length, 0);
    timeline.run(0);
    assert.deepEqual(answers, [0, 1]);
    known.give(found, '10.0.0.1', () => answers.push(2));
    assert.deepEqual(answers, [0, 1, 2]);
  });
});

test('the leaves of a piece come at the first turn of whoever asks for them, and are read once', () => {
  const large = largeFile(200, 2);
  const { timeline, source, parts } = sharingWorld(large, leavesOfLarge(large));
  const known = new KnownHashes(parts);
  const root = large.metainfo.files[0]?.piecesRoot as Buffer;
  const length = large.layout.pieceLength / BLOCK;
  const answers: string[] = [];
  const give = (piece: number, host: string): void => {
    const found = known.find({ root, base: 0, index: piece * length, length, proof: 0 }) ?? assert.fail();
    known.give(found, host, (hashes) => answers.push(`${host} ${piece} ${hashes !== null}`));
  };
  for (let piece = 0; piece < 30; piece += 1) give(piece, 'much');
  give(29, 'little');
  timeline.run(100);
  assert.deepEqual(source.asked, [0, 1, 29]);
  assert.deepEqual(answers, ['much 0 true', 'much 1 true', 'much 29 true', 'little 29 true']);
  timeline.run(10_000);
  assert.deepEqual([source.asked.length, answers.length], [30, 31]);
});

describe('a request for hashes', () => {
  const SAMPLE = v2Torrent(
    [
      { path: 'top/a', length: 29 * BLOCK },
      { path: 'top/b', content: Buffer.alloc(3 * BLOCK, 'b') },
      { path: 'top/c', content: Buffer.alloc(3 * BLOCK, 'b') },
    ],
    4 * BLOCK,
    '2',
  );
  const [A, B] = SAMPLE.metainfo.files.map(({ piecesRoot }) => piecesRoot as Buffer) as [Buffer, Buffer];
  const LAYER: HashRange = { root: A, base: 2, index: 0, length: 8, proof: 0 };
  const LEAVES: HashRange = { root: A, base: 0, index: 4, length: 4, proof: 0 };

  it('is answered in a task of its own, choked or not, and its bytes count as upload', () => {
    const { timeline, ask, limiter } = sharingWorld(SAMPLE, leavesOfSample(SAMPLE), 1_000);
    const peer = new RecordedConnection();
    assert.deepEqual(ask(peer, LAYER), FINE);
    assert.deepEqual(peer.said(), []);
    timeline.run(0);
    assert.deepEqual(peer.said(), ['hashes 2:0+8^0']);
    assert.equal(limiter.allowance(), 0);
    ask(peer, { ...LAYER, length: 4 });
    timeline.run(150);
    assert.deepEqual(peer.said(), []);
    timeline.run(400);
    assert.deepEqual(peer.said(), ['hashes 2:0+4^0']);
  });

  it('is rejected, as junk, when it cannot be answered', () => {
    const { timeline, ask, source } = sharingWorld(SAMPLE, leavesOfSample(SAMPLE));
    const peer = new RecordedConnection();
    const odd: readonly [string, Partial<HashRange>][] = [
      ['an unknown root', { root: Buffer.alloc(32, 7) }],
      ['zeros for a root', { root: Buffer.alloc(32) }],
      ['no hashes', { length: 0 }],
      ['one hash', { length: 1 }],
      ['seven hashes', { length: 7 }],
      ['more than 512', { length: 1_024 }],
      ['a misaligned index', { index: 2, length: 4 }],
      ['an index past the end', { index: 8 }],
      ['an index of 2^32 - 1', { index: 0xffffffff, length: 2 }],
      ['a proof that reaches the root', { proof: 3 }],
      ['a proof of 2^32 - 1', { proof: 0xffffffff }],
      ['the root itself', { base: 5, length: 2 }],
      ['a level of 2^32 - 1', { base: 0xffffffff }],
      ['leaves of several pieces', { base: 0, length: 8 }],
    ];
    for (const [what, numbers] of odd) {
      const range = { ...LAYER, ...numbers };
      assert.deepEqual(ask(peer, range), JUNK, what);
      assert.equal(peer.said().length, 1, what);
    }
    assert.deepEqual(ask(peer, { ...LAYER, root: B }), JUNK);
    assert.deepEqual(ask(peer, { ...LAYER, length: 8_193 }), {
      kind: 'refuse',
      reason: { code: 'request-too-long', length: 8_193 },
    });
    timeline.run(1_000);
    assert.deepEqual(source.asked, []);
  });

  it('for more than 512 leaves is rejected in a piece of any length, and for any leaves in one of over 64 MiB', () => {
    const large = largeFile(4_096, 4_096);
    const [file] = large.metainfo.files;
    const range = { root: file?.piecesRoot as Buffer, base: 0, index: 512, length: 512, proof: 11 };
    const { ask } = sharingWorld(large, leavesOfLarge(large));
    assert.deepEqual(ask(new RecordedConnection(), range), FINE);
    assert.deepEqual(ask(new RecordedConnection(), { ...range, index: 1_024, length: 1_024 }), JUNK);
    const larger = largeFile(8_192, 8_192);
    const root = larger.metainfo.files[0]?.piecesRoot as Buffer;
    const world = sharingWorld(larger, leavesOfLarge(larger));
    assert.deepEqual(world.ask(new RecordedConnection(), { ...range, root }), JUNK);
    world.timeline.run(1_000);
    assert.deepEqual(world.source.asked, []);
  });

  it('for leaves has the piece hashed once for all who ask, one after the other for one peer', () => {
    const { timeline, ask, source } = sharingWorld(SAMPLE, leavesOfSample(SAMPLE));
    const [one, other] = [new RecordedConnection(), new RecordedConnection()];
    for (const index of [0, 4, 8]) ask(one, { ...LEAVES, index });
    ask(other, { ...LEAVES, index: 0 });
    timeline.run(5);
    assert.deepEqual(source.asked, [0]);
    timeline.run(100);
    assert.deepEqual(source.asked, [0, 1, 2]);
    assert.deepEqual(one.said(), ['hashes 0:0+4^0', 'hashes 0:4+4^0', 'hashes 0:8+4^0']);
    assert.deepEqual(other.said(), ['hashes 0:0+4^0']);
    assert.ok(one.idleWork >= 3 * 4 * 20 && other.idleWork <= 4 * 20);
    ask(other, { ...LEAVES, index: 8 });
    assert.ok(other.idleWork <= 4 * 20);
    timeline.run(100);
    assert.deepEqual(source.asked, [0, 1, 2]);
  });

  it('for leaves of a piece that we lack is rejected, unless a file with the same bytes has it', () => {
    const { timeline, ask, source } = sharingWorld(SAMPLE, leavesOfSample(SAMPLE));
    source.have = { has: (piece) => piece === 9 };
    const peer = new RecordedConnection();
    assert.deepEqual(ask(peer, LEAVES), JUNK);
    assert.deepEqual(ask(peer, { root: B, base: 0, index: 0, length: 4, proof: 0 }), FINE);
    timeline.run(100);
    assert.deepEqual(source.asked, [9]);
    assert.deepEqual(peer.said(), ['hashReject 0:4+4^0', 'hashes 0:0+4^0']);
  });

  it('is rejected when the disk fails, or gives other leaves than the right ones', () => {
    for (const leaves of [null, Buffer.alloc(4 * 32, 1)]) {
      const { timeline, ask, failures } = sharingWorld(SAMPLE, () => leaves);
      const peer = new RecordedConnection();
      ask(peer, LEAVES);
      timeline.run(100);
      assert.deepEqual(peer.said(), ['hashReject 0:4+4^0']);
      assert.equal(failures.length, leaves === null ? 1 : 0);
    }
  });

  it('waits while the peer does not take what was sent', () => {
    const { timeline, ask, sharing } = sharingWorld(SAMPLE, leavesOfSample(SAMPLE));
    const peer = new RecordedConnection();
    peer.unsentLength = 200_000;
    ask(peer, LAYER);
    timeline.run(1_000);
    assert.deepEqual(peer.said(), []);
    peer.unsentLength = 0;
    sharing.connectionFlushed(peer);
    timeline.run(0);
    assert.deepEqual(peer.said(), ['hashes 2:0+8^0']);
  });

  it('is not answered after the connection is lost', () => {
    const { timeline, ask, sharing, limiter } = sharingWorld(SAMPLE, leavesOfSample(SAMPLE), 1_000);
    const peer = new RecordedConnection();
    limiter.spend(2_000);
    ask(peer, LAYER);
    ask(peer, LEAVES);
    timeline.run(10);
    sharing.connectionLost(peer);
    timeline.run(60_000);
    assert.deepEqual(peer.said(), []);
    assert.equal(timeline.pending, 0);
  });

  it('beyond a bounded queue, or that waits already, is rejected', () => {
    const { ask } = sharingWorld(SAMPLE, leavesOfSample(SAMPLE));
    const peer = new RecordedConnection();
    assert.deepEqual(ask(peer, LAYER), FINE);
    assert.deepEqual(ask(peer, LAYER), JUNK);
    let fine = 1;
    for (let count = 0; count < 100; count += 1) {
      const range = { ...LAYER, base: count % 2, index: 2 * (count >> 2), length: 2, proof: (count >> 1) % 2 };
      if (ask(peer, range).kind === 'fine') fine += 1;
    }
    assert.ok(fine <= DEFAULT_HASH_SHARING_OPTIONS.maxQueued, `${fine}`);
  });

  it('is one of 64 that may wait', () => {
    const large = largeFile(4_096);
    const root = large.metainfo.files[0]?.piecesRoot as Buffer;
    const { ask } = sharingWorld(large, leavesOfLarge(large));
    const peer = new RecordedConnection();
    const judged = Array.from({ length: 66 }, (_, at) =>
      ask(peer, { root, base: 0, index: 2 * at, length: 2, proof: 1 }),
    );
    assert.deepEqual(judged, [...new Array(64).fill(FINE), JUNK, JUNK]);
  });

  it('is work of no use once the peer has had all hashes several times', () => {
    const { timeline, ask } = sharingWorld(SAMPLE, leavesOfSample(SAMPLE));
    const peer = new RecordedConnection();
    const mostNeeded = 3 * SAMPLE.layout.pieceCount + 16_384;
    for (let asked = 0; asked + 8 <= mostNeeded; asked += 8) {
      ask(peer, LAYER);
      timeline.run(1);
    }
    assert.equal(peer.idleWork, 0);
    ask(peer, LAYER);
    assert.ok(peer.idleWork > 5_000);
  });
});

interface Recorded {
  readonly name: string;
  readonly request: string;
  /** Absent where libtorrent parted. */
  readonly answerSha256?: string;
}

if (hasCorpus('answers of libtorrent to hash requests, beside ours')) {
  const recorded = JSON.parse(readCorpus('reach/hash-requests.json').toString()) as readonly Recorded[];
  const metainfo = parseMetainfo(readCorpus('reach/dir-v2.torrent'));
  const layout = new PieceLayout(metainfo);
  /** libtorrent answers these, and we do not: BEP 52 does not allow them, or several pieces would have to be read. */
  const OURS = [
    /misaligned/,
    /length 7/,
    /length 1 index/,
    /length 1024/,
    /length 2048/,
    /length 8192/,
    /length 16 proof 0/,
  ];
  describe('an answer of libtorrent', () => {
    for (const { name, request, answerSha256 } of recorded) {
      // Leaves need the content.
      if (/base 0/.test(name) && !/length 16|8192|1 block/.test(name)) continue;
      it(`is ours too, but for documented ones: ${name}`, () => {
        const { timeline, ask } = sharingWorld({ layout, metainfo }, () => null);
        const peer = new SentConnection();
        const message = decodeHashMessage(Buffer.from(`15${request}`, 'hex'));
        if (answerSha256 === undefined) {
          assert.equal(message, undefined);
          return;
        }
        assert.ok(message?.type === 'hashRequest');
        ask(peer, message.range);
        timeline.run(1_000);
        const isOurs = OURS.some((pattern) => pattern.test(name));
        const rejected = encodeHashMessage({ type: 'hashReject', range: message.range }).subarray(4);
        const digest = peer.digest();
        assert.equal(digest, isOurs ? sha256(rejected).toString('hex') : answerSha256);
      });
    }
  });
}

describe('the hashes of very many files', () => {
  const COUNT = 10_000;

  /** How often the root of a file was looked at, and whether we have a piece. */
  function manyFiles(rootOf: (file: number) => Buffer) {
    let [roots, looks] = [0, 0];
    const files = Array.from({ length: COUNT }, (_, file) => ({
      path: ['top', `${file}`],
      begin: file * 2 * BLOCK,
      length: 2 * BLOCK,
      padding: false,
      executable: false,
      hidden: false,
      symlink: null,
      get piecesRoot(): Buffer {
        roots += 1;
        return rootOf(file);
      },
    }));
    const pieceRoots = Buffer.concat(files.map((_, file) => rootOf(file)));
    const length = COUNT * 2 * BLOCK;
    const pieces = { ...NO_HASHES, pieceCount: COUNT, pieceLength: 2 * BLOCK, length };
    const layout = new PieceLayout({ ...pieces, version: '2', files, pieceRoots });
    roots = 0;
    const tasks: (() => void)[] = [];
    const timers = {
      now: () => 0,
      addTask: (run: () => void) => {
        tasks.push(run);
        return { cancel: () => undefined };
      },
    };
    const have = {
      has: () => {
        looks += 1;
        return false;
      },
    };
    const source = { have, hashBlocks: () => undefined };
    const known = new KnownHashes({ timers, layout, metainfo: { files }, source, gotReadFailure: () => undefined });
    return { known, tasks, roots: () => roots, looks: () => looks };
  }

  const range = (root: Buffer): HashRange => ({ root, base: 0, index: 0, length: 2, proof: 0 });

  it('are looked up in few of the files that have the same bytes', () => {
    const root = Buffer.alloc(32, 1);
    const { known, looks } = manyFiles(() => root);
    assert.equal(known.find(range(root)), undefined);
    assert.ok(looks() > 0 && looks() <= 100, `${looks()} pieces were looked at`);
  });

  it('are made ready in many short tasks before anyone asks', () => {
    const rootOf = (file: number): Buffer => sha256(Buffer.from(`${file}`));
    const { known, tasks, roots, looks } = manyFiles(rootOf);
    let most = 0;
    for (let task = tasks.shift(); task !== undefined; task = tasks.shift()) {
      const before = roots();
      task();
      most = Math.max(most, roots() - before);
    }
    assert.deepEqual([roots(), most <= 3_000], [COUNT, true]);
    known.find(range(rootOf(COUNT - 1)));
    assert.deepEqual([roots(), looks()], [COUNT, 1]);
  });
});
