/** System calls that fail when a test says so. */
import { type FileOperations, systemFileOperations } from '../../../src/disk/system/operations.js';
import { systemError } from './disk-worker.js';

export const DISK_ERRORS = ['ENOSPC', 'EIO', 'EACCES', 'EROFS', 'EMFILE'] as const;

export type Call = Exclude<keyof FileOperations, 'flushesFolders'>;
/** Says with which error code a call fails; null: it works. `index` counts all calls that were made before it. */
export type Fault = (call: Call, index: number, given: readonly unknown[]) => string | null;

export const NO_FAULT: Fault = () => null;

const SYSTEM_CALLS: Partial<Record<Call, string>> = { flush: 'fdatasync', facts: 'fstat', setLength: 'ftruncate' };

/**
 * Operations that fail as `fault` says, and the list of the calls that were made. Nothing is flushed, because no power
 * is cut in these tests.
 */
export function faulty(fault: Fault): { readonly operations: FileOperations; readonly calls: Call[] } {
  const calls: Call[] = [];
  const failing = (call: Call, given: readonly unknown[]): Error | null => {
    const code = fault(call, calls.length, given);
    calls.push(call);
    return code === null ? null : systemError(code, SYSTEM_CALLS[call] ?? call);
  };
  const operations = { ...systemFileOperations } as Record<string, unknown>;
  for (const call of Object.keys(systemFileOperations) as (Call | 'flushesFolders')[]) {
    if (call === 'flushesFolders' || call === 'flush') continue;
    const real = systemFileOperations[call] as (...given: unknown[]) => unknown;
    operations[call] = (...given: unknown[]) => {
      const error = failing(call, given);
      // The descriptor is gone even when closing it fails.
      if (error !== null && call === 'close') real(...given);
      if (error !== null) throw error;
      return real(...given);
    };
  }
  // In these tests a process begins within the same tick of the file system's clock in which the one before it wrote
  // its last byte, so no date tells the two apart. To start a real process takes longer.
  operations['setChangedAt'] = (...given: unknown[]) => {
    const error = failing('setChangedAt', given);
    if (error !== null) throw error;
  };
  operations['flush'] = (descriptor: number, answered: (error: Error | null) => void) =>
    answered(failing('flush', [descriptor]));
  return { operations: operations as unknown as FileOperations, calls };
}
