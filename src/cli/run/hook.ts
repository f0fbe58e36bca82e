/** `--on-complete`: runs a program when a torrent is done. No text of a torrent reaches a shell. */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import type { Socket } from 'node:net';
import type { Millis, Timers } from '../../base/clock.js';
import { BtgetError } from '../../base/failure.js';
import { systemPath } from '../../base/raw-name.js';
import type { Environment } from '../io.js';
import { jsonLine } from '../output/escape.js';

/** What the program learns of the torrent that is done. */
export interface HookResult {
  readonly name: string;
  /** The main one, 40 digits. */
  readonly infoHash: string;
  /** 64 digits; null when the torrent is of version 1 alone. */
  readonly infoHashV2: string | null;
  /** The folder that `--dir` names. */
  readonly dir: string;
  /** The torrent's file or top folder. */
  readonly path: string;
  /** The finished files. */
  readonly paths: readonly string[];
  /** Bytes that the user wants. */
  readonly length: number;
}

/** Bytes. Linux takes no variable above 128 KiB. The result of a torrent with many files is on stdin only. */
const MAX_VARIABLE = 100_000;

/**
 * Splits a command into words at blanks. A blank in quotes or behind a backslash does not split. Throws a 'usage'
 * failure when there is no word, or when a quote is not closed.
 */
export function splitCommand(text: string): readonly string[] {
  const words: string[] = [];
  const pattern = /\s*((?:[^\s"'\\]+|\\.|"(?:[^"\\]|\\.)*"|'[^']*')+)/suy;
  let end = 0;
  for (let match = pattern.exec(text); match !== null; match = pattern.exec(text)) {
    words.push(unquote(match[1] ?? ''));
    end = pattern.lastIndex;
  }
  if (text.slice(end).trim() !== '')
    throw new BtgetError('usage', `--on-complete: cannot read '${text}': a quote is not closed`);
  if (words.length === 0) throw new BtgetError('usage', `--on-complete: '${text}' names no program`);
  return words;
}

function unquote(word: string): string {
  return word.replace(/\\(.)|"((?:[^"\\]|\\.)*)"|'([^']*)'/gsu, (_all, escaped, double, single) =>
    escaped !== undefined ? escaped : double !== undefined ? double.replace(/\\(.)/gsu, '$1') : single,
  );
}

/** A program that it has begun may hold its pipes open for long after its own end. */
const LAST_WORDS: Millis = 100;

/**
 * Runs `command` with the result on its stdin and in its environment. `say` gets each line that the program prints.
 * Answers once, when the program has ended: with null, or with a sentence that tells what went wrong.
 */
export function runHook(
  command: readonly string[],
  result: HookResult,
  env: Environment,
  timers: Timers,
  say: (line: string) => void,
  answered: (failure: string | null) => void,
): void {
  const [program = '', ...args] = command;
  const json = jsonLine(result);
  let isAnswered = false;
  const answer = (failure: string | null): void => {
    if (!isAnswered) answered(failure);
    isAnswered = true;
  };
  const cannotRun = ({ code, message }: NodeJS.ErrnoException): void =>
    answer(`--on-complete ${program}: cannot be run: ${code ?? message}`);
  let child: ChildProcessWithoutNullStreams;
  try {
    child = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'], env: { ...env, ...variablesOf(result, json) } });
  } catch (error) {
    // Node emits some errors of the system, and throws others.
    if (!(error instanceof Error)) throw error;
    timers.addTask(() => cannotRun(error), 0);
    return;
  }
  child.on('error', cannotRun);
  // Nothing runs, and there may be no pipes to it.
  if (child.pid === undefined) return;
  // A program need not read its stdin.
  child.stdin.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE' && error.code !== 'ECONNRESET') answer(`--on-complete ${program}: ${error.message}`);
  });
  child.stdin.end(`${json}\n`);
  const flushes = [child.stdout, child.stderr].map((stream) => {
    let rest = '';
    stream.setEncoding('utf8');
    stream.on('data', (text: string) => {
      const lines = (rest + text).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) say(line);
    });
    return (): void => {
      if (rest !== '') say(rest);
      rest = '';
      // Whoever still writes there may go on, and does not keep our process alive.
      (stream as Socket).unref();
    };
  });
  child.on('exit', (code, signal) => {
    const end = (): void => {
      late.cancel();
      for (const flush of flushes) flush();
      answer(code === 0 ? null : `--on-complete ${program}: ended with ${signal ?? `exit code ${code}`}`);
    };
    const late = timers.addTask(end, LAST_WORDS);
    child.on('close', end);
  });
}

/**
 * A variable that says nothing of this torrent is undefined: where the program of another btget has begun ours, it
 * would tell of the torrent of that one.
 */
function variablesOf(result: HookResult, json: string): Readonly<Record<string, string | undefined>> {
  const { name, infoHash, infoHashV2, dir, path } = result;
  return {
    BTGET_NAME: name,
    BTGET_INFO_HASH: infoHash,
    BTGET_INFO_HASH_V2: infoHashV2 ?? undefined,
    BTGET_DIR: dir,
    // Node can hand on no other bytes than UTF-8, and another name would lead nowhere.
    BTGET_PATH: typeof systemPath(path) === 'string' ? path : undefined,
    BTGET_RESULT: Buffer.byteLength(json) <= MAX_VARIABLE ? json : undefined,
  };
}
