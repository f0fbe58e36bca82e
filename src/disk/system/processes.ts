/** What one process can know of others, so that a lock of a dead one can be told from a lock of a living one. */
import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';
import { systemUser } from '../file-user.js';
import type { FileUser } from './trust.js';

export interface ProcessFacts {
  readonly pid: number;
  readonly host: string;
  /** Where process ids mean the same: one machine, or one container on it. */
  readonly space: string;
  /** As whom it makes files; null where the system knows no users. */
  readonly user: FileUser | null;
  /**
   * When that process of our own space began, in words that no other process has had with that id, or null where the
   * system does not tell. Undefined when there is no such process.
   */
  startOf(pid: number): string | null | undefined;
  /** How the machine came up, or null where the system does not tell. By the clock as it is now: that may be set. */
  boot(): Boot | null;
}

export interface Boot {
  /** What `startOf` of every process since then begins with, before a `/`. */
  readonly id: string;
  /** Nanoseconds since 1970, not later than it was. */
  readonly at: bigint;
}

export const systemProcesses: ProcessFacts = {
  pid: process.pid,
  host: hostname(),
  space: processSpace(),
  user: systemUser(),
  startOf,
  boot,
};

function processSpace(): string {
  try {
    return readlinkSync('/proc/self/ns/pid');
  } catch {
    // A system without /proc has no such spaces either.
    return '';
  }
}

function startOf(pid: number): string | null | undefined {
  try {
    process.kill(pid, 0);
  } catch (error) {
    // EPERM: it is there, and somebody else's.
    if (!(error instanceof Error && 'code' in error && error.code === 'EPERM')) return undefined;
  }
  try {
    // proc(5): the name, in parentheses, may hold anything; after it come the state and, as 22nd of all, the start in
    // ticks since boot.
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    if (fields[0] === 'Z' || fields[0] === 'X') return undefined;
    return `${bootId()}/${fields[19]}`;
  } catch {
    // No /proc here, or it has ended between the two questions; then the next one finds that out.
    return null;
  }
}

function boot(): Boot | null {
  try {
    // proc(5): "btime: boot time, in seconds since the Epoch".
    const seconds = /^btime (\d+)$/m.exec(readFileSync('/proc/stat', 'utf8'))?.[1];
    return seconds === undefined ? null : { id: bootId(), at: BigInt(seconds) * 1_000_000_000n };
  } catch {
    return null;
  }
}

function bootId(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
}
