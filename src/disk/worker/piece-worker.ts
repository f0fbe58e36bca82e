/** The module with which a worker thread of the disk begins. */
import { parentPort } from 'node:worker_threads';
import { systemFileOperations } from '../system/operations.js';
import { systemProcesses } from '../system/processes.js';
import { servePieceWork } from './piece-work.js';

if (parentPort === null) throw new Error('the piece worker runs in a thread only');
servePieceWork(parentPort, systemFileOperations, systemProcesses);
