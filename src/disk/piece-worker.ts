/** Where a worker thread begins. */
import { parentPort } from 'node:worker_threads';
import { systemFileOperations } from './file-operations.js';
import { systemProcesses } from './file-process.js';
import { servePieceWork } from './file-work.js';

if (parentPort === null) throw new Error('the piece worker runs in a thread only');
servePieceWork(parentPort, systemFileOperations, systemProcesses);
