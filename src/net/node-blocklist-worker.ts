/** The entry point of the thread that reads blocklists. */
import { parentPort, workerData } from 'node:worker_threads';
import { serveLists } from './node-read-blocklists.js';

if (parentPort === null) throw new Error('the blocklist worker runs in a thread only');
await serveLists(parentPort, workerData);
