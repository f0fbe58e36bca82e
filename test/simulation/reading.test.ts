/** Torrents that are read while they are fetched, in simulated time. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ByteRun } from '../../src/metainfo/padding.js';
import type { ContentReader } from '../../src/torrent/reading/content-reader.js';
import { Mirror } from '../support/fakes/mirror.js';
import { type SampleTorrent, sampleTorrent } from '../support/sample-torrent.js';
import { type CachedClient, type ClientOptions, SimulatedSwarm } from '../support/simulation/simulated-swarm.js';
import { v2Torrent } from '../support/v2-torrent.js';

const KIB = 1024;
const MIB = 1024 * KIB;
const PIECE = 128 * KIB;
const FILM = sampleTorrent(
  [
    { path: 't/notes', length: 100 * KIB },
    { path: 't/film', length: 40 * MIB + 77 },
  ],
  PIECE,
);
const FILM_LENGTH = 40 * MIB + 77;
const KEPT = 4 * MIB;
const ON_DEMAND = { window: KEPT, kept: KEPT };
/** Bytes a second and milliseconds of a line as people have them at home. */
const LINE = { upload: 4_000_000, latency: 25 };

/** What someone reads of a file, and when. */
class Reading {
  readonly reader: ContentReader;
  readonly #swarm: SimulatedSwarm;
  readonly #chunks: Buffer[] = [];
  length = 0;
  /** When the first byte came, after the open. */
  firstAfter: number | null = null;
  isDone = false;
  failure = '';
  /** It reads no more for the present. */
  isPaused = false;
  #isReading = false;

  constructor(swarm: SimulatedSwarm, client: CachedClient, run: ByteRun, early = false, file = 1) {
    this.#swarm = swarm;
    const begun = swarm.timeline.now();
    this.reader = client.torrent.openReader(file, run, early);
    this.#read(begun);
  }

  get bytes(): Buffer {
    return Buffer.concat(this.#chunks);
  }

  goOn(): void {
    this.isPaused = false;
    if (!this.#isReading) this.#read(0);
  }

  #read(begun: number): void {
    const into = Buffer.alloc(64 * KIB);
    this.#isReading = true;
    this.reader.read(into, (outcome) => {
      this.#isReading = false;
      if (!outcome.ok) this.failure = outcome.failure.message;
      else if (outcome.length === 0) this.isDone = true;
      else {
        this.firstAfter ??= this.#swarm.timeline.now() - begun;
        this.#chunks.push(Buffer.from(into.subarray(0, outcome.length)));
        this.length += outcome.length;
        if (!this.isPaused) this.#read(begun);
      }
    });
  }
}

/** A client that reads, and seeds. */
class World {
  readonly swarm: SimulatedSwarm;
  readonly client: CachedClient;

  constructor(
    sample: SampleTorrent,
    seeds: readonly Partial<ClientOptions['host']>[],
    options: Partial<ClientOptions> = {},
  ) {
    this.swarm = new SimulatedSwarm(sample, 1);
    for (const host of seeds) this.swarm.start({ seed: true, host });
    this.client = this.swarm.startCached({ ...options, torrent: { onDemand: ON_DEMAND, ...options.torrent } });
    this.swarm.timeline.runUntil(
      () => this.swarm.log.some((line) => line.includes('leech') && /started/.test(line)),
      9_999,
    );
  }

  read(begin: number, end: number, early = false): Reading {
    return new Reading(this.swarm, this.client, { begin, end }, early);
  }

  until(isOver: () => boolean, limit = 120_000): void {
    this.swarm.timeline.runUntil(isOver, limit);
    assert.ok(isOver(), this.swarm.log.slice(-20).join('\n'));
  }

  /** Bytes of blocks that came, of use or not. */
  get downloaded(): number {
    const { downloaded, wasted } = this.client.torrent.status();
    return downloaded + wasted;
  }
}

function film(sample: SampleTorrent, begin: number, end: number): Buffer {
  const index = sample.metainfo.files.findIndex(({ path }) => path.at(-1) === 'film');
  return sample.fileBytes(index).subarray(begin, end);
}

describe('a torrent that is read while it is fetched', () => {
  const files = [
    { path: 't/notes', length: 100 * KIB },
    { path: 't/film', length: 12 * MIB + 77 },
  ];
  for (const [version, sample] of [
    ['1', sampleTorrent(files, PIECE)],
    ['2', v2Torrent(files, PIECE, '2')],
    ['hybrid', v2Torrent(files, PIECE, 'hybrid')],
  ] as const)
    it(`gives all bytes in order, and keeps no more than it may (version ${version})`, () => {
      const world = new World(sample, [{}]);
      const index = sample.metainfo.files.findIndex(({ path }) => path.at(-1) === 'film');
      const run = { begin: 0, end: 12 * MIB + 77 };
      const reading = new Reading(world.swarm, world.client, run, false, index);
      world.until(() => reading.isDone);
      assert.ok(reading.bytes.equals(film(sample, 0, run.end)));
      assert.ok(world.client.file.bytes.length <= KEPT, `${world.client.file.bytes.length}`);
      // Each piece came once: the end game of a window asks nobody twice.
      assert.equal(world.client.torrent.status().wasted, 0);
      world.swarm.stop();
      assert.ok(world.client.file.isClosed);
    });

  it('gives a part from one byte to another, and fetches no piece beside it', () => {
    const world = new World(FILM, [{}]);
    const [begin, end] = [20 * MIB + 5, 21 * MIB + 9];
    const reading = world.read(begin, end);
    world.until(() => reading.isDone);
    assert.ok(reading.bytes.equals(film(FILM, begin, end)));
    assert.ok(world.downloaded <= MIB + 2 * PIECE, `${world.downloaded}`);
    world.swarm.stop();
  });

  it('fetches no further than its window when nobody reads on, and goes on when someone does', () => {
    const world = new World(FILM, [LINE]);
    const reading = world.read(0, FILM_LENGTH);
    reading.isPaused = true;
    world.until(() => reading.length > 0);
    world.swarm.timeline.run(60_000);
    const stopped = world.downloaded;
    assert.ok(stopped <= KEPT, `${stopped}`);
    world.swarm.timeline.run(300_000);
    assert.equal(world.downloaded, stopped);
    assert.equal(world.client.torrent.isAwaited, false);
    reading.goOn();
    world.until(() => reading.isDone);
    assert.ok(reading.bytes.equals(film(FILM, 0, FILM_LENGTH)));
    assert.ok(world.client.file.bytes.length <= KEPT);
    world.swarm.stop();
  });

  it('answers a seek with the next pieces to come', () => {
    const world = new World(FILM, [LINE]);
    const first = world.read(0, FILM_LENGTH);
    world.until(() => first.length > 5 * MIB);
    first.reader.close();
    const begin = 30 * MIB + 1;
    const second = world.read(begin, FILM_LENGTH);
    world.until(() => second.firstAfter !== null);
    // What its piece needs alone: a round trip, and its bytes.
    const alone = 2 * LINE.latency + (1000 * PIECE) / LINE.upload;
    assert.ok((second.firstAfter ?? 0) <= 4 * alone, `${second.firstAfter} ms, alone ${alone}`);
    world.until(() => second.length > 2 * MIB);
    assert.ok(second.bytes.equals(film(FILM, begin, begin + second.length)));
    assert.ok(first.bytes.equals(film(FILM, 0, first.length)));
    world.swarm.stop();
  });

  it('serves two readers at two places side by side', () => {
    const world = new World(FILM, [LINE]);
    const readings = [world.read(0, FILM_LENGTH), world.read(20 * MIB, FILM_LENGTH)];
    const most = 0.3 * MIB;
    for (let second = 0; second < 5; second += 1) {
      world.swarm.timeline.run(1000);
      const [a = 0, b = 0] = readings.map(({ length }) => length);
      assert.ok(Math.abs(a - b) <= most, `${a} and ${b}`);
    }
    assert.ok(readings.every(({ length }) => length > 4 * MIB));
    assert.ok(world.client.file.bytes.length <= KEPT);
    for (const [at, reading] of readings.entries())
      assert.ok(reading.bytes.equals(film(FILM, at * 20 * MIB, at * 20 * MIB + reading.length)));
    world.swarm.stop();
  });

  it('fetches nothing more for a reader that hangs up', () => {
    const world = new World(FILM, [LINE]);
    const reading = world.read(0, FILM_LENGTH);
    world.until(() => reading.length > 4 * MIB);
    const before = world.downloaded;
    reading.reader.close();
    // What is on its way still comes, and what waits at the peer is cancelled.
    world.swarm.timeline.run(1_000);
    const stopped = world.downloaded;
    assert.ok(stopped - before <= MIB, `${stopped - before}`);
    world.swarm.timeline.run(60_000);
    assert.equal(world.downloaded, stopped);
    world.swarm.stop();
  });

  it('fetches the end of a file early when it is opened for a player', () => {
    const world = new World(FILM, [LINE], { torrent: { onDemand: { window: 8 * MIB, kept: 16 * MIB } } });
    const head = world.read(0, FILM_LENGTH, true);
    head.isPaused = true;
    world.swarm.timeline.run(4_000);
    const tail = world.read(FILM_LENGTH - 3 * MIB, FILM_LENGTH, true);
    world.until(() => tail.length > 0);
    assert.ok((tail.firstAfter ?? 9) <= 5, `${tail.firstAfter}`);
    world.until(() => tail.isDone);
    assert.ok(tail.bytes.equals(film(FILM, FILM_LENGTH - 3 * MIB, FILM_LENGTH)));
    assert.ok(world.downloaded <= 9 * MIB, `${world.downloaded}`);
    world.swarm.stop();
  });

  it('asks a second peer for a piece that the first one keeps back while a reader waits', () => {
    const slow = { upload: 2_000, latency: 25 };
    const world = new World(FILM, [slow, LINE]);
    const reading = world.read(0, 8 * MIB);
    world.until(() => reading.isDone);
    const took = world.swarm.timeline.now();
    // The slow peer alone would need a minute for each piece that it was asked for.
    assert.ok(took < 30_000, `${took}`);
    assert.ok(reading.bytes.equals(film(FILM, 0, 8 * MIB)));
    world.swarm.stop();
  });

  for (const [count, upload, limit] of [
    [1, 16_000, 10_000],
    [4, 16_000, 20_000],
    [20, 20_000, 45_000],
  ] as const) {
    it(`reads 24 MiB of a seed within ${limit / 1000} s beside ${count} that drip ${upload} bytes a second`, (t) => {
      const world = new World(FILM, [...new Array(count).fill({ upload, latency: 25 }), LINE]);
      const begun = world.swarm.timeline.now();
      const reading = world.read(0, 24 * MIB);
      world.until(() => reading.isDone);
      const took = Math.round(world.swarm.timeline.now() - begun);
      t.diagnostic(`${took} ms; the seed alone needs 7 s`);
      assert.ok(took <= limit, `${took} ms`);
      assert.ok(reading.bytes.equals(film(FILM, 0, 24 * MIB)));
      world.swarm.stop();
    });
  }

  it('reads from a web seed, whose run ends with a seek', () => {
    const url = 'http://mirror.example/';
    const mirror = new Mirror(FILM, url, LINE.upload);
    const options = {
      fetchRange: mirror.fetch,
      torrent: { webSeeds: [url], onDemand: { window: 8 * MIB, kept: 8 * MIB } },
    };
    const world = new World(FILM, [], options);
    const first = world.read(0, FILM_LENGTH);
    world.until(() => first.length > 6 * MIB);
    first.reader.close();
    const second = world.read(30 * MIB, FILM_LENGTH);
    world.until(() => second.firstAfter !== null);
    assert.ok((second.firstAfter ?? 0) < 500, `${second.firstAfter}`);
    world.until(() => second.length > MIB);
    second.reader.close();
    world.swarm.timeline.run(500);
    const { sent } = mirror;
    assert.ok(sent < 16 * MIB, `${sent}`);
    world.swarm.timeline.run(60_000);
    assert.equal(mirror.sent, sent);
    assert.ok(first.bytes.equals(film(FILM, 0, first.length)));
    assert.ok(second.bytes.equals(film(FILM, 30 * MIB, 30 * MIB + second.length)));
    world.swarm.stop();
  });

  it('promises no peer a piece that it may have forgotten', () => {
    const world = new World(FILM, [LINE]);
    const early = world.swarm.start({ host: LINE });
    const reading = world.read(0, FILM_LENGTH);
    world.until(() => reading.length > 8 * MIB);
    const other = world.swarm.start({ host: LINE });
    world.until(() => reading.isDone);
    world.until(() => early.done);
    world.until(() => other.done);
    assert.equal(world.client.torrent.status().uploaded, 0);
    world.swarm.stop();
  });

  it('fails the reads of a torrent that is stopped', () => {
    const world = new World(FILM, []);
    const reading = world.read(0, FILM_LENGTH);
    world.swarm.timeline.run(1_000);
    assert.equal(world.client.torrent.isAwaited, true);
    world.swarm.stop();
    assert.equal(reading.failure, 'the torrent was stopped while it was read');
  });

  it('runs the same way each time', () => {
    const logs = [1, 2].map(() => {
      const world = new World(FILM, [LINE, { upload: 1_000_000, latency: 80 }]);
      const readings = [world.read(0, FILM_LENGTH, true), world.read(20 * MIB, FILM_LENGTH)];
      world.swarm.timeline.run(5_000);
      readings[0]?.reader.close();
      const third = world.read(33 * MIB, FILM_LENGTH);
      world.until(() => third.length > MIB);
      const told = [...readings, third].map(({ length, firstAfter }) => `${length} ${firstAfter}`);
      world.swarm.stop();
      return [...told, world.downloaded, world.swarm.timeline.now(), ...world.swarm.log];
    });
    assert.deepEqual(logs[0], logs[1]);
  });
});
