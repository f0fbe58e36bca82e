import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import type { Readable } from 'node:stream';

export interface Program {
  readonly command: string;
  readonly args: readonly string[];
  /** Environment variables, besides those of the bench itself. */
  readonly env?: Readonly<Record<string, string>>;
}

/** What a program has cost so far. */
interface Bill {
  /** Seconds of processor time of all its threads, user and system. */
  readonly cpu: number;
  /** The most memory that was resident at once, in MiB. Mapped files count. */
  readonly memory: number;
}

/** The cost of a whole run of a program. An interface would not be assignable to Measurement, so it is a type. */
export type Cost = Readonly<{
  /** Seconds from its start to its end. */
  wall: number;
  /** As in `Bill`. */
  cpu: number;
  /** As in `Bill`. */
  memory: number;
}>;

export interface Ran {
  readonly cost: Cost;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RanTogether {
  /** The time from the start to the last end, the processor time of all, and the most memory that one of them held. */
  readonly cost: Cost;
  readonly each: readonly { readonly wall: number; readonly stdout: string; readonly stderr: string }[];
}

/** Milliseconds. */
const SAMPLE_INTERVAL = 20;
// We keep the end of the output for the message of a failure. A program that prints a lot must not fill the memory.
const MOST_OUTPUT = 1 << 20;

/** Starts programs and knows those that still live, so that no program outlives the bench. */
export class Processes {
  readonly #living = new Set<RunningProgram>();

  /** Resolves when `until` matches what the program has printed; rejects when the program ends before. */
  async start(program: Program, until: RegExp): Promise<Started> {
    const running = this.#spawn(program);
    const found = await running.says(until);
    return { running, found };
  }

  /** Runs a program to its end and measures it; see `runTogether`. */
  async run(program: Program): Promise<Ran> {
    const { cost, each } = await this.runTogether([program]);
    const [{ stdout, stderr } = { stdout: '', stderr: '' }] = each;
    return { cost, stdout, stderr };
  }

  /**
   * Runs programs at the same time, all to their end, and measures them. Rejects when an exit code is not 0. No other
   * program of the bench may end meanwhile: the kernel tells the exact processor time only of all ended children
   * together.
   */
  async runTogether(programs: readonly Program[]): Promise<RanTogether> {
    const cpuBefore = cpuOfEndedChildren();
    const began = performance.now();
    const running = programs.map((program) => this.#spawn(program));
    const memory = running.map(() => 0);
    const sampling = setInterval(() => {
      for (const [index, one] of running.entries()) memory[index] = one.bill()?.memory ?? memory[index] ?? 0;
    }, SAMPLE_INTERVAL);
    try {
      const each = await Promise.all(
        running.map(async (one) => {
          const { code, at } = await one.ended;
          if (code !== 0) throw new Error(one.describeEnd(code));
          return { wall: (at - began) / 1000, stdout: one.stdout, stderr: one.stderr };
        }),
      );
      const wall = Math.max(...each.map((one) => one.wall));
      return { cost: { wall, cpu: cpuOfEndedChildren() - cpuBefore, memory: Math.max(...memory) }, each };
    } finally {
      clearInterval(sampling);
    }
  }

  /** The programs that live now. */
  living(): ReadonlySet<RunningProgram> {
    return new Set(this.#living);
  }

  /** Ends all programs but `kept`; resolves when they are gone. */
  async endAllBut(kept: ReadonlySet<RunningProgram>): Promise<void> {
    await Promise.all([...this.#living].filter((program) => !kept.has(program)).map((program) => program.end()));
  }

  /** Kills all programs and does not wait: for the end of the bench itself. */
  killAll(): void {
    for (const program of this.#living) program.kill();
  }

  #spawn(program: Program): RunningProgram {
    const running = new RunningProgram(program);
    this.#living.add(running);
    const forget = (): void => {
      this.#living.delete(running);
    };
    running.ended.then(forget, forget);
    return running;
  }
}

/** A program that has printed what the caller waited for. */
export interface Started {
  readonly running: RunningProgram;
  /** The match. */
  readonly found: RegExpExecArray;
}

interface End {
  /** The exit code, or the name of the signal. */
  readonly code: number | string | null;
  /** On the clock of `performance.now`. */
  readonly at: number;
}

/** A program and what it has printed, of which only the last MiB is kept. */
export class RunningProgram {
  stdout = '';
  stderr = '';
  /** Rejects when the program could not be started. */
  readonly ended: Promise<End>;
  readonly #program: Program;
  readonly #child: ChildProcessByStdio<null, Readable, Readable>;
  readonly #listeners = new Set<() => void>();

  constructor(program: Program) {
    this.#program = program;
    this.#child = spawn(program.command, program.args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...program.env },
    });
    this.#child.stdout.setEncoding('utf8').on('data', (text: string) => {
      this.stdout = (this.stdout + text).slice(-MOST_OUTPUT);
      for (const look of this.#listeners) look();
    });
    this.#child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.stderr = (this.stderr + text).slice(-MOST_OUTPUT);
      for (const look of this.#listeners) look();
    });
    this.ended = new Promise((resolve, reject) => {
      let at = 0;
      this.#child.once('error', reject);
      this.#child.once('exit', () => {
        at = performance.now();
      });
      this.#child.once('close', (code, signal) => resolve({ code: code ?? signal, at }));
    });
  }

  /** The cost so far; undefined when the program has ended. */
  bill(): Bill | undefined {
    return this.#child.pid === undefined ? undefined : billOf(this.#child.pid);
  }

  /** The memory that is resident now, in MiB; undefined when the program has ended. */
  resident(): number | undefined {
    return this.#child.pid === undefined ? undefined : residentMemoryOf(this.#child.pid);
  }

  /** Resolves when `pattern` matches one of the outputs; rejects when the program ends without a match. */
  says(pattern: RegExp): Promise<RegExpExecArray> {
    return new Promise((resolve, reject) => {
      const look = (): void => {
        const match = pattern.exec(this.stderr) ?? pattern.exec(this.stdout);
        if (match === null) return;
        this.#listeners.delete(look);
        resolve(match);
      };
      this.#listeners.add(look);
      look();
      this.ended.then(({ code }) => reject(new Error(this.describeEnd(code))), reject);
    });
  }

  /** Asks the program to end, and kills it when it is slow. Resolves when it is gone. */
  async end(): Promise<void> {
    this.#child.kill('SIGINT');
    const KILL_AFTER = 3000;
    const killing = setTimeout(() => this.#child.kill('SIGKILL'), KILL_AFTER);
    await this.ended.catch(() => undefined);
    clearTimeout(killing);
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }

  /** One line that tells how the program ended: its last words and its exit code. */
  describeEnd(code: End['code']): string {
    const lines = (this.stderr.trim() || this.stdout.trim()).split('\n');
    // When a program dies with a stack trace, the line that names the error tells more than the last lines.
    const lastWords = lines.findLast((line) => /error/i.test(line)) ?? lines.slice(-3).join(' / ');
    return `${lastWords} (exit ${code} of ${[this.#program.command, ...this.#program.args].join(' ')})`;
  }
}

// USER_HZ, the unit of times in /proc, is 100 on every Linux.
const TICKS_PER_SECOND = 100;

/** The bill of a living process; undefined when the process is gone. */
function billOf(pid: number): Bill | undefined {
  try {
    const [user, system] = timesOf(pid);
    const memory = memoryOf(pid, 'VmHWM');
    return memory === undefined ? undefined : { cpu: user + system, memory };
  } catch {
    return undefined;
  }
}

/** The memory of a living process that is resident now, in MiB; undefined when the process is gone. */
function residentMemoryOf(pid: number): number | undefined {
  try {
    return memoryOf(pid, 'VmRSS');
  } catch {
    return undefined;
  }
}

/** Undefined when the process has ended but its parent has not waited for it: it has no memory any more. */
function memoryOf(pid: number, field: string): number | undefined {
  const status = readFileSync(`/proc/${pid}/status`, 'latin1');
  const kib = new RegExp(`${field}:\\s+(\\d+) kB`).exec(status)?.[1];
  return kib === undefined ? undefined : Number(kib) / 1024;
}

/** Seconds of processor time of all children of this process that have ended. */
function cpuOfEndedChildren(): number {
  const [, , user, system] = timesOf('self');
  return user + system;
}

/** User and system time of a process, and of its ended children, in seconds. */
function timesOf(pid: number | 'self'): [number, number, number, number] {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  // We count fields after the name in brackets, because the name may hold blanks. These are the 14th to the 17th.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const seconds = (field: number): number => Number(fields[field]) / TICKS_PER_SECOND;
  return [seconds(11), seconds(12), seconds(13), seconds(14)];
}
