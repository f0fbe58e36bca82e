import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type SampleTorrent, sampleTorrent } from '../support/sample-torrent.js';
import { type Client, type ClientOptions, SimulatedSwarm } from '../support/simulation/simulated-swarm.js';

const PIECE_LENGTH = 1024;

/**
 * A run of the program: the selected files, numbered from 1, and after how many milliseconds a kill ends it, if at all.
 */
interface RunOf {
  readonly selected: ReadonlySet<number>;
  readonly killedAfter: number | null;
}

/** The files that a run leaves on the disk. */
type Left = Pick<ClientOptions, 'image' | 'journal'>;

const scenario = fc
  .array(fc.record({ length: fc.nat(2_500), padding: fc.nat(9).map((chance) => chance === 0) }), {
    minLength: 2,
    maxLength: 9,
  })
  .filter((files) => files.some(({ length, padding }) => length > 0 && !padding))
  .chain((files) => {
    const numbers = files.filter(({ padding }) => !padding).map((_, index) => index + 1);
    const run = fc.record({
      selected: fc.subarray(numbers, { minLength: 1 }).map((some) => new Set(some)),
      killedAfter: fc.option(fc.integer({ min: 0, max: 400 }), { nil: null, freq: 2 }),
    });
    return fc.record({ files: fc.constant(files), runs: fc.array(run, { minLength: 1, maxLength: 4 }) });
  });

function download(sample: SampleTorrent, { selected, killedAfter }: RunOf, left: Left, seed: number): Client {
  const swarm = new SimulatedSwarm(sample, seed);
  swarm.start({ seed: true });
  const leech = swarm.start({
    ...left,
    torrent: { selection: { select: [[...selected].join()], exclude: [], ranges: null }, seedGoal: null },
  });
  if (killedAfter === null) swarm.timeline.runUntil(() => leech.done || leech.failure !== null, 600_000);
  else swarm.timeline.run(killedAfter);
  assert.equal(leech.failure, null);
  const { wanted, have } = leech.torrent.status();
  if (killedAfter === null) assert.equal(have, wanted);
  return leech;
}

test('for any selections in a row, and runs cut off at any time, the selected files come and no others', () => {
  fc.assert(
    fc.property(scenario, fc.nat(1000), ({ files, runs }, seed) => {
      const sample = sampleTorrent(
        files.map(({ length, padding }, index) => ({ path: `t/${index}`, length, padding })),
        PIECE_LENGTH,
        seed,
      );
      const real = files.flatMap(({ padding }, index) => (padding ? [] : [index]));
      const everSelected = new Set<number>();
      let left: Left = { image: null, journal: null };
      const all = { selected: new Set(real.map((_, at) => at + 1)), killedAfter: null };
      for (const run of [...runs, all]) {
        const leech = download(sample, run, left, seed);
        for (const [at, file] of real.entries()) {
          const isSelected = run.selected.has(at + 1);
          if (isSelected) everSelected.add(file);
          if (!everSelected.has(file)) assert.equal(leech.storage.isThere(file), false, `file ${file} appeared`);
          if (isSelected && run.killedAfter === null) {
            assert.deepEqual(leech.storage.finalBytes(file), sample.fileBytes(file), `file ${file}`);
          }
        }
        left = { image: leech.storage.image(null), journal: leech.journal.image(null) };
        if (run === all) assert.equal(leech.storage.hasBorderFile, false);
      }
    }),
    { numRuns: 60 },
  );
});
