import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BtgetError } from '../../../../src/base/failure.js';
import type { DoneOutcome } from '../../../../src/disk/storage.js';
import { FileFinisher } from '../../../../src/torrent/content/file-finisher.js';

/** A finisher over a disk that answers when it is told to, and the log of both. */
function finisherAndLog() {
  const log: string[] = [];
  const due: ((outcome: DoneOutcome) => void)[] = [];
  const finisher = new FileFinisher({
    finishFile: (file, answered) => {
      log.push(`begin ${file}`);
      due.push(answered);
    },
    finished: (file) => log.push(`end ${file}${finisher.isDone ? ', done' : ''}`),
    failed: ({ message }) => log.push(message),
  });
  return { finisher, log, due };
}

test('eight files are finished at once, and the next one begins when one ends', () => {
  const { finisher, log, due } = finisherAndLog();
  finisher.finish([0, 1, 2, 3, 4, 5, 6, 7, 8]);
  assert.equal(log.at(-1), 'begin 7');
  for (const answered of due) answered({ ok: true });
  assert.deepEqual(log.slice(8, 10), ['begin 8', 'end 0']);
  assert.equal(log.at(-1), 'end 8, done');
});

test('a file that the disk refused waits until it is tried again, and the finisher is not done before', () => {
  const { finisher, log, due } = finisherAndLog();
  finisher.finish([0, 1]);
  due[0]?.({ ok: false, failure: new BtgetError('io', 'the disk is broken') });
  due[1]?.({ ok: true });
  assert.deepEqual(log.splice(0), ['begin 0', 'begin 1', 'the disk is broken', 'end 1']);
  assert.equal(finisher.retry(), true);
  due[2]?.({ ok: true });
  assert.deepEqual(log, ['begin 0', 'end 0, done']);
  assert.equal(finisher.retry(), false);
});

test('300,000 files can be given at once', () => {
  let finished = 0;
  const due: ((outcome: DoneOutcome) => void)[] = [];
  const finisher = new FileFinisher({
    finishFile: (_, answered) => due.push(answered),
    finished: () => {
      finished += 1;
    },
    failed: () => assert.fail(),
  });
  finisher.finish(Array.from({ length: 300_000 }, (_, index) => index));
  for (let answered = due.pop(); answered !== undefined; answered = due.pop()) answered({ ok: true });
  assert.equal(finished, 300_000);
});
