import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** What one run of a program cost. */
export interface Cost {
  /** Seconds from its start to its end. */
  readonly wall: number;
  /** Seconds of processor time, user and system. */
  readonly cpu: number;
  /** Most memory that it held, MiB. */
  readonly memory: number;
}

const TICKS_PER_SECOND = 100;
const SAMPLE_INTERVAL = 20;

/** Runs a program to its end, looking at its bill in /proc as long as it lives. Throws when it fails. */
export function measure(command: string, args: readonly string[]): Promise<Cost> {
  return new Promise((resolve, reject) => {
    const began = performance.now();
    const child = spawn(command, args, { stdio: ['ignore', 'ignore', 'pipe'] });
    let said = '';
    let cost = { cpu: 0, memory: 0 };
    const sampling = setInterval(() => {
      cost = sample(child.pid) ?? cost;
    }, SAMPLE_INTERVAL);
    child.stderr.on('data', (data) => {
      said += data;
    });
    child.on('error', reject);
    child.on('close', (code) => {
      clearInterval(sampling);
      if (code === 0) resolve({ wall: (performance.now() - began) / 1000, ...cost });
      else reject(new Error(`${command} ${args.join(' ')} ended with ${code}: ${said}`));
    });
  });
}

/** The bill of a living process so far; undefined when it is gone. */
function sample(pid: number | undefined): { cpu: number; memory: number } | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // Fields are counted behind the name in brackets, which may hold blanks: the 14th and 15th are user and system time.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const memory = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1];
    if (memory === undefined) return undefined;
    return { cpu: (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND, memory: Number(memory) / 1024 };
  } catch {
    // The process ended between two looks at it; its last bill stands.
    return undefined;
  }
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}
