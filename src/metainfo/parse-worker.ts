/** The entry point of the thread that parses. */
import { parentPort, workerData } from 'node:worker_threads';
import { serveParsing } from './node-parse-metainfo.js';

if (parentPort === null) throw new Error('the parse worker runs in a thread only');
serveParsing(parentPort, workerData);
