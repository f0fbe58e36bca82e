import { parentPort } from 'node:worker_threads';
import type { WorkKind, WorkRequest } from '../../../src/disk/protocol.js';
import { systemFileOperations } from '../../../src/disk/system/operations.js';
import { systemProcesses } from '../../../src/disk/system/processes.js';
import { servePieceWork } from '../../../src/disk/worker/piece-work.js';

/** Serves a worker thread in which requests of one kind hit a bug. */
export function serveWorkExcept(refused: WorkKind): void {
  const port = parentPort;
  if (port === null) throw new Error('this runs in a thread only');
  servePieceWork(
    {
      on: (event, serve) =>
        port.on(event, (request: WorkRequest) => {
          if (request.kind === refused) throw new TypeError(`a bug in '${refused}'`);
          serve(request);
        }),
      postMessage: (answer) => port.postMessage(answer),
      close: () => port.close(),
    },
    systemFileOperations,
    systemProcesses,
  );
}
