/** A worker thread in which every write hits a bug. */
import { parentPort } from 'node:worker_threads';
import { systemFileOperations } from '../../../src/disk/system/operations.js';
import { systemProcesses } from '../../../src/disk/system/processes.js';
import { servePieceWork } from '../../../src/disk/worker/piece-work.js';

if (parentPort === null) throw new Error('this runs in a thread only');
servePieceWork(
  parentPort,
  {
    ...systemFileOperations,
    write: () => {
      throw new TypeError('a bug');
    },
  },
  systemProcesses,
);
