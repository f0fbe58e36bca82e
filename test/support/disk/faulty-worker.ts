/** A worker with a bug in every write. */
import { parentPort } from 'node:worker_threads';
import { systemFileOperations } from '../../../src/disk/file-operations.js';
import { systemProcesses } from '../../../src/disk/file-process.js';
import { servePieceWork } from '../../../src/disk/file-work.js';

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
