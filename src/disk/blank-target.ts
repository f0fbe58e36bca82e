import type { Timers } from '../base/clock.js';
import type { DoneOutcome } from './storage.js';
import type { Target } from './target.js';

const DONE: DoneOutcome = { ok: true };

/** The journal and the lock of a torrent that leaves nothing on the disk. Nothing is written down, nobody kept off. */
export function createBlankTarget(timers: Timers): Target {
  const done = (answered: (outcome: DoneOutcome) => void): void => {
    timers.addTask(() => answered(DONE), 0);
  };
  return {
    journal: {
      path: '',
      read: (answered) => {
        timers.addTask(() => answered({ ok: true, found: null }), 0);
      },
      append: (_bytes, _flushes, answered) => done(answered),
      replace: (_bytes, answered) => done(answered),
      remove: done,
    },
    lock: {
      take: (_watched, answered) => done(answered),
      check: (_watched, answered) => done(answered),
      refresh: done,
      release: done,
    },
  };
}
