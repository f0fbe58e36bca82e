/** A worker that does nothing, and answers each request with how many came in its message. */
import { parentPort } from 'node:worker_threads';
import type { WorkRequest } from '../../src/disk/file-disk-protocol.js';

const port = parentPort;
if (port === null) throw new Error('this runs in a thread only');
port.on('message', (requests: readonly WorkRequest[]) => {
  port.postMessage({
    answers: requests.map(({ id }) => ({ id, told: { ok: true, value: requests.length } })),
    done: true,
  });
  if (requests.some(({ kind }) => kind === 'end')) port.close();
});
