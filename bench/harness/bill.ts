import { readFileSync } from 'node:fs';

/** What a program has cost so far. */
export interface Bill {
  /** Seconds of processor time of all its threads, user and system. */
  readonly cpu: number;
  /** The most memory that was resident at once, MiB; mapped files count. */
  readonly memory: number;
}

// USER_HZ, the unit of times in /proc, is 100 on every Linux.
const TICKS_PER_SECOND = 100;

/** The bill of a living process; undefined when it is gone. */
export function billOf(pid: number): Bill | undefined {
  try {
    const [user, system] = timesOf(pid);
    const memory = memoryOf(pid, 'VmHWM');
    return memory === undefined ? undefined : { cpu: user + system, memory };
  } catch {
    return undefined;
  }
}

/** The memory of a living process that is resident now, MiB; undefined when it is gone. */
export function residentMemoryOf(pid: number): number | undefined {
  try {
    return memoryOf(pid, 'VmRSS');
  } catch {
    return undefined;
  }
}

/** A process that has ended and is not yet waited for has no memory any more. */
function memoryOf(pid: number, field: string): number | undefined {
  const status = readFileSync(`/proc/${pid}/status`, 'latin1');
  const kib = new RegExp(`${field}:\\s+(\\d+) kB`).exec(status)?.[1];
  return kib === undefined ? undefined : Number(kib) / 1024;
}

/** Seconds of processor time of all children of this process that have ended. */
export function cpuOfEndedChildren(): number {
  const [, , user, system] = timesOf('self');
  return user + system;
}

/** User and system time of a process, and of its ended children, in seconds. */
function timesOf(pid: number | 'self'): [number, number, number, number] {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  // Fields are counted behind the name in brackets, which may hold blanks: these are the 14th to the 17th.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const seconds = (field: number): number => Number(fields[field]) / TICKS_PER_SECOND;
  return [seconds(11), seconds(12), seconds(13), seconds(14)];
}
