/**
 * What the machine lacks, told as a failure. It may show anywhere: in the loading of a module, the start of a thread, a
 * buffer. Such an error is no bug of ours, though no code expects it.
 */
import { BtgetError, type FailureCode } from '../base/failure.js';

type Lack = readonly [code: FailureCode, what: string, help: string];

const DESCRIPTORS: Lack = ['cannot-open', 'too few files may be open at once', 'raise the limit with ulimit -n'];
const THREADS: Lack = ['failed', 'no process or thread can be started', 'raise the limit with ulimit -u'];
const MEMORY: Lack = ['failed', 'there is too little memory', 'raise the limit with ulimit -v, or end other programs'];

/** By the code of a system call or of Node. */
const LACKS: Readonly<Record<string, Lack>> = {
  EMFILE: DESCRIPTORS,
  ENFILE: ['cannot-open', 'too many files are open on this machine', 'end other programs'],
  EAGAIN: THREADS,
  ENOMEM: MEMORY,
  ERR_WORKER_OUT_OF_MEMORY: MEMORY,
  ERR_MEMORY_ALLOCATION_FAILED: MEMORY,
};

/** Words of errors that have no code of their own. */
const MEMORY_WORDS = /^(?:Array buffer allocation failed|Invalid array buffer length|Failed to allocate memory)/;

/** Null when no lack of the machine explains `error`. */
export function machineFailure(error: unknown): BtgetError | null {
  if (!(error instanceof Error)) return null;
  const code = codeOf(error);
  const lack = lackOf(error);
  if (lack !== null) {
    const [failure, what, help] = lack;
    return new BtgetError(failure, `${what} (${code === '' ? error.message : code}); ${help}`, { cause: error });
  }
  if (code === 'ENOENT' && 'syscall' in error && error.syscall === 'uv_cwd')
    return new BtgetError('cannot-open', 'the current folder has been removed; change to another one', {
      cause: error,
    });
  return null;
}

/** What to do about `error`, where a lack of the machine explains it; else null. */
export function machineHelp(error: unknown): string | null {
  return (error instanceof Error ? lackOf(error)?.[2] : null) ?? null;
}

function lackOf(error: Error): Lack | null {
  const code = codeOf(error);
  if (Object.hasOwn(LACKS, code)) return LACKS[code] ?? null;
  return MEMORY_WORDS.test(error.message) ? MEMORY : null;
}

/** A thread that does not start says the system's word in its message: `Worker initialization failure: EMFILE`. */
function codeOf(error: Error): string {
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  if (code !== 'ERR_WORKER_INIT_FAILED') return code;
  return /: (E[A-Z0-9]+)$/.exec(error.message)?.[1] ?? 'EAGAIN';
}
