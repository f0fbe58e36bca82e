import type { Told, Work, WorkAnswers, WorkKind, WorkRequest } from '../../src/disk/file-disk-protocol.js';
import { type FileOperations, systemFileOperations } from '../../src/disk/file-operations.js';
import { systemProcesses } from '../../src/disk/file-process.js';
import { servePieceWork } from '../../src/disk/file-work.js';

/** A worker without a thread: what it does happens within the call, and its system calls may be made to fail. */
export interface HereWorker {
  ask<K extends WorkKind>(kind: K, request: Work[K]['request']): Promise<Told<Work[K]['answer']>>;
  /** The numbers of the requests that each message of answers is about, and whether it ends one of requests. */
  readonly answered: readonly (readonly [ids: readonly number[], done: boolean])[];
  /** Hands over requests in one message; they are numbered from 0. */
  post(requests: readonly Omit<WorkRequest, 'id'>[]): void;
}

export function hereWorker(operations: Partial<FileOperations>): HereWorker {
  const due = new Map<number, (told: Told<Work[WorkKind]['answer']>) => void>();
  const answered: [number[], boolean][] = [];
  let listener: ((requests: readonly WorkRequest[]) => void) | undefined;
  servePieceWork(
    {
      on: (_event, told) => {
        listener = told;
      },
      postMessage: ({ answers, done }: WorkAnswers) => {
        answered.push([answers.map(({ id }) => id), done]);
        for (const { id, told } of answers) {
          due.get(id)?.(told);
          due.delete(id);
        }
      },
      close: () => undefined,
    },
    { ...systemFileOperations, ...operations },
    systemProcesses,
  );
  let asked = 0;
  return {
    answered,
    post: (requests) => listener?.(requests.map((request, id) => ({ id, ...request }))),
    ask: <K extends WorkKind>(kind: K, request: Work[K]['request']) =>
      new Promise<Told<Work[K]['answer']>>((resolve) => {
        const id = asked;
        asked += 1;
        due.set(id, (told) => resolve(told as Told<Work[K]['answer']>));
        listener?.([{ id, kind, request }]);
      }),
  };
}

/** An error of a system call, as Node makes it. */
export function systemError(code: string, syscall: string, words = 'made to fail'): Error {
  return Object.assign(new Error(`${code}: ${words}, ${syscall}`), { code, syscall });
}
