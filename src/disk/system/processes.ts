/** What one process can know of others, to tell the lock of a dead process from the lock of a living one. */
import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';
import { systemCode } from '../../base/failure.js';
import type { FileUser } from './trust.js';

export interface ProcessFacts {
  readonly pid: number;
  readonly host: string;
  /** Where a process id always means the same process: one machine, or one container on it. */
  readonly space: string;
  /** The user that it runs as; null where the system knows no users. */
  readonly user: FileUser | null;
  /**
   * When the process `pid` of our own space began, in a text that no other process with that id ever had. Null where
   * the system does not tell. Undefined when there is no such process.
   */
  startOf(pid: number): string | null | undefined;
  /**
   * When the machine last came up, or null where the system does not tell. The clock may have been set since then: this
   * is by the clock as it is now.
   */
  boot(): Boot | null;
}

export interface Boot {
  /** The text before the `/` in `startOf` of every process since then. */
  readonly id: string;
  /** Nanoseconds since 1970; not later than the machine came up. */
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
    // EPERM: the process is there, and is another user's.
    if (systemCode(error) !== 'EPERM') return undefined;
  }
  try {
    // proc(5): the name, in parentheses, may hold anything; after it come the state and, as 22nd of all, the start in
    // ticks since boot.
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    if (fields[0] === 'Z' || fields[0] === 'X') return undefined;
    return `${bootId()}/${fields[19]}`;
  } catch {
    // There is no /proc here, or the process ended between the two questions. Then the next look finds that out.
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

/**
 * The user that this process runs as, and whether other users share its groups. Null where the system has no numbers
 * for users.
 */
function systemUser(): FileUser | null {
  const id = process.geteuid?.();
  if (id === undefined) return null;
  const known = new Map<number, boolean>();
  return {
    id,
    hasGroupAlone(group) {
      const answer = known.get(group) ?? isGroupAlone(id, group, table('/etc/passwd'), table('/etc/group'));
      known.set(group, answer);
      return answer;
    },
  };
}

/**
 * Whether the user `id` is the only one in the group `group`, by the tables of passwd(5) and group(5). Many systems
 * make such a group for each user. Root does not count as another user. False when the tables do not say so, because
 * users may be known elsewhere.
 */
export function isGroupAlone(id: number, group: number, passwd: string, groups: string): boolean {
  const users = linesOf(passwd);
  const entries = linesOf(groups).filter(([, , number]) => number === String(group));
  // A name with "+" or "-" says that more of the table lies in the network.
  if ([...users, ...linesOf(groups)].some(([name = '']) => /^[+-]/.test(name))) return false;
  const isOurs = (number: string | undefined): boolean => number === String(id) || number === '0';
  const primary = users.filter(([, , , its]) => its === String(group)).map(([, , number]) => number);
  const members = entries
    .flatMap(([, , , names = '']) => names.split(','))
    .filter((name) => name !== '')
    .map((name) => users.find(([its]) => its === name)?.[2]);
  return entries.length > 0 && primary.includes(String(id)) && [...primary, ...members].every(isOurs);
}

function linesOf(text: string): string[][] {
  return text
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => line.split(':'));
}

function table(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
