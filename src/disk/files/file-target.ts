import { BtgetError } from '../../base/failure.js';
import { decodeFailure } from '../failure.js';
import type { TargetPlace, Told } from '../protocol.js';
import type { DoneOutcome } from '../storage.js';
import { below } from '../system/guard.js';
import type { Target } from '../target.js';
import type { LockOutcome, WatchedLock } from '../target-lock.js';
import type { WorkerThread } from './worker-thread.js';

type Answered = (outcome: DoneOutcome) => void;

/**
 * A journal and a lock in files, which the worker that writes the download writes too: what is asked is done in order.
 */
export function createFileTarget(writer: Pick<WorkerThread, 'ask'>, place: TargetPlace): Target {
  const ask =
    (kind: 'removeJournal' | 'refreshLock' | 'releaseLock') =>
    (answered: Answered): void =>
      writer.ask(kind, { place }, [], done(answered));
  const askLock =
    (kind: 'takeLock' | 'checkLock') =>
    (watched: readonly WatchedLock[], answered: (outcome: LockOutcome) => void): void =>
      writer.ask(kind, { place, watched }, [], (told) => {
        if (!told.ok) answered({ ok: false, failure: decodeFailure(told.failure) });
        else if (told.value === null) answered({ ok: true });
        else answered({ ok: false, failure: new BtgetError('target-busy', told.value.message), doubt: told.value });
      });
  return {
    journal: {
      path: below(place.root, place.name),
      read: (answered) =>
        writer.ask('readJournal', { place }, [], (told) => {
          if (!told.ok) answered({ ok: false, failure: decodeFailure(told.failure) });
          else if (told.value === null) answered({ ok: true, found: null });
          else answered({ ok: true, found: { ...told.value, bytes: Buffer.from(told.value.bytes) } });
        }),
      append: (bytes, flushes, answered) => {
        const copy = new Uint8Array(bytes);
        writer.ask('appendJournal', { place, bytes: copy, flushes }, [copy.buffer], done(answered));
      },
      replace: (bytes, answered) => {
        const copy = new Uint8Array(bytes);
        writer.ask('replaceJournal', { place, bytes: copy }, [copy.buffer], done(answered));
      },
      remove: ask('removeJournal'),
    },
    lock: {
      take: askLock('takeLock'),
      check: askLock('checkLock'),
      refresh: ask('refreshLock'),
      release: ask('releaseLock'),
    },
  };
}

function done(answered: Answered): (told: Told<null>) => void {
  return (told) => answered(told.ok ? { ok: true } : { ok: false, failure: decodeFailure(told.failure) });
}
