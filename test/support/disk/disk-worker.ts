import type { Told, Work, WorkAnswer, WorkKind, WorkRequest } from '../../../src/disk/protocol.js';
import { type FileOperations, systemFileOperations } from '../../../src/disk/system/operations.js';
import { systemProcesses } from '../../../src/disk/system/processes.js';
import { servePieceWork } from '../../../src/disk/worker/piece-work.js';

/** A worker without a thread: it does its work within the call, and its system calls may be made to fail. */
export interface HereWorker {
  ask<K extends WorkKind>(kind: K, request: Work[K]['request']): Promise<Told<Work[K]['answer']>>;
}

export function hereWorker(operations: Partial<FileOperations>): HereWorker {
  const due = new Map<number, (told: Told<Work[WorkKind]['answer']>) => void>();
  let listener: ((request: WorkRequest) => void) | undefined;
  servePieceWork(
    {
      on: (_event, told) => {
        listener = told;
      },
      postMessage: ({ id, told }: WorkAnswer) => {
        due.get(id)?.(told);
        due.delete(id);
      },
      close: () => undefined,
    },
    { ...systemFileOperations, ...operations },
    systemProcesses,
  );
  let asked = 0;
  return {
    ask: <K extends WorkKind>(kind: K, request: Work[K]['request']) =>
      new Promise<Told<Work[K]['answer']>>((resolve) => {
        const id = asked;
        asked += 1;
        due.set(id, (told) => resolve(told as Told<Work[K]['answer']>));
        listener?.({ id, kind, request });
      }),
  };
}

/** An error of a system call, as Node makes it. */
export function systemError(code: string, syscall: string, words = 'made to fail'): Error {
  return Object.assign(new Error(`${code}: ${words}, ${syscall}`), { code, syscall });
}
