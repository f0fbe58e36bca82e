import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { BtgetError } from '../../../../src/base/failure.js';
import { InitialCheck } from '../../../../src/torrent/existing/data-check.js';
import { DEFAULT_MEMORY_STORAGE_OPTIONS, MemoryStorage } from '../../../support/fakes/memory-storage.js';
import { sampleTorrent } from '../../../support/sample-torrent.js';
import { Timeline } from '../../../support/simulation/timeline.js';

const SAMPLE = sampleTorrent([{ path: 'film', length: 5 * 1024 - 1 }], 1024);

interface Scene {
  readonly log: string[];
  readonly timeline: Timeline;
  readonly disk: MemoryStorage;
  readonly check: InitialCheck;
}

function scene(pieces: readonly number[], atOnce: number, stopAt?: string): Scene {
  const log: string[] = [];
  const timeline = new Timeline();
  const options = { ...DEFAULT_MEMORY_STORAGE_OPTIONS, latency: 10, content: SAMPLE.content, log };
  const disk = new MemoryStorage(SAMPLE.metainfo, timeline, options);
  const say = (what: string): void => {
    log.push(`${timeline.now()}: ${what}`);
    if (what === stopAt) check.stop();
  };
  const check = new InitialCheck(
    disk,
    pieces.map(SAMPLE.piece),
    { atOnce },
    {
      pieceChecked: (piece, matches) => say(`${piece} is ${matches ? 'right' : 'wrong'}`),
      checkFailed: (piece, failure) => say(`${piece}: ${failure.code}`),
      checkEnded: () => say('ended'),
    },
  );
  return { log, timeline, disk, check };
}

describe('the initial check', () => {
  it('hashes each piece once, a bounded number at once, and reports the result', () => {
    const { log, timeline, disk, check } = scene([0, 1, 3, 4], 2);
    disk.corrupt(3 * 1024 + 5, 1);
    check.start();
    timeline.run(1000);
    assert.deepEqual(log, [
      'checkPiece 0',
      'checkPiece 1',
      '10: 0 is right',
      'checkPiece 3',
      '20: 1 is right',
      'checkPiece 4',
      '30: 3 is wrong',
      '40: 4 is right',
      '40: ended',
    ]);
  });

  it('goes on when the disk cannot read a piece', () => {
    const { log, timeline, disk, check } = scene([0, 1], 8);
    disk.failNext('checkPiece', new BtgetError('io', 'input/output error'));
    check.start();
    timeline.run(1000);
    assert.deepEqual(log.slice(2), ['10: 0: io', '20: 1 is right', '20: ended']);
  });

  it('reports nothing and asks for nothing once it is stopped', () => {
    const { log, timeline, check } = scene([0, 1, 2, 3], 2);
    check.start();
    timeline.run(15);
    check.stop();
    timeline.run(1000);
    assert.deepEqual(log, ['checkPiece 0', 'checkPiece 1', '10: 0 is right', 'checkPiece 2']);
  });

  it('may be stopped within an event, even the last one', () => {
    for (const stopAt of ['0 is right', '1 is right']) {
      const { log, timeline, check } = scene([0, 1], 1, stopAt);
      check.start();
      timeline.run(1000);
      assert.ok(!log.includes('20: ended'));
      assert.equal(log.at(-1), stopAt === '0 is right' ? '10: 0 is right' : '20: 1 is right');
    }
  });

  it('refuses an empty list of pieces', () => {
    assert.throws(() => scene([], 1), /no piece/);
  });
});
