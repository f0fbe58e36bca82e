/**
 * The power goes at any moment of a download, with any part of what was not flushed. The next start reads whatever is
 * left, believes nothing that is not there, and comes to its end. The real code of the disk runs on a simulated one.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { FileIdentity, Storage } from '../../src/disk/storage.js';
import type { DiskDownloadOptions } from '../support/disk/disk-download.js';
import { LOSSES, type Loss } from '../support/disk/power-cut.js';
import { cutAndGoOn, type Form, type Recorded, record } from '../support/disk/power-cut-runs.js';
import { seededRandom } from '../support/simulation/seeded-random.js';

/** In all forms together. */
const RANDOM_CUTS = Number(process.env['POWER_CUTS'] ?? 6_000);

const PLAIN: Form = { partNames: true, selects: false, version: '1' };
const SELECTED: Form = { ...PLAIN, selects: true };
const FORMS = new Map<string, Form>([
  ['a plain download', PLAIN],
  ['--no-part', { ...PLAIN, partNames: false }],
  ['--select', SELECTED],
  ['--no-part --select', { ...SELECTED, partNames: false }],
  ['a plain download of version 2', { ...PLAIN, version: '2' }],
  ['a hybrid with --select', { ...SELECTED, version: 'hybrid' }],
]);

for (const [name, form] of FORMS) {
  test(`${name}: after each thing that it does, whatever a power cut leaves is believed rightly and made whole`, () => {
    const random = seededRandom(1);
    let believed = 0;
    for (const interruptAt of [null, 1_500]) {
      const recorded = record(form, random, { pace: 120, interruptAt, select: form.selects ? ['1', '5'] : [] });
      for (let count = 0; count <= recorded.run.disk.events.length; count += 1)
        for (const loss of LOSSES) {
          const { belief } = cutAndGoOn(recorded, count, loss, random).run;
          believed += belief.believed.length + belief.doubted.length;
        }
    }
    assert.ok(believed > 300, `of ${believed} believed pieces little can be learnt`);
  });

  const cuts = RANDOM_CUTS / FORMS.size;
  test(`${name}: of ${cuts} power cuts at random, at first and in what went on after one, none does harm`, () => {
    const random = seededRandom(2);
    const fresh = Array.from({ length: 60 }, () => record(form, random));
    const runs = [...fresh];
    let believed = 0;
    for (let cut = 0; cut < cuts; cut += 1) {
      const slot = random.below(runs.length);
      const before = runs[slot] as Recorded;
      const count = random.below(before.run.disk.events.length + 1);
      const after = cutAndGoOn(before, count, LOSSES[random.below(LOSSES.length)] as Loss, random);
      believed += after.run.belief.believed.length + after.run.belief.doubted.length;
      // The next cut may befall what went on, or a download from its beginning.
      runs[slot] = after.run.disk.events.length > 40 ? after : (fresh[slot] as Recorded);
    }
    assert.ok(believed > cuts, `of ${believed} believed pieces little can be learnt`);
  });
}

/** Fails as soon as one of many cuts does harm. */
function cutOften(form: Form, options: Partial<DiskDownloadOptions>): void {
  const random = seededRandom(3);
  for (let run = 0; run < 20; run += 1) {
    // Slow, so that much is old when the power goes.
    const recorded = record(form, random, { pace: 300, interruptAt: null, ...options });
    for (let cut = 0; cut < 20; cut += 1) {
      const count = random.below(recorded.run.disk.events.length + 1);
      cutAndGoOn(recorded, count, LOSSES[random.below(LOSSES.length)] as Loss, random);
    }
  }
}

test('these power cuts tell: a flush that is left out, or a journal that is written before it, is found', () => {
  assert.doesNotThrow(() => cutOften(PLAIN, {}));
  const isData = (name: string): boolean => name.endsWith('.part');
  const isFolder = (name: string): boolean => /(downloads|\/t|sub|deep)$/.test(name);
  const isJournal = (name: string): boolean => /\.btget(\.new)?$/.test(name);
  assert.throws(() => cutOften(PLAIN, { flushes: (name) => !isData(name) }), /is believed|is not whole|is lost/);
  assert.throws(() => cutOften(PLAIN, { flushes: (name) => !isFolder(name) }), /is lost/);
  assert.throws(() => cutOften(PLAIN, { flushes: (name) => !isJournal(name) }), /is lost|no-journal/);
  assert.throws(() => cutOften(PLAIN, { flushes: (name) => name !== '/' }), /is lost/);
  const borders = { select: ['1', '5'], pace: 600, flushes: (name: string) => !name.endsWith('-border') };
  assert.throws(() => cutOften(SELECTED, borders), /is lost/);
  const hasty = (storage: Storage): Pick<Storage, 'sync'> => ({
    sync: (also, answered) => {
      let identities: ReadonlyMap<number, FileIdentity> = new Map();
      storage.sync(also, (outcome) => {
        if (outcome.ok) identities = outcome.flushed;
      });
      storage.survey((outcome) => {
        if (!outcome.ok) throw outcome.failure;
        for (const [file, { identity }] of outcome.files.entries())
          if (identity !== null) identities = new Map([...identities, [file, identity]]);
        answered({ ok: true, flushed: identities });
      });
    },
  });
  assert.throws(() => cutOften(PLAIN, { flushed: hasty }), /is believed/);
});
