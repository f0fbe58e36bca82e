import { type ChildProcessByStdio, spawn } from 'node:child_process';
import type { Readable } from 'node:stream';
import { type Bill, billOf, cpuOfEndedChildren, residentMemoryOf } from './bill.js';

export interface Program {
  readonly command: string;
  readonly args: readonly string[];
  /** Variables besides the bench's own. */
  readonly env?: Readonly<Record<string, string>>;
}

/** What a whole run of a program cost. A type, so that it is a Measurement. */
export type Cost = Readonly<{
  /** Seconds from its start to its end. */
  wall: number;
  cpu: number;
  memory: number;
}>;

export interface Ran {
  readonly cost: Cost;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RanTogether {
  /** From the start to the last end, the processor time of all, and the most memory that one of them held. */
  readonly cost: Cost;
  readonly each: readonly { readonly wall: number; readonly stdout: string; readonly stderr: string }[];
}

const SAMPLE_INTERVAL = 20;
// What a program says is kept for its last words only; a chatty one must not fill the memory.
const MOST_OUTPUT = 1 << 20;

/** Every program that the bench has started and that still lives, so that none outlives it. */
export class Processes {
  readonly #living = new Set<RunningProgram>();

  /** Resolves when `until` matches what the program says on either output; rejects when it ends before. */
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
   * Runs programs at the same time, all to their end, and measures them. Rejects when an exit code is not 0. Nothing else
   * that was started may end meanwhile: the kernel tells the exact time only of all ended children together.
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
          if (code !== 0) throw new Error(one.epitaph(code));
          return { wall: (at - began) / 1000, stdout: one.stdout, stderr: one.stderr };
        }),
      );
      const wall = Math.max(...each.map((one) => one.wall));
      return { cost: { wall, cpu: cpuOfEndedChildren() - cpuBefore, memory: Math.max(...memory) }, each };
    } finally {
      clearInterval(sampling);
    }
  }

  /** The programs that live now, to be handed to `endAllBut`. */
  living(): ReadonlySet<RunningProgram> {
    return new Set(this.#living);
  }

  async endAllBut(kept: ReadonlySet<RunningProgram>): Promise<void> {
    await Promise.all([...this.#living].filter((program) => !kept.has(program)).map((program) => program.end()));
  }

  /** At once, and without waiting: for the bench's own end. */
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

export interface Started {
  readonly running: RunningProgram;
  readonly found: RegExpExecArray;
}

interface End {
  readonly code: number | string | null;
  /** On the clock of `performance.now`. */
  readonly at: number;
}

export class RunningProgram {
  stdout = '';
  stderr = '';
  /** Rejects when it could not be started. */
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

  /** What it has cost so far; undefined when it has ended. */
  bill(): Bill | undefined {
    return this.#child.pid === undefined ? undefined : billOf(this.#child.pid);
  }

  /** Memory that is resident now, MiB; undefined when it has ended. */
  resident(): number | undefined {
    return this.#child.pid === undefined ? undefined : residentMemoryOf(this.#child.pid);
  }

  /** Resolves when `pattern` stands on either output; rejects when the program ends without it. */
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
      this.ended.then(({ code }) => reject(new Error(this.epitaph(code))), reject);
    });
  }

  /** Asks it to end, and makes it after a while. Resolves when it is gone. */
  async end(): Promise<void> {
    this.#child.kill('SIGINT');
    const PATIENCE = 3000;
    const impatience = setTimeout(() => this.#child.kill('SIGKILL'), PATIENCE);
    await this.ended.catch(() => undefined);
    clearTimeout(impatience);
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }

  epitaph(code: End['code']): string {
    const lines = (this.stderr.trim() || this.stdout.trim()).split('\n');
    // Where a program dies with a trace, the line that names the error tells more than the last ones.
    const lastWords = lines.findLast((line) => /error/i.test(line)) ?? lines.slice(-3).join(' / ');
    return `${lastWords} (exit ${code} of ${[this.#program.command, ...this.#program.args].join(' ')})`;
  }
}
