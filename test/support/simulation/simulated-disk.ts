import fs from 'node:fs';
import { resolve } from 'node:path';
import type { Timers } from '../../../src/base/clock.js';
import { createFileTarget } from '../../../src/disk/files/file-disk.js';
import { FileStorage, type SharedDisk } from '../../../src/disk/files/file-storage.js';
import type { HashQueue } from '../../../src/disk/files/hash-queue.js';
import { PieceCommits } from '../../../src/disk/files/piece-commits.js';
import { FileReadPool } from '../../../src/disk/files/read-pool.js';
import { journalName } from '../../../src/disk/names.js';
import type { Told, Work, WorkAnswer, WorkKind, WorkRequest } from '../../../src/disk/protocol.js';
import type { OpenStorage } from '../../../src/disk/storage.js';
import { holdFolder, RootAnchors } from '../../../src/disk/system/anchor.js';
import {
  type FileFacts,
  type FileOperations,
  type ReadOperations,
  systemFileOperations,
} from '../../../src/disk/system/operations.js';
import { type ProcessFacts, systemProcesses } from '../../../src/disk/system/processes.js';
import type { OpenTarget } from '../../../src/disk/target.js';
import { servePieceWork } from '../../../src/disk/worker/piece-work.js';

const LATENCY = 1;

let processes = 0;

export interface SimulatedDisk {
  readonly openStorage: OpenStorage;
  readonly openTarget: OpenTarget;
}

/**
 * A disk of real files in simulated time. The code of the workers runs in this thread: each request is done, and
 * answered a millisecond later. `flush` of `operations` must be finished when it returns.
 */
export function simulatedDisk(timers: Timers, operations: FileOperations): SimulatedDisk {
  processes += 1;
  const process = processOf(processes);
  const ask = serve(timers, operations, process);
  const hashing = serve(timers, operations, process);
  const judge: HashQueue['judge'] = (request, answered) => {
    hashing('judge', request, [], answered);
    return true;
  };
  const readOperations = readsOf(timers, operations);
  let targets = 0;
  const disk: SharedDisk = {
    timers,
    writer: { ask, started: true },
    commits: new PieceCommits({ ask }, { judge }, { behindFrom: 0 }),
    hashing: {
      running: undefined,
      add: (_owner, job, answered) =>
        hashing('hash', { jobs: [job] }, [], (told) => {
          const answer = told.ok ? told.value[0] : { kind: 'failed' as const, failure: told.failure };
          if (answer !== undefined) answered(answer);
        }),
      findCandidates: (request, answered) => hashing('findCandidates', request, [], answered),
      drop: () => undefined,
      closeFiles: (answered) => hashing('closeFiles', {}, [], answered),
    },
    readPool: new FileReadPool(readOperations, 1),
    readOperations,
    anchors: new RootAnchors(),
  };
  return {
    openStorage: ({ timers: answers, metainfo, layout, dir, output, selected, partNames, overwrite }) => {
      const place = { id: 0, root: resolve(dir), partNames, overwrite };
      return new FileStorage({ timers: answers ?? timers, metainfo, layout, place, output, selected, disk });
    },
    openTarget: ({ dir, name, head }) => {
      const root = resolve(dir);
      const anchor = disk.anchors.of(root);
      const place = { id: targets++, root, anchor, target: name, name: journalName(name), head };
      return createFileTarget(disk.writer, place);
    },
  };
}

/** The read operations for uploads. Each is done at once and answered later. */
function readsOf(timers: Timers, operations: FileOperations): ReadOperations {
  const { lookUp, identify, numbersAnew, realPath } = operations;
  const answerTo =
    <T>(answered: (error: Error | null, value: T) => void, none: T) =>
    (action: () => T): void => {
      let value = none;
      let error: Error | null = null;
      try {
        value = action();
      } catch (thrown) {
        error = thrown as Error;
      }
      timers.addTask(() => answered(error, value), LATENCY);
    };
  const { open, facts, read, close } = operations;
  return {
    open: (path, answered) => answerTo<number>(answered, -1)(() => open(path, 'read', false)),
    facts: (descriptor, answered) => answerTo<FileFacts | undefined>(answered, undefined)(() => facts(descriptor)),
    read: (descriptor, into, position, answered) =>
      answerTo<number>(
        answered,
        0,
      )(() => {
        let done = 0;
        for (const one of into) {
          const count = read(descriptor, one, one.length, position + done);
          done += count;
          if (count < one.length) break;
        }
        return done;
      }),
    close: (descriptor, answered) => answerTo<void>(answered, undefined)(() => close(descriptor)),
    lookUp,
    identify,
    numbersAnew,
    realPath,
    holdFolder,
  };
}

/** Each disk has its own process. The processes of earlier disks count as dead. */
function processOf(pid: number): ProcessFacts {
  const { user } = systemProcesses;
  const startOf = (other: number): null | undefined => (other === pid ? null : undefined);
  return { pid, host: 'here', space: 'test', user, startOf, boot: () => null };
}

/** A worker that runs in the thread of its caller. */
function serve(timers: Timers, operations: FileOperations, process: ProcessFacts): SharedDisk['writer']['ask'] {
  const due = new Map<number, (told: Told<Work[WorkKind]['answer']>) => void>();
  let listener: ((request: WorkRequest) => void) | undefined;
  servePieceWork(
    {
      on: (_event, told) => {
        listener = told;
      },
      postMessage: ({ id, told }: WorkAnswer) => {
        const answered = due.get(id);
        due.delete(id);
        timers.addTask(() => answered?.(structuredClone(told)), LATENCY);
      },
      close: () => undefined,
    },
    {
      ...operations,
      flush: (descriptor, answered) => {
        operations.flush(descriptor, (error) => timers.addTask(() => answered(error), LATENCY));
      },
    },
    process,
  );
  let asked = 0;
  return (kind, request, _moved, answered) => {
    const id = asked;
    asked += 1;
    due.set(id, (told) => answered(told as never));
    timers.addTask(() => listener?.({ id, kind, request }), LATENCY);
  };
}

/**
 * The operations of the system, except that a flush is finished when its call returns. No real operation can finish
 * later, because real time does not pass while time is simulated.
 */
export const blockingFileOperations: FileOperations = {
  ...systemFileOperations,
  flush: (descriptor, answered) => {
    let error: Error | null = null;
    try {
      fs.fdatasyncSync(descriptor);
    } catch (thrown) {
      error = thrown as Error;
    }
    answered(error);
  },
};
